package coverage

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// TestWhatIsCountedOfTraces is compared with what a reader of all spans would count.
func TestWhatIsCountedOfTraces(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	r := newRig(t, nil)
	want := map[string]float64{"traces{coverage.state=passed_over}": 0, "disconnected_traces{}": 0, "rootless_traces{}": 0}
	for range 500 {
		var trace []testSpan
		ids := map[uint64]bool{}
		for range 1 + rng.IntN(40) {
			s := testSpan{
				id: 1 + rng.Uint64N(60), parent: rng.Uint64N(80), service: fmt.Sprint("service-", rng.IntN(5)),
				kind: uint8(rng.IntN(6)), place: Parents(rng.IntN(3)),
			}
			ids[s.id] = true
			trace = append(trace, s)
		}
		rootless, disconnected := 1.0, 0.0
		for _, s := range trace {
			want["spans{service.name="+s.service+"}"]++
			switch {
			case s.parent == 0:
				rootless = 0
			case !ids[s.parent]:
				disconnected = 1
				want["orphan_spans{service.name="+s.service+" span.parent="+parentNames[s.place]+"}"]++
			}
		}
		want["traces{coverage.state=looked_at}"]++
		want["rootless_traces{}"] += rootless
		want["disconnected_traces{}"] += disconnected
		r.look(trace...)
	}
	points, _ := r.flush(time.Second)
	for name, v := range want {
		require.Equal(t, v, points[name], name)
	}
	for _, metric := range []string{"spans", "orphan_spans"} {
		for labels := range only(points, metric) {
			require.Contains(t, want, metric+"{"+labels+"}")
		}
	}
}

func TestSpansOfManyServicesBeyondTheBoundAreLookedAtAllTheSame(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ServicesMax = 1 })
	r.look(testSpan{id: 1, service: "a"}, testSpan{id: 2, parent: 7, service: "b"}, testSpan{id: 3, parent: 1, service: "c"})
	points, _ := r.flush(time.Second)
	require.Equal(t, map[string]float64{"service.name=a": 1}, only(points, "spans"))
	require.Empty(t, only(points, "orphan_spans"))
	require.Equal(t, 1.0, points["disconnected_traces{}"])
}

func TestOfTooManySpansAShareOfTheTracesIsLookedAt(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SpansPerSecondMax = 1000 })
	second := func(traces int) (looked int) {
		for range traces {
			id := [16]byte{}
			for i := range id {
				id[i] = byte(rand.Uint32())
			}
			if r.Wants(&id, 10, true) {
				looked++
			}
		}
		r.now = r.now.Add(time.Second)
		r.Turn(r.now)
		return looked
	}
	require.Equal(t, 100, second(5000), "the bound holds from the first second on")
	for range 5 {
		require.InDelta(t, 100, second(5000), 30)
	}
	second(50)
	require.Equal(t, 50, second(50), "few are looked at all")
	require.False(t, r.Wants(&[16]byte{1}, 1, false), "spans are missing")
	points, _ := r.flush(time.Second)
	require.Greater(t, points["traces{coverage.state=passed_over}"], 20_000.0)
}

func TestWhoSeesMoreLooksAtAPartOfTheSameTraces(t *testing.T) {
	little, much := newRig(t, func(c *Config) { c.SpansPerSecondMax = 1000 }), newRig(t, func(c *Config) { c.SpansPerSecondMax = 1000 })
	for r, traces := range map[*rig]int{little: 2000, much: 8000} {
		for i := range traces {
			r.Wants(&[16]byte{byte(i), byte(i >> 8), 3}, 1, true)
		}
		r.now = r.now.Add(time.Second)
		r.Turn(r.now)
	}
	both, one := 0, 0
	for i := range 500 {
		id := [16]byte{byte(i), 7, byte(i >> 8), byte(i * 7)}
		ofLittle, ofMuch := little.Wants(&id, 1, true), much.Wants(&id, 1, true)
		require.True(t, ofLittle || !ofMuch)
		switch {
		case ofMuch:
			both++
		case ofLittle:
			one++
		}
	}
	require.InDelta(t, 500/8, both, 40)
	require.InDelta(t, 500/2-500/8, one, 60)
}

func TestNothingIsLookedAtWhereItIsOff(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Enabled = false })
	require.Equal(t, 0, r.schema.ResourceSlots())
	require.False(t, r.Wants(&[16]byte{1}, 1, true))
	r.Observe(0, &spanview.Batch{Resources: make([]spanview.Resource, 1)}, r.now)
	points, events := r.flush(time.Minute)
	require.Empty(t, points)
	require.Empty(t, events)
}

// BenchmarkLook is a trace of eight spans of four services; its calls are answered.
func BenchmarkLook(b *testing.B) {
	r := newRig(b, func(c *Config) { c.SpansPerSecondMax = 0 })
	numbers := r.hear("a", "b", "c", "d")
	var spans []Span
	for i := range byte(8) {
		s := Span{ID: [8]byte{i + 1}, Parent: [8]byte{i}, Service: numbers[i/2], Kind: spanview.KindServer}
		if i%2 == 1 {
			s.Kind = spanview.KindClient
		}
		spans = append(spans, s)
	}
	values := make([]spanview.Value, r.PeerSlots())
	b.ReportAllocs()
	for b.Loop() {
		if r.Wants(&[16]byte{1}, len(spans), true) {
			r.Look([16]byte{1}, spans, func(int) []spanview.Value { return values })
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/8, "ns/span")
}

// One id for all spans of a large trace would take hours, were each compared with all before it.
func TestSpansOfOneIDAreIndexedOnce(t *testing.T) {
	spans := make([]Span, 1<<20)
	for i := range spans {
		spans[i].ID[0] = 7
	}
	spans[len(spans)-1].ID[0] = 8
	x := newSpanIndex()
	x.build(spans)
	require.Equal(t, 0, x.find(&[8]byte{7}))
	require.Equal(t, len(spans)-1, x.find(&[8]byte{8}))
	require.Equal(t, -1, x.find(&[8]byte{9}))
}
