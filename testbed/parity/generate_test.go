package parity

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// plan says what traffic is generated; the same plan always makes the same traffic.
type plan struct {
	name   string
	seed   uint64
	traces int
	// over is the time in which traces begin.
	over time.Duration
	// scattered: the spans of a trace come in any order, in requests of their own, over several seconds; each request is of one
	// resource, as SDKs send. Else requests hold whole traces, roots first.
	scattered bool
}

var plans = []plan{
	{name: "mixed-whole", seed: 1, traces: 1500, over: 40 * time.Second},
	{name: "mixed-scattered", seed: 2, traces: 1500, over: 40 * time.Second, scattered: true},
}

var generated = sync.OnceValue(func() []*traffic {
	var out []*traffic
	for _, p := range plans {
		out = append(out, p.make())
	}
	return out
})

// everything returns all traffic, recorded and generated.
func everything(t *testing.T) []*traffic { return append(slices.Clone(recorded(t)), generated()...) }

// made is the generated traffic of that name.
func made(name string) *traffic {
	all := generated()
	return all[slices.IndexFunc(all, func(tr *traffic) bool { return tr.name == name })]
}

// sentSpan is a span, the resource that sends it, and when.
type sentSpan struct {
	at       time.Duration
	resource int
	span     ptrace.Span
}

func (p plan) make() *traffic {
	g := &generator{rnd: rand.New(rand.NewPCG(p.seed, 0)), epoch: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	g.makeResources()
	var sent []sentSpan
	for range p.traces {
		begins := time.Duration(g.rnd.Int64N(int64(p.over)))
		for i, s := range g.trace(begins, !p.scattered) {
			if s.at = begins; p.scattered {
				s.at += time.Duration(g.rnd.Int64N(int64(8 * time.Second)))
			} else {
				s.at += time.Duration(i) // sorts
			}
			sent = append(sent, s)
		}
	}
	requests := g.whole
	if p.scattered {
		requests = g.scattered
	}
	tr := newTraffic(p.name, requests(sent))
	tr.inOrder = !p.scattered
	return tr
}

type generator struct {
	rnd       *rand.Rand
	epoch     time.Time
	resources []pcommon.Resource
}

const services = 6

// makeResources makes four resources for each service, which differ in their attributes.
func (g *generator) makeResources() {
	for i := range 4 * services {
		r := pcommon.NewResource()
		r.Attributes().PutStr("service.name", []string{"cart", "checkout", "frontend", "payment", "search", "shipping"}[i%services])
		if i >= services {
			g.palette(0.25).fill(g, r.Attributes(), 0.8)
		}
		g.resources = append(g.resources, r)
	}
}

// extents stand at the edges of the thresholds that policies use.
var extents = []time.Duration{
	0, 1, time.Millisecond - 1, time.Millisecond,
	99*time.Millisecond + 999_999, 100 * time.Millisecond, 100*time.Millisecond + 999_999, 101 * time.Millisecond,
	499*time.Millisecond + 999_999, 500 * time.Millisecond, 500*time.Millisecond + 999_999, 501 * time.Millisecond,
	2 * time.Second, 2*time.Second + 1, 2001 * time.Millisecond, 9 * time.Second,
}

func (g *generator) extent() time.Duration {
	if g.rnd.IntN(3) == 0 {
		return extents[g.rnd.IntN(len(extents))]
	}
	d := time.Duration(1)
	for range 10 + g.rnd.IntN(22) {
		d *= 2
	}
	return d + time.Duration(g.rnd.Int64N(int64(d)))
}

// spanCount is 1 to 60, small ones more often.
func (g *generator) spanCount() int {
	most := []int{1, 5, 12, 60}[g.rnd.IntN(4)]
	return 1 + g.rnd.IntN(most)
}

// trace makes the spans of a trace; with rootFirst the first one is the root, in which all others lie.
func (g *generator) trace(begins time.Duration, rootFirst bool) []sentSpan {
	var id pcommon.TraceID
	binary.BigEndian.PutUint64(id[:8], g.rnd.Uint64()|1)
	binary.BigEndian.PutUint64(id[8:], g.rnd.Uint64())
	n, extent, start := g.spanCount(), g.extent(), g.epoch.Add(begins)
	traits := g.traits()
	path := g.rnd.Perm(len(g.resources))[:1+g.rnd.IntN(3)]
	spans := make([]sentSpan, n)
	for i := range spans {
		s := ptrace.NewSpan()
		s.SetTraceID(id)
		s.SetSpanID(g.spanID())
		from, to := g.within(extent)
		if i == 0 {
			from, to = 0, extent
		} else {
			s.SetParentSpanID(spans[g.rnd.IntN(i)].span.SpanID())
		}
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(from)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(to)))
		traits.fill(g, s)
		spans[i] = sentSpan{resource: path[i*len(path)/n], span: s}
	}
	if !rootFirst && n > 2 && g.rnd.IntN(2) == 0 {
		// Work that goes on after the root has ended, so that no single span tells the extent.
		root, last := spans[0].span, spans[n-1].span
		last.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(extent / 2)))
		last.SetEndTimestamp(root.EndTimestamp())
		root.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(extent / 2)))
	}
	return spans
}

