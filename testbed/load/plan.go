package load

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Bounds are the reference job's histogram bounds.
var Bounds = []time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Plan is the requests of a load and what is known of them. It is read-only and may be used by many generators at once.
type Plan struct {
	Spec     Spec
	traces   []traceModel
	requests [RequestsPerRound]request
}

// request is one encoded request.
type request struct {
	body    []byte
	patches []patch
	// traces is, for each trace slot, the trace's index in its cohort; part is how many rounds behind its cohort's first the
	// request goes out.
	traces []int
	part   int
	red    *truth.RED
}

// patch is what has to be written for one span.
type patch struct {
	place              spanPlace
	slot               uint16
	span               uint8 // index in the trace
	spanKey, parentKey uint64
	start, end         time.Duration
}

// NewPlan makes a plan: deterministic, a few hundred milliseconds.
func NewPlan(spec Spec) (*Plan, error) {
	if err := spec.validate(); err != nil {
		return nil, fmt.Errorf("cannot make a plan: %w", err)
	}
	rnd := rand.New(rand.NewPCG(spec.Seed, 0x5107))
	p := &Plan{Spec: spec, traces: newTraces(spec, rnd)}
	for i := range p.requests {
		r, err := p.newRequest(i, rnd)
		if err != nil {
			return nil, fmt.Errorf("cannot encode request %d of the plan: %w", i, err)
		}
		p.requests[i] = r
	}
	return p, nil
}

// newRequest encodes one request of the plan. In the scattered shape, requests come in groups of 8 that share their traces:
// the one of part k holds span (k+t) mod 8 of trace t, so that every request has all kinds of spans.
func (p *Plan) newRequest(i int, rnd *rand.Rand) (request, error) {
	n := p.Spec.TracesPerRequest
	r := request{traces: make([]int, n), red: truth.NewRED(Bounds)}
	var spans []placed
	first := i * n
	if p.Spec.Shape == Scattered {
		first = i / SpansPerTrace * n
		r.part = i % SpansPerTrace
	}
	for t := range n {
		r.traces[t] = first + t
		trace := &p.traces[first+t]
		if p.Spec.Shape == Scattered {
			spans = append(spans, placed{slot: t, trace: trace, index: (r.part + t) % SpansPerTrace})
			continue
		}
		for s := range SpansPerTrace {
			spans = append(spans, placed{slot: t, trace: trace, index: s})
		}
	}
	body, ordered, err := encode(spans, rnd)
	if err != nil {
		return r, err
	}
	places, err := locate(body)
	if err != nil {
		return r, err
	}
	r.body = body
	for k, o := range ordered {
		s := &o.trace.spans[o.index]
		r.patches = append(r.patches, patch{
			place: places[k], slot: uint16(o.slot), span: uint8(o.index),
			spanKey: spanKey(o.index), parentKey: spanKey(s.parent), start: s.start, end: s.end,
		})
		r.red.Observe(s.series(), s.end-s.start, 1)
	}
	return r, nil
}

// Bytes is the size of all requests of a round, as they are on the wire before compression.
func (p *Plan) Bytes() int {
	n := 0
	for i := range p.requests {
		n += len(p.requests[i].body)
	}
	return n
}

// TraceID is the id of a trace by its number: cohort times the traces of a cohort, plus the index in the cohort.
func (p *Plan) TraceID(number uint64) truth.TraceID {
	var id truth.TraceID
	binary.BigEndian.PutUint64(id[:8], mix(p.Spec.Seed, 2*number))
	binary.BigEndian.PutUint64(id[8:], mix(p.Spec.Seed, 2*number+1))
	return id
}

// mix hashes two numbers (splitmix64's finalizer over each in turn).
func mix(a, b uint64) uint64 { return finalize(finalize(a+0x9e3779b97f4a7c15) + b) }

func finalize(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// spanKey is the template's span id of a trace's span: all eight differ, and differ in the top bits that the trace's own
// number leaves 0, so that none becomes zero.
func spanKey(index int) uint64 { return uint64(index+1) << 60 }

// write puts ids and times into a copy of the request's body that goes out for a cohort whose traces started at base (Unix
// nanoseconds). ids is scratch space.
func (p *Plan) write(r *request, body []byte, cohort uint64, base int64, ids []truth.TraceID) []truth.TraceID {
	ids = ids[:0]
	for _, t := range r.traces {
		ids = append(ids, p.TraceID(cohort*uint64(len(p.traces))+uint64(t)))
	}
	for i := range r.patches {
		q := &r.patches[i]
		id := &ids[q.slot]
		copy(body[q.place.traceID:], id[:])
		own := binary.BigEndian.Uint64(id[8:]) * 0x9e3779b97f4a7c15 >> 4
		binary.BigEndian.PutUint64(body[q.place.spanID:], q.spanKey^own)
		if q.place.parent != 0 {
			binary.BigEndian.PutUint64(body[q.place.parent:], q.parentKey^own)
		}
		binary.LittleEndian.PutUint64(body[q.place.start:], uint64(base+int64(q.start)))
		binary.LittleEndian.PutUint64(body[q.place.end:], uint64(base+int64(q.end)))
	}
	return ids
}
