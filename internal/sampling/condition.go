package sampling

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// facts are what a condition may know of a trace. They are passed by value, so that asking never allocates.
type facts struct {
	traceID [16]byte
	// randomness is R of OTEP 235, 56 bits.
	randomness uint64
	// bits are the predicates that some span of the trace satisfied.
	bits uint64
	// extentMs is the time from the first start to the last end in milliseconds, cut off.
	extentMs uint64
	// spans and bytes are how many spans there are and how long they are together.
	spans, bytes uint32
	// traits are what traces are compared by.
	traits spanview.Traits
	// alone: of the trace this one span is known, without its traits; failed: its status is ERROR.
	alone, failed bool
	// thinning is how often what samples without a threshold is halved.
	thinning uint32
	asked    occasion
	// earlier is the trace before the late span that is the occasion.
	earlier earlierFacts
}

// earlierFacts are what a late span changes of a trace, as they were before it.
type earlierFacts struct {
	known        bool
	bits         uint64
	extentMs     uint64
	spans, bytes uint32
	failed       bool // it had an error signature
}

// before returns the facts of the trace before the late span.
func (f facts) before() facts {
	e := &f.earlier
	f.bits, f.extentMs, f.spans, f.bytes, f.asked = e.bits, e.extentMs, e.spans, e.bytes, asBefore
	if !e.failed {
		f.traits.ErrorSignature = 0
	}
	return f
}

// heldBefore reports whether a condition held for the trace before the late span, limits apart: then this span is not what it waited
// for.
func (f facts) heldBefore(c condition) bool {
	return f.earlier.known && c.eval(f.before()).threshold <= f.randomness
}

// occasion is why conditions are asked. What looks at more than one trace answers by it.
type occasion uint8

const (
	// asIs: only to know.
	asIs occasion = iota
	// asSurveyed: the trace is due; what is decided of it hangs on the others of its round.
	asSurveyed
	// asDecided: the trace is decided.
	asDecided
	// asLate: a span came after its trace was dropped. It is asked by many goroutines at once. What can't be told then, or is not to
	// bring the trace back, is answered so that it stays dropped: by what speaks against keeping it (compiler.against), that it holds.
	asLate
	// asBefore: whether it held before a late span, limits apart.
	asBefore
)

// condition is a compiled policy: a question to a trace's facts.
type condition interface {
	eval(f facts) outcome
}

// outcome answers a condition for every randomness at once: that is what makes the threshold of a union exact.
type outcome struct {
	// threshold is the least randomness at which the condition holds: 0 if it holds at any, [never] if at none.
	threshold uint64
	// hashed: the answer hangs on a salted hash of the trace id, or on randomness in a way that no threshold can tell.
	hashed bool
	// aside: it holds for the threshold, but only for some of such traces, chosen by what is no randomness of theirs. What other
	// policies say of the trace's probability stands.
	aside bool
	// settled: it holds, and no further span of the trace can change that.
	settled bool
}

// never is a threshold above all randomness.
const never = sampling.MaxAdjustedCount

var (
	holds      = outcome{threshold: 0}
	holdsFinal = outcome{threshold: 0, settled: true}
	failsNow   = outcome{threshold: never}
)

// anyBit holds once any span satisfied the predicate.
type anyBit uint64

func (b anyBit) eval(f facts) outcome {
	if f.bits&uint64(b) != 0 {
		return holdsFinal
	}
	return failsNow
}

// noBit holds as long as no span satisfied the predicate: invert_match.
type noBit struct {
	bit uint64
	untold
}

func (b noBit) eval(f facts) outcome {
	if b.by(&f) {
		return b.answer()
	}
	if f.bits&b.bit == 0 {
		return holds
	}
	return failsNow
}

// untold is a part of conditions that further spans can end. Of a trace whose record is gone they can't be told by a late span
// alone; then the answer is what leaves the trace dropped.
type untold struct{ against bool }

func (u untold) by(f *facts) bool { return f.alone && f.asked == asLate }

func (u untold) answer() outcome {
	if u.against {
		return holds
	}
	return failsNow
}

// bitCondition returns the condition that some span, or with invert that no span satisfies the predicate.
func (c *compiler) bitCondition(bit uint64, invert bool) condition {
	if invert {
		return noBit{bit: bit, untold: untold{c.against}}
	}
	return anyBit(bit)
}
