package slo

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// facts are what SLOs want to know of a span, each found out at most once.
type facts struct {
	slots *slots
	batch *spanview.Batch
	span  int
	kind  uint8 // kindBit

	place      place // 0: not looked at
	probed     bool
	probeFound reason
	coded      bool
	http, grpc int32
	// rule is the last rule that was asked, and whether the span failed by it: most SLOs share one.
	rule       *errorRule
	ruleFailed bool
}

func (f *facts) parent(ln *lane, s *spanview.Span) place {
	if f.place == 0 {
		f.place = ln.parents.parentPlace(f.batch, s, f.slots.service)
	}
	return f.place
}

func (f *facts) probe(s *spanview.Span) reason {
	if !f.probed {
		f.probed, f.probeFound = true, probe(f.batch, f.span, s, f.slots.routes, f.slots.agents)
	}
	return f.probeFound
}

// codes returns the HTTP and the gRPC code, noCode where there is none.
func (f *facts) codes() (http, grpc int) {
	if !f.coded {
		f.coded = true
		f.http = int32(httpCode(firstSpan(f.batch, f.span, f.slots.http)))
		f.grpc = int32(grpcCode(firstSpan(f.batch, f.span, f.slots.grpc)))
	}
	return int(f.http), int(f.grpc)
}

func (f *facts) failed(r *errorRule, s *spanview.Span) bool {
	if f.rule != r {
		f.rule, f.ruleFailed = r, r.failed(f, s)
	}
	return f.ruleFailed
}