// within returns a part of a time; one in 50 ends before it starts.
func (g *generator) within(extent time.Duration) (from, to time.Duration) {
	a, b := g.rnd.Int64N(int64(extent)+1), g.rnd.Int64N(int64(extent)+1)
	if g.rnd.IntN(50) == 0 {
		return time.Duration(max(a, b)), time.Duration(min(a, b))
	}
	return time.Duration(min(a, b)), time.Duration(max(a, b))
}

func (g *generator) spanID() (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], g.rnd.Uint64()|1)
	return id
}

// whole puts up to 8 traces into a request.
func (g *generator) whole(sent []sentSpan) []request {
	byTrace := map[pcommon.TraceID][]sentSpan{}
	var order []pcommon.TraceID
	for _, s := range sent {
		id := s.span.TraceID()
		if byTrace[id] == nil {
			order = append(order, id)
		}
		byTrace[id] = append(byTrace[id], s)
	}
	slices.SortStableFunc(order, func(a, b pcommon.TraceID) int { return cmp.Compare(byTrace[a][0].at, byTrace[b][0].at) })
	var out []request
	for len(order) > 0 {
		n := min(len(order), 1+g.rnd.IntN(8))
		r := request{at: byTrace[order[n-1]][0].at, traces: ptrace.NewTraces()}
		for _, id := range order[:n] {
			g.appendTo(r.traces, byTrace[id])
		}
		out, order = append(out, r), order[n:]
	}
	return out
}

// scattered lets each resource send what has come together in a quarter of a second.
func (g *generator) scattered(sent []sentSpan) []request {
	const flush = 250 * time.Millisecond
	slices.SortStableFunc(sent, func(a, b sentSpan) int {
		return cmp.Or(cmp.Compare(a.at/flush, b.at/flush), cmp.Compare(a.resource, b.resource), cmp.Compare(a.at, b.at))
	})
	var out []request
	for len(sent) > 0 {
		n := 1
		for n < len(sent) && sent[n].resource == sent[0].resource && sent[n].at/flush == sent[0].at/flush {
			n++
		}
		r := request{at: (sent[0].at/flush + 1) * flush, traces: ptrace.NewTraces()}
		g.appendTo(r.traces, sent[:n])
		out, sent = append(out, r), sent[n:]
	}
	return out
}

// appendTo adds spans to a request: a new entry wherever the resource changes, in one or two scopes.
func (g *generator) appendTo(td ptrace.Traces, spans []sentSpan) {
	for len(spans) > 0 {
		n := 1
		for n < len(spans) && spans[n].resource == spans[0].resource {
			n++
		}
		rs := td.ResourceSpans().AppendEmpty()
		g.resources[spans[0].resource].CopyTo(rs.Resource())
		rs.SetSchemaUrl("https://opentelemetry.io/schemas/1.37.0")
		cut := 1 + g.rnd.IntN(n)
		for i, s := range spans[:n] {
			if i == 0 || i == cut {
				ss := rs.ScopeSpans().AppendEmpty()
				ss.Scope().SetName([]string{"net/http", "database/sql"}[min(i, 1)])
				ss.Scope().Attributes().PutStr("library", "shop")
			}
			s.span.CopyTo(rs.ScopeSpans().At(rs.ScopeSpans().Len() - 1).Spans().AppendEmpty())
		}
		spans = spans[n:]
	}
}
