package slo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAReloadCarriesOnWhatStays(t *testing.T) {
	old := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}
- {name: gone, service: shop, objective: 99, errors: {}}`, 2, nil)
	old.observe(0, span{service: "shop"}, span{service: "shop", status: 2})
	old.flush(15 * time.Second)

	next := newRig(t, `- {name: new, service: shop, objective: 98, errors: {}}
- {name: a, service: shop, objective: 95, latency: {threshold: 1s}}`, 2, old)
	next.observe(1, span{service: "shop", status: 2}, span{service: "shop", duration: time.Hour})
	old.observe(0, span{service: "shop"}) // a request that was in flight on the old set
	points := next.flushPoints(30 * time.Second)
	s := 15 * time.Second
	assert.Equal(t, []flushed{{good, 3, 2 * s, 0}}, at(points, good), "counts and start go on")
	assert.Equal(t, []flushed{{bad, 2, 2 * s, 0}}, at(points, bad))
	assert.Equal(t, []flushed{{"objective.ratio{service=shop slo=a}", 0.95, 2 * s, 0}}, at(points, "objective.ratio{service=shop slo=a}"))
	k := "events{outcome=good service=shop slo=new}"
	assert.Equal(t, []flushed{{k, 0, s, s}, {k, 1, 2 * s, s}}, at(points, k))

	for _, k := range []string{
		"events{outcome=good service=shop slo=gone}", "events{outcome=bad service=shop slo=gone}",
		"objective.ratio{service=shop slo=gone}", "events.excluded{reason=rule slo=gone}", "events.clock_skew{slo=gone}",
	} {
		assert.Equal(t, []flushed{{k, "none", 2 * s, 0}}, at(points, k), "what was removed ends")
	}
	again := next.flush(45 * time.Second)
	assert.NotContains(t, again, "events{outcome=good service=shop slo=gone}", "once")

	back := newRig(t, `- {name: gone, service: shop, objective: 99, errors: {}}`, 2, next)
	assert.Equal(t, 2, back.flush(time.Minute)["events{outcome=good service=shop slo=gone}"], "what comes back goes on")
}

func TestAReloadKeepsSeriesWhoseLabelsStay(t *testing.T) {
	old := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}`, 1, nil)
	old.observe(0, span{service: "shop"})
	old.flush(15 * time.Second)
	every := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}}`, 1, old)
	every.observe(0, span{service: "shop"}, span{service: "cart"})
	got := every.flush(30 * time.Second)
	assert.Equal(t, 2, got[good], "from one service to all")
	assert.Equal(t, 1, got["events{outcome=good service=cart slo=a}"])

	one := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}`, 1, every)
	got = one.flush(45 * time.Second)
	assert.Equal(t, 2, got[good])
	assert.Equal(t, "none", got["events{outcome=good service=cart slo=a}"])
	assert.Equal(t, "none", got["objective.ratio{service=cart slo=a}"])

	grouped := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}, group_by: [http.route]}`, 1, one)
	grouped.observe(0, span{service: "shop"}, span{service: "shop", attrs: attrs{"http.route": "/x"}})
	points := grouped.flushPoints(time.Minute)
	require.Equal(t, []flushed{{good, 0, 45 * time.Second, 45 * time.Second}, {good, 1, time.Minute, 45 * time.Second}}, at(points, good),
		"another group_by starts anew, and nothing ends a series that goes on under the same labels")
}

func TestGroupsMaxCanBeRaisedByAReload(t *testing.T) {
	list := `- {name: a, service: "*", objective: 99, errors: {}, groups_max: %d}`
	old := newRig(t, fmt.Sprintf(list, 1), 1, nil)
	old.observe(0, span{service: "s1"}, span{service: "s2"})
	next := newRig(t, fmt.Sprintf(list, 3), 1, old)
	old.observe(0, span{service: "s2"})
	next.observe(0, span{service: "s2"}, span{service: "s3"}, span{service: "s4"})
	lower := newRig(t, fmt.Sprintf(list, 1), 1, next)
	lower.observe(0, span{service: "s3"}, span{service: "s5"})
	got := lower.flush(time.Minute)
	for service, n := range map[string]int{"s1": 1, "s2": 1, "s3": 2, "__overflow__": 4} {
		assert.Equal(t, n, got["events{outcome=good service="+service+" slo=a}"], service)
	}
}

func TestSLOsAreBoundedOverTheLifeOfTheProcess(t *testing.T) {
	var r *rig
	for n := 0; n < seriesMax; n += 1024 {
		list := ""
		for i := range 1024 {
			list += fmt.Sprintf("- {name: s%d, service: shop, objective: 99, errors: {}}\n", n+i)
		}
		r = newRig(t, list, 1, r)
	}
	_, err := Compile(parse(t, "- {name: more, service: shop, objective: 99, errors: {}}"), Options{}, r.schema, r.Counter)
	require.ErrorContains(t, err, "slos must be at most 4096 over the life of the process, removed ones included (got 4097)")
}
