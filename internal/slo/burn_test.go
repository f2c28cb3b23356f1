package slo

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// minutes sends so many good and bad requests to a service in each of so many minutes, and turns.
func (r *rig) minutes(at *time.Duration, n, good, bad int, s span) {
	for range n {
		for i := range good + bad {
			s.status = 0
			if i < bad {
				s.status = 2
			}
			r.observe(0, s)
		}
		*at += time.Minute
		r.Turn(start.Add(*at))
	}
}

// means observes a good request and returns what it means.
func (r *rig) means(s span) spanview.SLOFlags {
	s.status = 0
	r.observe(0, s)
	return r.batch.Spans[0].SLO
}

func TestABudgetBurnsOnceBothWindowsAreAtTheRateAndUntilTheShortOneIsBack(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}}`, 1, nil)
	shop, cart := span{service: "shop"}, span{service: "cart"}
	var at time.Duration
	burns := func() bool {
		require.Zero(t, r.means(cart))
		return r.means(shop) == spanview.SLOBurning
	}
	r.minutes(&at, 90, 100, 0, shop)
	r.observe(0, cart)
	// 14.4 times 1 % of the hour: 864 of 6000, which takes 17 minutes at half bad.
	took := 0
	for took < 60 && !burns() {
		r.minutes(&at, 1, 50, 50, shop)
		took++
	}
	assert.InDelta(t, 17, took, 3)
	assert.Equal(t, []Burning{{"a", 1}}, r.Burning())
	// The hour is still full of it when the five minutes are back.
	took = 0
	for took < 60 && burns() {
		r.minutes(&at, 1, 100, 0, shop)
		took++
	}
	assert.InDelta(t, 5, took, 1)
	assert.Equal(t, []Burning{{"a", 0}}, r.Burning())
	assert.Nil(t, r.ledger.burner.now.Load(), "Observe asks nothing where nothing burns")
	// A short relapse is judged by the hour too, which has not forgotten.
	r.minutes(&at, 2, 50, 50, shop)
	assert.True(t, burns())
	// Between half of the rate and the rate nothing changes, in either state.
	r.minutes(&at, 100, 90, 10, shop)
	assert.True(t, burns())
	r.minutes(&at, 100, 100, 0, shop)
	r.minutes(&at, 100, 90, 10, shop)
	assert.False(t, burns())
}

func TestFewBadEventsMakeNoFire(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99.9, errors: {}}`, 1, nil)
	var at time.Duration
	r.minutes(&at, burnBadMin-1, 0, 1, span{service: "shop"})
	require.Zero(t, r.means(span{service: "shop"}))
	r.minutes(&at, 1, 0, 1, span{service: "shop"})
	require.Equal(t, spanview.SLOBurning, r.means(span{service: "shop"}))
	require.Zero(t, testing.AllocsPerRun(100, func() { r.Observe(0, &r.batch, start) }))
}

func TestALargeBudgetBurnsToo(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 60, errors: {}}`, 1, nil)
	var at time.Duration
	r.minutes(&at, 61, 31, 69, span{service: "shop"})
	require.Zero(t, r.means(span{service: "shop"}))
	r.minutes(&at, 120, 29, 71, span{service: "shop"}) // half-way from 40 % to all is 70 %
	require.Equal(t, spanview.SLOBurning, r.means(span{service: "shop"}))
	r.minutes(&at, 10, 61, 39, span{service: "shop"})
	require.Zero(t, r.means(span{service: "shop"}), "within the budget")
}

func TestAGroupBurnsAloneAndAServiceWithAllItsGroups(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", group_by: [http.route], objective: 99, errors: {}}`, 1, nil)
	one := span{service: "shop", attrs: attrs{"http.route": "/one"}}
	other := span{service: "shop", attrs: attrs{"http.route": "/other"}}
	var at time.Duration
	for range 30 {
		r.minutes(&at, 1, 0, 1, one)
		r.minutes(&at, 1, 200, 0, other)
	}
	assert.Equal(t, spanview.SLOBurning, r.means(one))
	assert.Zero(t, r.means(other))
	assert.Equal(t, []Burning{{"a", 1}}, r.Burning())
	r.minutes(&at, 10, 0, 200, one)
	assert.Equal(t, spanview.SLOBurning, r.means(other), "the service has spent its budget")
}

