package send

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
	"google.golang.org/protobuf/encoding/protowire"
)

// The content types of OTLP/HTTP.
const (
	ContentProtobuf = "application/x-protobuf"
	ContentJSON     = "application/json"
)

// HTTPOptions says how an HTTP sender talks.
type HTTPOptions struct {
	// ContentType is what the bodies are: ContentProtobuf (the default) or ContentJSON.
	ContentType string
	// Gzip compresses bodies with gzip at its fastest level.
	Gzip bool
	// Timeout bounds one request; 0 means 60 s.
	Timeout time.Duration
}

type httpSender struct {
	client *http.Client
	base   string
	o      HTTPOptions
}

// NewHTTP returns a sender of OTLP/HTTP to base, "http://host:port".
func NewHTTP(base string, o HTTPOptions) Sender {
	if o.ContentType == "" {
		o.ContentType = ContentProtobuf
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	return &httpSender{client: &http.Client{Transport: transport, Timeout: o.Timeout}, base: base, o: o}
}

func (s *httpSender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *httpSender) Send(ctx context.Context, signal Signal, body []byte) Outcome {
	if s.o.Gzip {
		body = gzipped(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/v1/"+signal.String(), bytes.NewReader(body))
	if err != nil {
		return Outcome{Code: "invalid request", Message: err.Error()}
	}
	req.Header.Set("Content-Type", s.o.ContentType)
	if s.o.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return Outcome{Code: "no answer", Message: err.Error(), Retryable: ctx.Err() == nil}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return Outcome{Code: "no answer", Message: err.Error(), Retryable: ctx.Err() == nil}
	}
	if resp.StatusCode == http.StatusOK {
		return s.accepted(answer)
	}
	o := Outcome{Code: strconv.Itoa(resp.StatusCode), Message: string(answer)}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		o.Retryable = true
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		o.RetryAfter = time.Duration(seconds) * time.Second
	}
	return o
}

func (s *httpSender) accepted(answer []byte) Outcome {
	o := Outcome{Code: OK}
	if s.o.ContentType == ContentProtobuf {
		o.Rejected, o.Message = partialSuccess(answer)
		return o
	}
	// In JSON a 64-bit integer is a string, and some servers send a number.
	var r struct {
		PartialSuccess struct {
			RejectedSpans any    `json:"rejectedSpans"`
			ErrorMessage  string `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &r) == nil {
		o.Message = r.PartialSuccess.ErrorMessage
		switch n := r.PartialSuccess.RejectedSpans.(type) {
		case string:
			o.Rejected, _ = strconv.ParseInt(n, 10, 64)
		case float64:
			o.Rejected = int64(n)
		}
	}
	return o
}

func gzipped(body []byte) []byte {
	var out bytes.Buffer
	// A writer into memory at a valid level cannot fail.
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, _ = z.Write(body)
	_ = z.Close()
	return out.Bytes()
}

// partialSuccess reads an Export…ServiceResponse: {1: {1: rejected items, 2: message}}.
func partialSuccess(answer []byte) (rejected int64, message string) {
	for len(answer) > 0 {
		num, typ, n := protowire.ConsumeTag(answer)
		if n < 0 {
			return rejected, message
		}
		answer = answer[n:]
		size := protowire.ConsumeFieldValue(num, typ, answer)
		if size < 0 {
			return rejected, message
		}
		switch {
		case typ == protowire.BytesType && num == 1:
			inner, _ := protowire.ConsumeBytes(answer)
			r, m := partialSuccess(inner)
			rejected, message = rejected+r, message+m
		case typ == protowire.BytesType && num == 2:
			text, _ := protowire.ConsumeBytes(answer)
			message = string(text)
		case typ == protowire.VarintType && num == 1:
			v, _ := protowire.ConsumeVarint(answer)
			rejected = int64(v)
		}
		answer = answer[size:]
	}
	return rejected, message
}
