package sampling

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// SpanConditions are the compiled conditions of one policy on a span's payload. Any number of goroutines ask at once.
type SpanConditions interface {
	// Test tells whether any condition holds for the span or one of its events. failed: that can't be told, because a
	// condition failed and the error mode is propagate. Nothing of the request is changed or kept.
	Test(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) (matched, failed bool)
}

// CompileConditions compiles the lists of an ottl_condition block. errorMode is one of ignore, silent, propagate. Its
// errors begin with the path of the key that is wrong; path is the block's.
type CompileConditions func(path string, span, spanEvent []string, errorMode string) (SpanConditions, error)

// spanConditions are SpanConditions with what they set.
type spanConditions struct {
	// says tells conditions apart.
	says string
	test SpanConditions
	// matched and failed are the bits of the two answers; failed is 0 where they never fail.
	matched, failed uint64
	// policies are the numbers of the policies that ask.
	policies []int
}

// HasConditions reports whether a policy asks for more of a request than a batch holds. Where it does, a request's
// spans have all their bits only after MatchConditions or MatchDecoded, which follow on Match.
func (p *Policies) HasConditions() bool { return len(p.conditions) > 0 }

// MatchConditions adds the bits of conditions on payload to the spans of a batch. request is what the batch was read
// from; it is decoded once, which costs as much as in a receiver that decodes everything.
func (p *Policies) MatchConditions(b *spanview.Batch, request []byte) {
	if !p.HasConditions() {
		return
	}
	// Unlike ptrace's unmarshaler, this one moves spans out of the deprecated field, as the batch's reader does.
	decoded := ptraceotlp.NewExportRequest()
	if err := decoded.UnmarshalProto(request); err != nil {
		p.failFrom(b, 0) // never seen: what reads batches refuses what pdata refuses
		return
	}
	p.MatchDecoded(b, decoded.Traces())
}

// MatchDecoded is MatchConditions for a request that has been decoded already. Spans without a trace id may have been
// taken out of the batch.
func (p *Policies) MatchDecoded(b *spanview.Batch, td ptrace.Traces) {
	if !p.HasConditions() {
		return
	}
	next := 0
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.TraceID()
				if next < len(b.Spans) && b.Spans[next].TraceID == id {
					b.Spans[next].Bits |= p.testConditions(rs, ss, span)
					next++
				} else if !id.IsEmpty() {
					p.failFrom(b, next)
					return
				}
			}
		}
	}
	p.failFrom(b, next)
}

func (p *Policies) testConditions(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) (set uint64) {
	for i := range p.conditions {
		c := &p.conditions[i]
		matched, failed := c.test.Test(rs, ss, span)
		if matched {
			set |= c.matched
		}
		if failed {
			set |= c.failed
			p.countErrors(c, 1)
		}
	}
	return set
}

// failFrom notes that the conditions failed on all spans from one on, because these are not the request's.
func (p *Policies) failFrom(b *spanview.Batch, from int) {
	rest := b.Spans[from:]
	if len(rest) == 0 {
		return
	}
	for i := range p.conditions {
		c := &p.conditions[i]
		for j := range rest {
			rest[j].Bits |= c.failed
		}
		p.countErrors(c, len(rest))
	}
}

func (p *Policies) countErrors(c *spanConditions, spans int) {
	for _, index := range c.policies {
		p.evaluationErrors[index].Add(uint64(spans))
	}
}

// EvaluationErrors returns on how many spans a policy's conditions failed. known: the policy has conditions.
func (p *Policies) EvaluationErrors(index int) (spans uint64, known bool) {
	for i := range p.conditions {
		if slices.Contains(p.conditions[i].policies, index) {
			return p.evaluationErrors[index].Load(), true
		}
	}
	return 0, false
}
