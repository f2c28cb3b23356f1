package sampling

import (
	"encoding/binary"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

var (
	_ tracebuf.Decider = (*Policies)(nil)
	_ tracebuf.Judge   = (*Policies)(nil)
)

// NoPolicy is the Policy of a verdict where no policy matched.
const NoPolicy = -1

// Begin starts a round of decisions at a time, in milliseconds, and reports whether a survey is needed: Survey with every
// trace that is due, then Settle.
func (p *Policies) Begin(now int64) (survey bool) {
	p.now = now
	p.thinning = p.thinningNext.Load()
	p.origin.tick(now)
	for _, l := range p.learners {
		l.turn(now)
	}
	return len(p.rounders) > 0
}

// Survey notes a trace that is due.
func (p *Policies) Survey(r *tracebuf.Record) {
	f := recordFacts(r)
	f.asked = asSurveyed
	if by, _ := p.dropped(f); by != NoPolicy {
		return
	}
	for i := range p.keeps {
		if o := p.keeps[i].when.eval(f); p.firstMatch && o.threshold <= f.randomness {
			return
		}
	}
}

// Settle ends the survey.
func (p *Policies) Settle() {
	for _, r := range p.rounders {
		r.settle(p.now)
	}
}

// Decide returns the verdict on a trace from its record alone, and from what the round's other traces leave of a budget where
// a policy has one.
//
// A trace is dropped if a drop policy matches, else kept if any other policy matches. With every policy answered for
// all randomness at once, the trace is kept exactly if R is at least the least threshold of them (0 for a policy that
// does not sample); that is the threshold of the union, and it is raised to the incoming one. It is not known where the
// trace was kept because of, or after, a late span; where upstream samplers disagree; and where the decision hung on a
// salted hash, on a drop policy that samples, or only on what other traces are like.
//
// The verdict's Policy is the first in the configuration that keeps, or the drop policy, or NoPolicy.
func (p *Policies) Decide(r *tracebuf.Record) tracebuf.Verdict {
	f := recordFacts(r)
	f.asked, f.thinning = asDecided, p.thinning
	v := p.decide(r, f)
	for _, l := range p.learners {
		l.decided(f, v.Keep)
	}
	return v
}

// Follow returns the verdict that goes with what came late of a kept trace: it is kept. The policy is the one that matches now.
func (p *Policies) Follow(r *tracebuf.Record) tracebuf.Verdict {
	v := p.decide(r, recordFacts(r))
	if !v.Keep { // a drop policy came too late
		v = tracebuf.Verdict{Keep: true, Policy: NoPolicy}
	}
	return v
}

func (p *Policies) decide(r *tracebuf.Record, f facts) tracebuf.Verdict {
	dropped, exposed := p.dropped(f)
	if dropped != NoPolicy {
		p.counts[dropped].match(f)
		return tracebuf.Verdict{Policy: dropped}
	}
	by, least := NoPolicy, never
	var hashed, certain bool
	for i := range p.keeps {
		o := p.keeps[i].when.eval(f)
		o.threshold = thin(o.threshold, p.thinning)
		if o.threshold <= f.randomness {
			p.counts[p.keeps[i].index].match(f)
			if by == NoPolicy {
				by = p.keeps[i].index
				if p.firstMatch {
					f.asked = asIs // what follows is asked for its threshold only
				}
			}
		}
		if o.aside {
			continue
		}
		least = min(least, o.threshold)
		hashed = hashed || o.hashed
		certain = certain || o.threshold == 0 && !o.hashed
	}
	if by == NoPolicy {
		return tracebuf.Verdict{Policy: NoPolicy}
	}
	in, consistent := incoming(r, f.randomness)
	if !consistent || exposed || hashed && !certain || least > f.randomness {
		return tracebuf.Verdict{Keep: true, Policy: by}
	}
	return tracebuf.Verdict{Keep: true, Policy: by, Threshold: max(least, in), Known: true}
}

// Rescues reports whether a dropped trace has to be kept after all, a late span folded into its record: it does if a policy
// that a late span can satisfy matches now and no drop policy does.
//
// A policy that held before the late span, limits apart, rescues nothing: a limit was against the trace, and a further span is no
// further draw.
func (p *Policies) Rescues(before, r *tracebuf.Record) bool {
	f := recordFacts(r)
	f.earlier = earlierFacts{
		known: true, bits: before.Bits, extentMs: before.Extent() / nanosPerMilli, spans: before.Spans, bytes: before.Bytes,
		failed: before.Traits.ErrorSignature != 0,
	}
	if by, _ := p.dropped(f.before()); by != NoPolicy {
		f.earlier.known = false // a drop policy was against it
	}
	return p.rescues(f)
}

// RescuesAlone reports the same for a late span of a dropped trace whose record is gone. Everything is asked of this
// span alone, drop policies too. The span's Bits, Randomness and Threshold are set.
func (p *Policies) RescuesAlone(s *spanview.Span) bool { return p.rescues(spanFacts(s)) }

func (p *Policies) rescues(f facts) bool {
	f.asked = asLate
	if by, _ := p.dropped(f); by != NoPolicy { // first, so that no limit is used up for it
		return false
	}
	for i := range p.keeps {
		if !p.keeps[i].rescues {
			continue
		}
		when := p.keeps[i].when
		if _, parts := when.(composite); !parts && f.heldBefore(when) {
			continue
		}
		if when.eval(f).threshold <= f.randomness {
			return true
		}
	}
	return false
}

// Decisive reports whether the trace will be kept whatever else arrives of it. It says no where it can't be sure: with
// any drop policy, and for policies that a further span can undo (invert_match, upper_threshold_ms, probabilistic).
func (p *Policies) Decisive(r *tracebuf.Record) bool {
	if len(p.drops) > 0 {
		return false
	}
	f := recordFacts(r)
	for i := range p.keeps {
		if p.keeps[i].when.eval(f).settled {
			return true
		}
	}
	return false
}

// Thin makes policies that sample keep 2^-level of what they would, from the next round on; 0: all of it. What is kept whatever its
// randomness (errors, slow traces) is not touched. It may be called at any time.
func (p *Policies) Thin(level uint32) {
	p.thinningNext.Store(level)
	if p.shadow != nil { // what it would do is compared under the same conditions
		p.shadow.Thin(level)
	}
}

func thin(threshold uint64, level uint32) uint64 {
	if level == 0 || threshold == 0 || threshold >= never {
		return threshold
	}
	return never - max((never-threshold)>>level, 1)
}

// dropped returns the number of the first drop policy that matches, or NoPolicy. exposed: a drop policy that samples
// might have matched with other randomness, so that the traces it spared are kept with a probability that no
// threshold can tell.
func (p *Policies) dropped(f facts) (by int, exposed bool) {
	for i := range p.drops {
		o := p.drops[i].when.eval(f)
		if o.threshold <= f.randomness {
			return p.drops[i].index, false
		}
		exposed = exposed || o.threshold < never || o.hashed
	}
	return NoPolicy, exposed
}

// unknowable are the flags of traces that are kept with no probability that could be told.
const unknowable = tracebuf.Partial | tracebuf.Rescued | tracebuf.MixedThreshold

// incoming returns the threshold that upstream samplers gave to a trace, 0 for none. It is consistent if all spans came
// with the same one, it would have passed the trace, and no late span had a part in it.
func incoming(r *tracebuf.Record, randomness uint64) (threshold uint64, consistent bool) {
	if r.Threshold > 0 {
		threshold = r.Threshold - 1
	}
	return threshold, r.Flags&unknowable == 0 && threshold <= randomness
}

const nanosPerMilli = 1_000_000

func recordFacts(r *tracebuf.Record) facts {
	return facts{
		traceID:    r.TraceID,
		randomness: randomness(r.TraceID, r.Randomness),
		bits:       r.Bits,
		extentMs:   r.Extent() / nanosPerMilli,
		spans:      r.Spans,
		bytes:      r.Bytes,
		traits:     r.Traits,
	}
}

// spanFacts are the facts of a trace that is this one span.
func spanFacts(s *spanview.Span) facts {
	return facts{
		traceID:    s.TraceID,
		randomness: randomness(s.TraceID, s.Randomness),
		bits:       s.Bits,
		extentMs:   s.Duration() / nanosPerMilli,
		spans:      1,
		bytes:      s.Raw.Len,
		alone:      true,
		failed:     s.Status == spanview.StatusError,
	}
}

// randomness returns R: the explicit value, given as 1 + it, else the last 7 bytes of the trace id.
func randomness(traceID [16]byte, explicit uint64) uint64 {
	if explicit > 0 {
		return explicit - 1
	}
	return binary.BigEndian.Uint64(traceID[8:]) & (never - 1)
}