func TestAReloadKeepsWhatBurnsAndForgetsWhatIsNotDeclared(t *testing.T) {
	list := `- {name: a, service: %s, objective: %s, errors: {}}`
	shop := span{service: "shop"}
	old := newRig(t, fmt.Sprintf(list, `"*"`, "99"), 1, nil)
	at := time.Duration(0)
	old.minutes(&at, 10, 50, 50, shop)
	require.Equal(t, spanview.SLOBurning, old.means(shop))

	same := newRig(t, fmt.Sprintf(list, "shop", "98"), 1, old)
	require.Equal(t, spanview.SLOBurning, same.means(shop))
	assert.Equal(t, []Burning{{"a", 1}}, same.Burning())
	same.minutes(&at, 1, 50, 50, shop)
	require.Equal(t, spanview.SLOBurning, same.means(shop))

	others := newRig(t, fmt.Sprintf(list, "cart", "99"), 1, same)
	others.minutes(&at, 1, 1, 0, shop)
	assert.Equal(t, []Burning{{"a", 0}}, others.Burning())
	require.Zero(t, same.means(shop))
}

func TestSubjectsOfBurnRatesAreBounded(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", group_by: [http.route], groups_max: 100000, objective: 99, errors: {}}`, 1, nil)
	before := r.Bytes()
	r.Turn(start.Add(time.Minute))
	require.Equal(t, before, r.Bytes())
	spans := make([]span, 1000)
	for i := range burnSubjectsMax/len(spans) + 1 {
		for k := range spans {
			spans[k] = span{service: "shop", status: 2, attrs: attrs{"http.route": fmt.Sprint("/", i, "/", k)}}
		}
		r.observe(0, spans...)
	}
	before = r.Bytes()
	for i := range 3 {
		r.Turn(start.Add(time.Duration(2+i) * time.Minute))
		require.EqualValues(t, burnSubjectsMax*burnSubjectBytes, r.Bytes()-before)
	}
	require.Equal(t, spanview.SLOBurning, r.means(spans[0]), "those beyond burn with their service")
}

func TestAWindowIsAtMostACellLongerThanItSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, every := range []time.Duration{5 * time.Second, 7 * time.Second, 30 * time.Second} {
		w := newWindow(burnShort, burnShortCells, start)
		for now := start; now.Before(start.Add(5 * time.Hour)); now = now.Add(1 + time.Duration(rng.Int64N(int64(every)))) {
			got := now.Sub(w.taken[w.from(now)])
			if now.Sub(start) < burnShort {
				require.Equal(t, now.Sub(start), got)
			} else {
				require.GreaterOrEqual(t, got, burnShort)
				require.Less(t, got, burnShort+w.cell+every)
			}
			w.turn(now)
		}
	}
	w := newWindow(burnShort, burnShortCells, start)
	w.turn(start.Add(w.cell))
	require.Equal(t, w.slot, w.from(start.Add(w.cell+burnShort)), "a snapshot that is just old enough")
}

func TestItIsJudgedEveryFiveSeconds(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}`, 1, nil)
	for range burnBadMin {
		r.observe(0, span{service: "shop", status: 2})
	}
	r.Turn(start.Add(burnEvery - 1))
	require.Zero(t, r.means(span{service: "shop"}))
	r.Turn(start.Add(burnEvery))
	require.Equal(t, spanview.SLOBurning, r.means(span{service: "shop"}))
}

func TestAnOverridesObjectiveIsItsServicesBudget(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99.9, errors: {}, overrides: [{service: cart, objective: 99}]}`, 1, nil)
	var at time.Duration
	for range 10 {
		r.minutes(&at, 1, 90, 10, span{service: "shop"})
		r.minutes(&at, 1, 90, 10, span{service: "cart"})
	}
	assert.Equal(t, spanview.SLOBurning, r.means(span{service: "shop"}))
	assert.Zero(t, r.means(span{service: "cart"}))
}

func TestJudgingSetsWhatObservingDoesAndCountsNothing(t *testing.T) {
	const slos = `- {name: a, service: shop, objective: 99, errors: {}}`
	observed, judged, idle := newRig(t, slos, 1, nil), newRig(t, slos, 1, nil), newRig(t, slos, 1, nil)
	spans := []span{{service: "shop"}, {service: "shop", status: 2}, {service: "cart", status: 2}}
	observed.observe(0, spans...)
	fill(&judged.batch, judged.schema, spans)
	judged.Judge(0, &judged.batch)
	for i, want := range []spanview.SLOFlags{0, spanview.SLOBad, 0} {
		assert.Equal(t, want, observed.batch.Spans[i].SLO)
		assert.Equal(t, want, judged.batch.Spans[i].SLO)
	}
	nothing := idle.flush(time.Minute)
	assert.NotEqual(t, nothing, observed.flush(time.Minute))
	assert.Equal(t, nothing, judged.flush(time.Minute))
}
