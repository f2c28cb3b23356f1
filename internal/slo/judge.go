package slo

import (
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// judge says whether an event is bad. It is immutable.
type judge struct {
	timed     bool
	threshold uint64 // nanoseconds; good is <=
	errors    *errorRule
}

type errorRule struct {
	http, grpc codeSet
	status     statusRule
}

type statusRule uint8

const (
	statusWithoutCode statusRule = iota
	statusAlways
	statusNever
)

var statusRules = map[string]statusRule{
	"": statusWithoutCode, "without_code": statusWithoutCode, "always": statusAlways, "never": statusNever,
}

// bad reports whether the event is slow or failed; one that is both is bad once.
func (j *judge) bad(f *facts, s *spanview.Span) bool {
	return j.timed && s.Duration() > j.threshold || j.errors != nil && j.errors.failed(f, s)
}

func (r *errorRule) failed(f *facts, s *spanview.Span) bool {
	http, grpc := f.codes()
	if http != noCode && r.http.has(http) || grpc != noCode && r.grpc.has(grpc) {
		return true
	}
	switch r.status {
	case statusNever:
		return false
	case statusWithoutCode:
		if http != noCode || grpc != noCode {
			return false
		}
	}
	return s.Status == spanview.StatusError
}

// parseJudge reads what is bad; what is nil comes from base.
func parseJudge(p *problems, path string, latency *Latency, errors *Errors, base judge) judge {
	if latency != nil {
		if latency.Threshold < time.Microsecond {
			p.add(join(path, "latency.threshold"), "must be at least 1us (got %s): write a number with a unit, as in 300ms",
				latency.Threshold)
		}
		base.timed, base.threshold = true, uint64(max(latency.Threshold, 0))
	}
	if errors != nil {
		base.errors = parseErrors(p, join(path, "errors"), errors)
	}
	return base
}

func parseErrors(p *problems, path string, e *Errors) *errorRule {
	r := &errorRule{}
	addCodes(p, path+".http_status_codes", e.HTTPStatusCodes, []any{"500-999"}, r.http.addHTTP)
	addCodes(p, path+".grpc_status_codes", e.GRPCStatusCodes, []any{2, 4, 12, 13, 14, 15}, r.grpc.addGRPC)
	status, ok := statusRules[e.SpanStatus]
	if !ok {
		p.add(path+".span_status", "must be without_code, always or never (got %q)", e.SpanStatus)
	}
	r.status = status
	return r
}

func addCodes(p *problems, path string, codes, otherwise []any, add func(any) error) {
	if codes == nil {
		codes = otherwise
	}
	for i, code := range codes {
		if err := add(code); err != nil {
			p.add(fmt.Sprintf("%s[%d]", path, i), "%v", err)
		}
	}
}
