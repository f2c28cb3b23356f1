package otlpsloreceiver

import (
	"mime"
	"net/http"
	"strconv"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// encoding is how an OTLP/HTTP request is written; its answer is written likewise.
type encoding uint8

const (
	protobufEncoding encoding = iota
	jsonEncoding
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
	plainType    = "text/plain; charset=utf-8"
)

func encodingOf(req *http.Request) (encoding, bool) {
	mediaType, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		return 0, false
	}
	switch mediaType {
	case protobufType:
		return protobufEncoding, true
	case jsonType:
		return jsonEncoding, true
	}
	return 0, false
}

func (e encoding) contentType() string { return [...]string{protobufType, jsonType}[e] }

// format is the name that the receiver's own telemetry gives the encoding.
func (e encoding) format() string { return [...]string{"protobuf", "json"}[e] }

// message is what pdata's requests and responses have in common.
type message interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func decode(e encoding, m message, body []byte) error {
	if e == jsonEncoding {
		return m.UnmarshalJSON(body)
	}
	return m.UnmarshalProto(body)
}

func encode(e encoding, m message) ([]byte, error) {
	if e == jsonEncoding {
		return m.MarshalJSON()
	}
	return m.MarshalProto()
}

func (e encoding) marshalStatus(s *spb.Status) ([]byte, error) {
	if e == jsonEncoding {
		return protojson.Marshal(s)
	}
	return proto.Marshal(s)
}

// writeStatus answers with an error as a google.rpc.Status in the request's encoding. A code of 0 takes the one that the
// status stands for.
func writeStatus(w http.ResponseWriter, e encoding, code int, err error) {
	s := status.Convert(err)
	if code == 0 {
		code = httpCode(s)
	}
	if delay := retryAfter(s); delay > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((delay+time.Second-1)/time.Second)))
	}
	body, err := e.marshalStatus(s.Proto())
	if err != nil {
		writePlain(w, code, s.Message())
		return
	}
	write(w, code, e.contentType(), body)
}

func writePlain(w http.ResponseWriter, code int, message string) {
	write(w, code, plainType, []byte(strconv.Itoa(code)+" "+message))
}

func write(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write(body) // the sender is gone if it fails
}

// handleTransportError answers what confighttp refuses before a handler sees it: unknown compression, broken compression,
// missing authentication.
func (r *otlpReceiver) handleTransportError(w http.ResponseWriter, req *http.Request, message string, code int) {
	grpcCode := codes.InvalidArgument
	switch {
	case code == http.StatusBadRequest && !knownCompression(req.Header.Get("Content-Encoding")):
		code, grpcCode = http.StatusUnsupportedMediaType, codes.Unimplemented
		r.refusals.add(refusalEncoding)
	case code == http.StatusBadRequest:
		r.refusals.add(refusalBody)
	case code == http.StatusUnauthorized:
		grpcCode = codes.Unauthenticated
	}
	e, ok := encodingOf(req)
	if !ok {
		writePlain(w, code, message)
		return
	}
	writeStatus(w, e, code, status.Error(grpcCode, message))
}
