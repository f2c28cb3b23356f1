package harness

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// Jaeger is Jaeger's all-in-one. It takes OTLP/gRPC and holds traces in memory.
type Jaeger struct {
	*Program
	otlp, query string
}

// StartJaeger builds the server where it is not built yet (testbed/servers/jaeger, minutes) and starts it.
func StartJaeger(t testing.TB) *Jaeger {
	t.Helper()
	j := &Jaeger{otlp: FreeAddress(t), query: FreeAddress(t)}
	o := proc.Options{Path: buildModule(t, "testbed/servers/jaeger", "bin/servers/jaeger", "github.com/jaegertracing/jaeger/cmd/all-in-one"), Args: []string{
		"--collector.otlp.enabled=true",
		"--collector.otlp.grpc.host-port=" + j.otlp,
		"--collector.otlp.http.host-port=" + FreeAddress(t),
		"--collector.grpc-server.host-port=" + FreeAddress(t),
		"--collector.http-server.host-port=" + FreeAddress(t),
		"--collector.queue-size=1000000", // spans that it has no room for are dropped
		"--query.http-server.host-port=" + j.query,
		"--query.grpc-server.host-port=" + FreeAddress(t),
		"--admin.http.host-port=" + FreeAddress(t),
		"--http-server.host-port=" + FreeAddress(t), // of the agent in it, as are the next three
		"--processor.jaeger-binary.server-host-port=127.0.0.1:0",
		"--processor.jaeger-compact.server-host-port=127.0.0.1:0",
		"--processor.zipkin-compact.server-host-port=127.0.0.1:0",
	}}
	j.Program = StartProgram(t, o, j.otlp, j.query)
	return j
}

// OTLP is the host:port where the server takes OTLP/gRPC.
func (j *Jaeger) OTLP() string { return j.otlp }

// JaegerSpan is a span as Jaeger's HTTP API tells it; times are in microseconds.
type JaegerSpan struct {
	TraceID       string `json:"traceID"`
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	References    []struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	StartTime int64 `json:"startTime"`
	Duration  int64 `json:"duration"`
	Tags      []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`
	Logs []struct {
		Timestamp int64 `json:"timestamp"`
	} `json:"logs"`
	ProcessID string `json:"processID"`
	// Service is the process's.
	Service string `json:"-"`
}

// Tag returns a tag's value, nil where there is none.
func (s *JaegerSpan) Tag(key string) any {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return tag.Value
		}
	}
	return nil
}

// Trace returns the spans of a trace, none where Jaeger does not know it.
func (j *Jaeger) Trace(id string) []JaegerSpan {
	j.t.Helper()
	body, err := get(j.t.Context(), "http://"+j.query+"/api/traces/"+id)
	if err != nil {
		if !strings.Contains(body, "trace not found") {
			j.t.Fatal(err)
		}
		return nil
	}
	return j.spans(body)
}

// Services returns the names of all services that Jaeger knows.
func (j *Jaeger) Services() []string {
	j.t.Helper()
	var answer struct {
		Data []string `json:"data"`
	}
	body := Get(j.t, "http://"+j.query+"/api/services")
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		j.t.Fatalf("cannot read Jaeger's answer: %v\n%s", err, body)
	}
	return answer.Data
}

// Find returns the spans of all traces that have a span of a service within a time.
func (j *Jaeger) Find(service string, from, to time.Time) []JaegerSpan {
	j.t.Helper()
	return j.spans(Get(j.t, fmt.Sprintf("http://%s/api/traces?%s", j.query, url.Values{
		"service": {service}, "limit": {"1000000"},
		"start": {strconv.FormatInt(from.UnixMicro(), 10)}, "end": {strconv.FormatInt(to.UnixMicro(), 10)},
	}.Encode())))
}

// spans reads the spans of all traces of an answer.
func (j *Jaeger) spans(body string) []JaegerSpan {
	j.t.Helper()
	var answer struct {
		Data []struct {
			Spans     []JaegerSpan `json:"spans"`
			Processes map[string]struct {
				ServiceName string `json:"serviceName"`
			} `json:"processes"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		j.t.Fatalf("cannot read Jaeger's answer: %v\n%s", err, body)
	}
	var out []JaegerSpan
	for _, trace := range answer.Data {
		for _, span := range trace.Spans {
			span.Service = trace.Processes[span.ProcessID].ServiceName
			out = append(out, span)
		}
	}
	return out
}
