package sampling

import (
	"sync/atomic"
	"unsafe"
)

// learner is a condition that wants to know what was decided.
type learner interface {
	// turn tells the time in milliseconds before traces are decided.
	turn(now int64)
	decided(f facts, keep bool)
}

// fingerprints count the kept traces of each sketch. As a condition it holds for a trace of which there are few.
//
// They are counted by halves of the window: what was kept in this half and in the one before is what a trace is measured by, so
// that in any time as long as the window there are as many as wanted. Counts of several machines could be added up.
type fingerprints struct {
	enough uint32
	half   int64 // milliseconds
	max    int

	// Of the rounds, which are serialized.
	kept  map[[2]uint64]keptOf
	began int64 // of this half, milliseconds; 0: not yet

	known    atomic.Int64
	overflow atomic.Uint64
}

// keptOf are how many traces were kept in this half and in the one before, up to enough each.
type keptOf struct{ now, before uint32 }

func newFingerprints(enough uint32, window int64, limit int) *fingerprints {
	return &fingerprints{enough: enough, half: (window + 1) / 2, max: limit, kept: make(map[[2]uint64]keptOf)}
}

// eval answers while traces are decided only: that a trace was dropped, a late span can't change, and others ask at any time.
func (p *fingerprints) eval(f facts) outcome {
	if f.asked != asSurveyed && f.asked != asDecided {
		return outcome{threshold: never, aside: true}
	}
	n, there := p.kept[f.traits.Sketch]
	if there && n.now+n.before < p.enough || !there && len(p.kept) < p.max {
		return outcome{threshold: 0, aside: true}
	}
	return outcome{threshold: never, aside: true}
}

// asPart returns the condition as it is where the compiler is.
func (p *fingerprints) asPart(c *compiler) condition {
	if c.against {
		return againstRare{p}
	}
	return p
}

// againstRare is fingerprints where they speak against keeping a trace: whether it was rare can't be told any more when a span of
// it comes late, and it stays dropped.
type againstRare struct{ *fingerprints }

func (a againstRare) eval(f facts) outcome {
	o := a.fingerprints.eval(f)
	if f.asked == asLate {
		o.threshold = 0
	}
	return o
}

func (p *fingerprints) decided(f facts, keep bool) {
	n, there := p.kept[f.traits.Sketch]
	switch {
	case !there && len(p.kept) >= p.max:
		p.overflow.Add(1)
	case keep && n.now < p.enough:
		n.now++
		p.kept[f.traits.Sketch] = n
	}
}

func (p *fingerprints) turn(now int64) {
	if p.began == 0 {
		p.began = now
	}
	halves := (now - p.began) / p.half
	if halves > 0 {
		p.began += halves * p.half
		for sketch, n := range p.kept {
			if halves > 1 || n.now == 0 {
				delete(p.kept, sketch)
			} else {
				p.kept[sketch] = keptOf{before: n.now}
			}
		}
	}
	p.known.Store(int64(len(p.kept)))
}

func (p *fingerprints) bytes() int64 {
	return p.known.Load() * int64(2*unsafe.Sizeof([2]uint64{})+2*unsafe.Sizeof(keptOf{}))
}
