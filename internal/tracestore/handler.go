package tracestore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Handler serves the part of Tempo's query API that Grafana's data source opens a trace with:
//
//	GET /api/traces/{id}     the message Trace, or {"batches": […]}
//	GET /api/v2/traces/{id}  the message TraceByIDResponse, whose field 1 is the Trace, or {"trace": {"resourceSpans": […]}}
//	GET /api/echo, /ready    the health checks
//
// Answers are JSON, OTLP's with ids in hex, but protobuf where the request accepts application/protobuf.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, func(trace []byte) []byte { return trace }, "batches")
	})
	mux.HandleFunc("GET /api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, enclose, "trace")
	})
	mux.HandleFunc("GET /api/echo", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("echo")) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ready\n")) })
	return mux
}

// enclose makes a TraceByIDResponse of a Trace.
func enclose(trace []byte) []byte {
	const traceTag = 1<<3 | 2
	return append(binary.AppendUvarint([]byte{traceTag}, uint64(len(trace))), trace...)
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, message func(trace []byte) []byte, key string) {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	trace := s.Get(id)
	switch {
	case trace == nil:
		http.Error(w, fmt.Sprintf("trace %s is not stored: it was not kept, or had to make room for later ones", id), http.StatusNotFound)
	case strings.Contains(r.Header.Get("Accept"), "application/protobuf"):
		w.Header().Set("Content-Type", "application/protobuf")
		_, _ = w.Write(message(trace))
	default:
		serveJSON(w, trace, key)
	}
}

// serveJSON writes OTLP's JSON of a trace, {"resourceSpans": […]}, as the value of a key; that of "batches" is the list alone.
func serveJSON(w http.ResponseWriter, trace []byte, key string) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(trace)
	var text []byte
	if err == nil {
		text, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("cannot write the trace as JSON: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if key == "batches" {
		_, _ = fmt.Fprintf(w, `{"batches"%s`, strings.TrimPrefix(string(text), `{"resourceSpans"`))
		return
	}
	_, _ = fmt.Fprintf(w, `{%q:%s}`, key, text)
}

// parseID reads a trace id in hex; zeros at its start may be left out.
func parseID(text string) (id pcommon.TraceID, err error) {
	const digits = 2 * len(id)
	if len(text) == 0 || len(text) > digits {
		return id, fmt.Errorf("a trace id has 1 to %d hexadecimal digits (got %q)", digits, text)
	}
	if _, err := hex.Decode(id[:], []byte(strings.Repeat("0", digits-len(text))+text)); err != nil {
		return id, fmt.Errorf("a trace id has hexadecimal digits alone (got %q)", text)
	}
	return id, nil
}
