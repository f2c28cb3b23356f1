package slo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestEventsAreGroupedBySpanElseResourceAttributes(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}, group_by: [http.request.method, deployment.environment.name, n]}`, 1, nil)
	of := attrs{"deployment.environment": "prod", "n": "resource"}
	r.observe(0,
		span{service: "shop", resource: of, attrs: attrs{"http.method": "GET", "n": 7}},
		span{service: "shop", resource: of, attrs: attrs{"http.request.method": "GET", "n": "7"}},
		span{service: "shop", resource: of, attrs: attrs{"n": true}},
		span{service: "shop", resource: of, attrs: attrs{"n": 1.5}},
		span{service: "shop", resource: of, attrs: attrs{"n": ""}},
		span{service: "shop", resource: of, attrs: attrs{"n": []byte("x")}},
		span{service: "shop", resource: of},
	)
	got := only(r.flush(time.Minute), "events")
	for k := range got {
		if strings.Contains(k, "outcome=bad") {
			delete(got, k)
		}
	}
	env := "events{deployment.environment.name=prod "
	assert.Equal(t, map[string]any{
		env + "http.request.method=GET n=7 outcome=good service=shop slo=a}": 2,
		env + "n=true outcome=good service=shop slo=a}":                      1,
		env + "n=1.5 outcome=good service=shop slo=a}":                       1,
		env + "outcome=good service=shop slo=a}":                             2,
		env + "n=resource outcome=good service=shop slo=a}":                  1,
	}, got, "an empty value and one that is no text are no value")
}

func TestLabelValuesAreCutAndValid(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}}`, 1, nil)
	long := strings.Repeat("x", 255) + "ü"
	r.observe(0, span{service: long + "1"}, span{service: long + "2"}, span{service: "a\xffb"}, span{service: "a\xfeb"}, span{service: "a?b"},
		span{service: strings.Repeat("\x80", 300)})
	assert.Equal(t, map[string]any{
		"events{outcome=good service=" + strings.Repeat("x", 255) + " slo=a}": 2, "events{outcome=good service=a?b slo=a}": 3,
		"events{outcome=bad service=" + strings.Repeat("x", 255) + " slo=a}": 0, "events{outcome=bad service=a?b slo=a}": 0,
		"events{outcome=good service=? slo=a}": 1, "events{outcome=bad service=? slo=a}": 0,
	}, only(r.flush(time.Minute), "events"))
}

func TestBeyondGroupsMaxEventsKeepTheirService(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}, group_by: [http.route], groups_max: 3}`, 2, nil)
	event := func(lane, service, route int) {
		r.observe(lane, span{service: fmt.Sprint("s", service), attrs: attrs{"http.route": fmt.Sprint("/", route)}})
	}
	event(0, 1, 1)
	event(0, 1, 2)
	event(1, 2, 1)
	for range 2 {
		for lane := range 2 {
			event(lane, 1, 1) // admitted before, whatever lane it comes on
			event(lane, 2, 2) // beyond
			event(lane, 3, 1) // beyond
			event(lane, 4, 1) // beyond
			event(lane, 5, 1) // beyond, and more services than groups_max
			event(lane, 6, 1)
		}
	}
	got := only(r.flush(time.Minute), "events")
	for k := range got {
		if strings.Contains(k, "outcome=bad") {
			delete(got, k)
		}
	}
	assert.Equal(t, map[string]any{
		"events{http.route=/1 outcome=good service=s1 slo=a}":                     5,
		"events{http.route=/2 outcome=good service=s1 slo=a}":                     1,
		"events{http.route=/1 outcome=good service=s2 slo=a}":                     1,
		"events{http.route=__overflow__ outcome=good service=s2 slo=a}":           4,
		"events{http.route=__overflow__ outcome=good service=s3 slo=a}":           4,
		"events{http.route=__overflow__ outcome=good service=s4 slo=a}":           4,
		"events{http.route=__overflow__ outcome=good service=__overflow__ slo=a}": 8,
	}, got)
}

func TestBeyondGroupsMaxServicesAreCountedTogether(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}, groups_max: 2, overrides: [{service: s9, objective: 99.9}]}`, 1, nil)
	for i := range 10 {
		r.observe(0, span{service: fmt.Sprint("s", i)})
	}
	assert.Equal(t, map[string]any{
		"events{outcome=good service=s0 slo=a}": 1, "events{outcome=bad service=s0 slo=a}": 0,
		"events{outcome=good service=s9 slo=a}": 1, "events{outcome=bad service=s9 slo=a}": 0,
		"events{outcome=good service=__overflow__ slo=a}": 8, "events{outcome=bad service=__overflow__ slo=a}": 0,
	}, only(r.flush(time.Minute), "events"))
}

func TestAFloodOfGroupsStaysBounded(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}, group_by: [http.route], groups_max: 10}`, 1, nil)
	for i := range 5000 {
		r.observe(0, span{service: "shop", attrs: attrs{"http.route": fmt.Sprint("/", i)}})
	}
	assert.Len(t, r.ledger.all[0].groups, 11)
	assert.LessOrEqual(t, len(r.ledger.lanes[0].groups[0]), 11)
	assert.Equal(t, 4990, r.flush(time.Minute)["events{http.route=__overflow__ outcome=good service=shop slo=a}"])
}

func TestMorePlansThanALaneRemembersCountTheSame(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}, groups_max: 20000}`, 1, nil)
	for range 2 {
		for i := 0; i < plansMax+500; i += 100 {
			var spans []span
			for k := range 100 {
				spans = append(spans, span{service: fmt.Sprint("s", i+k)})
			}
			r.observe(0, spans...)
		}
	}
	assert.Len(t, r.walkers[0].plans, plansMax)
	got := r.flush(time.Minute)
	for _, i := range []int{0, plansMax - 1, plansMax, plansMax + 499} {
		assert.Equal(t, 2, got[fmt.Sprintf("events{outcome=good service=s%d slo=a}", i)])
	}
}

func TestMemoryIsToldAndBounded(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}, group_by: [http.route], groups_max: 10}`, 2, nil)
	assert.Zero(t, r.Bytes())
	event := func(service string) { r.observe(0, span{service: service, attrs: attrs{"http.route": service}}) }
	event("a")
	one := r.Bytes()
	assert.Positive(t, one)
	event("a")
	assert.Equal(t, one, r.Bytes())
	for i := range 100 {
		event(fmt.Sprint(i) + strings.Repeat("x", 1_000_000))
	}
	assert.Less(t, r.Bytes(), int64(50_000), "long names are cut in keys and not remembered whole")
}
