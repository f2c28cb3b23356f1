package coverage

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// arrive observes a request with a span of each age of one service.
func (r *rig) arrive(lane int, service string, ages ...time.Duration) {
	b := &spanview.Batch{}
	b.Reset(r.schema)
	b.AddResource() // without spans, of no known service
	i := b.AddResource()
	*b.ResourceValue(i, r.slots.name) = spanview.Value{Type: spanview.String, Str: service}
	for _, age := range ages {
		b.AddSpan()
		s := &b.Spans[len(b.Spans)-1]
		s.Resource, s.Raw.Len, s.End = int32(i), 100, uint64(r.now.Add(-age).UnixNano())
	}
	r.Observe(lane, b, r.now)
}

func TestTheAgeOfSpansIsToldByService(t *testing.T) {
	r := newRig(t, nil)
	r.arrive(0, "cart", time.Second, 3*time.Second)
	r.arrive(1, "cart", -2*time.Second)
	r.arrive(1, "tax", time.Minute)
	age := func(service, stat string) string {
		return "arrival.age{age.stat=" + stat + " service.name=" + service + "}"
	}
	points, _ := r.flush(time.Second)
	for stat, want := range map[string]float64{"min": -2, "mean": 2.0 / 3, "max": 3} {
		require.InDelta(t, want, points[age("cart", stat)], 1e-6, stat)
		require.InDelta(t, 60, points[age("tax", stat)], 1e-6, stat)
	}
	r.arrive(0, "cart", 5*time.Second)
	points, _ = r.flush(time.Second)
	require.InDelta(t, 5, points[age("cart", "min")], 1e-6)
	require.Equal(t, -1.0, points[age("tax", "max")], "nothing came: the series ends")
	points, _ = r.flush(time.Second)
	require.Equal(t, -1.0, points[age("cart", "mean")])
	require.NotContains(t, points, age("tax", "max"))
}

func TestWhatHasNoEndHasNoAge(t *testing.T) {
	a := noArrivals
	a.add(&spanview.Span{Raw: spanview.Extent{Len: 7}}, 5)
	a.add(&spanview.Span{End: math.MaxUint64}, 5)
	require.Equal(t, arrivals{spans: 2, bytes: 7, youngest: math.MaxInt64, oldest: math.MinInt64}, a)
}

func TestWhatCameOfServicesIsAddedUp(t *testing.T) {
	r := newRig(t, nil)
	r.arrive(0, "cart", 0, 0)
	r.arrive(1, "cart", 0)
	r.flush(time.Second)
	r.arrive(1, "tax", 0)
	r.hear("cart")
	cart, tax := r.services.byKey[keySeparator+"cart"].number, r.services.byKey[keySeparator+"tax"].number
	r.Kept([]uint32{cart, tax, cart, 0, 999})
	r.Kept([]uint32{cart})
	var known []Service
	for _, s := range r.Services() {
		if s.Spans > 0 {
			known = append(known, s)
		}
	}
	require.ElementsMatch(t, []Service{{Name: "cart", Spans: 3, Bytes: 300, KeptTraces: 2}, {Name: "tax", Spans: 1, Bytes: 100, KeptTraces: 1}}, known)
}
