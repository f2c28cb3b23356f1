package slo

import (
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// judge says what is bad. It is immutable.
type judge struct {
	threshold uint64     // nanoseconds; good is <=; math.MaxUint64: latency is not judged
	errors    *errorRule // nil: errors are not judged
}

// errorRule is comparable: equal rules are made one, see [parser.intern].
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
func parseJudge(p *parser, path string, latency *Latency, errors *Errors, base judge) judge {
	if latency != nil {
		if latency.Threshold < time.Microsecond {
			p.add(join(path, "latency.threshold"), "must be at least 1us (got %s): write a number with a unit, as in 300ms",
				latency.Threshold)
		}
		base.threshold = uint64(max(latency.Threshold, 0))
	}
	if errors != nil {
		base.errors = parseErrors(p, join(path, "errors"), errors)
	}
	return base
}

func parseErrors(p *parser, path string, e *Errors) *errorRule {
	r := errorRule{}
	addCodes(p, path+".http_status_codes", e.HTTPStatusCodes, []any{"500-999"}, r.http.addHTTP)
	addCodes(p, path+".grpc_status_codes", e.GRPCStatusCodes, []any{2, 4, 12, 13, 14, 15}, r.grpc.addGRPC)
	status, ok := statusRules[e.SpanStatus]
	if !ok {
		p.add(path+".span_status", "must be without_code, always or never (got %q)", e.SpanStatus)
	}
	r.status = status
	return p.intern(r)
}

func addCodes(p *parser, path string, codes, otherwise []any, add func(any) error) {
	if codes == nil {
		codes = otherwise
	}
	for i, code := range codes {
		if err := add(code); err != nil {
			p.add(fmt.Sprintf("%s[%d]", path, i), "%v", err)
		}
	}
}
