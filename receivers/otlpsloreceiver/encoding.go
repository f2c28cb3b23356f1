package otlpsloreceiver

import (
	"mime"
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/nesting"
)

// encoding is how an OTLP request is written; its answer is written likewise.
type encoding uint8

const (
	protobufEncoding encoding = iota
	jsonEncoding
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// encodingOf returns the encoding that a Content-Type names, and false where it names none of OTLP.
func encodingOf(header http.Header) (encoding, bool) {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
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

// format is the name that the Collector's own telemetry has for the encoding.
func (e encoding) format() string { return [...]string{"protobuf", "json"}[e] }

func (e encoding) decode(m message, body []byte, checkProto func([]byte) error) error {
	if e == jsonEncoding {
		if err := nesting.CheckJSON(body); err != nil {
			return err
		}
		return m.UnmarshalJSON(body)
	}
	if err := checkProto(body); err != nil {
		return err
	}
	return m.UnmarshalProto(body)
}

var emptyJSON = []byte("{}")

// encodeAnswer returns the encoded response; nil is the one without a word, no bytes in protobuf.
func (e encoding) encodeAnswer(m message) ([]byte, error) {
	switch {
	case e == protobufEncoding && m == nil:
		return nil, nil
	case e == protobufEncoding:
		return m.MarshalProto()
	case m == nil:
		return emptyJSON, nil
	default:
		return m.MarshalJSON()
	}
}

func (e encoding) encodeStatus(s *spb.Status) ([]byte, error) {
	if e == jsonEncoding {
		return protojson.Marshal(s)
	}
	return proto.Marshal(s)
}
