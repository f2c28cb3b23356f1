package demo

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// span is what a service's SDK would send, or would if the service had one.
type span struct {
	service    *service
	id, parent [8]byte
	// remote: the parent is in another service.
	remote     bool
	name       string
	kind       ptrace.SpanKind
	attributes map[string]string
	start, end time.Time
	// status is the HTTP status code, 0 where there was no answer or none is expected.
	status int
	failed bool
}

func (s *span) duration() time.Duration { return s.end.Sub(s.start) }

// trace is one request through the shop: the spans that are sent.
type trace struct {
	id    [16]byte
	spans []span
}

// Shop makes requests, each different, the same in every Shop of a seed.
type Shop struct {
	entries []entry
	random  *rand.Rand
	asked   map[*operation]int
}

// NewShop returns a shop.
func NewShop(seed uint64) *Shop {
	return &Shop{entries: entries(), random: rand.New(rand.NewPCG(seed, seed)), asked: map[*operation]int{}}
}

// request is one that comes in at a time.
func (s *Shop) request(at time.Time) trace {
	var t trace
	binary.BigEndian.PutUint64(t.id[:8], s.random.Uint64())
	binary.BigEndian.PutUint64(t.id[8:], s.random.Uint64())
	left := s.random.IntN(100)
	for _, e := range s.entries {
		if left -= e.percent; left < 0 {
			s.serve(&t, e.operation, ptrace.SpanKindServer, [8]byte{}, at)
			break
		}
	}
	return t
}

// serve is an operation from its request to its answer.
func (s *Shop) serve(t *trace, o *operation, kind ptrace.SpanKind, parent [8]byte, start time.Time) (end time.Time, status int) {
	own := span{
		service: o.service, id: s.spanID(), parent: parent, remote: parent != [8]byte{},
		name: o.name, kind: kind, attributes: o.attributes, start: start, status: 200,
	}
	takes := s.about(o.takes)
	if s.random.Float64() < o.slow {
		takes += s.about(o.slowBy)
	}
	now := start.Add(takes / 2)
	for i := range o.calls {
		if now, status = s.call(t, o, &o.calls[i], own.id, now); status != 200 {
			own.status = status
			break
		}
	}
	if s.random.Float64() < o.fails {
		own.status = 503
	}
	own.end, own.failed = now.Add(takes/2), own.status >= 500
	if kind == ptrace.SpanKindConsumer {
		own.status = 0
	}
	if !o.service.silent {
		t.spans = append(t.spans, own)
	}
	return own.end, own.status
}

// call is a call from its caller's side. The status is what the caller makes of it.
func (s *Shop) call(t *trace, caller *operation, c *call, parent [8]byte, start time.Time) (end time.Time, status int) {
	own := span{
		service: caller.service, id: s.spanID(), parent: parent,
		name: c.name, kind: ptrace.SpanKindClient, attributes: c.attributes, start: start,
	}
	status = 200
	switch {
	case c.callee == nil:
		own.end = start.Add(s.about(c.takes))
	case c.queued:
		own.kind, own.end = ptrace.SpanKindProducer, start.Add(s.about(c.takes))
		s.serve(t, c.callee, ptrace.SpanKindConsumer, own.id, own.end.Add(s.about(30*time.Millisecond)))
	case s.hangs(c):
		own.end, own.failed, status = start.Add(timeout), true, 504
	default:
		own.end, own.status = s.serve(t, c.callee, ptrace.SpanKindServer, own.id, start.Add(network))
		own.end, own.failed = own.end.Add(network), own.status >= 400
		if own.failed {
			status = 502
		}
	}
	if !caller.service.silent {
		t.spans = append(t.spans, own)
	}
	return own.end, status
}

const network = 400 * time.Microsecond

func (s *Shop) hangs(c *call) bool {
	s.asked[c.callee]++
	return c.hangs > 0 && s.asked[c.callee]%c.hangs == 0
}

func (s *Shop) spanID() (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], s.random.Uint64()|1)
	return id
}

// about is log-normal around a median, half to double of it in nine of ten cases, at most four times, in tenths of
// milliseconds.
func (s *Shop) about(median time.Duration) time.Duration {
	factor := min(math.Exp(0.4*s.random.NormFloat64()), 4)
	return max(time.Duration(float64(median)*factor).Round(100*time.Microsecond), 100*time.Microsecond)
}
