package slo

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// The oracle judges spans one by one as docs/slis.md has it, without index, slots or caches.

func (s span) get(key string) any { return s.attrs[key] }

func (s span) serviceName() string {
	if s.service == "" {
		return "unknown_service"
	}
	return s.service
}

func oracleHolds(want, got any) bool {
	if got == nil {
		return false
	}
	switch w := want.(type) {
	case []any:
		return slices.ContainsFunc(w, func(x any) bool { return oracleHolds(x, got) })
	case map[string]any:
		text, ok := got.(string)
		return ok && regexp.MustCompile(w["regex"].(string)).MatchString(text)
	}
	return fmt.Sprint(want) == fmt.Sprint(got)
}

func oracleMatch(m Match, s span) bool {
	for k, want := range m.Attributes {
		if !oracleHolds(want, s.get(k)) {
			return false
		}
	}
	for k, want := range m.ResourceAttributes {
		if !oracleHolds(want, s.resource[k]) {
			return false
		}
	}
	return m.SpanName == nil || oracleHolds(m.SpanName, s.name)
}

func oracleIsRequest(o SLO, batch []span, i int) bool {
	s := batch[i]
	if o.Service != "*" && o.Service != s.serviceName() || s.kind != 2 && s.kind != 5 || !oracleMatch(o.Match, s) {
		return false
	}
	switch {
	case o.Request.Parent == "any" || s.parent == 0:
		return true
	case o.Request.Parent == "none":
		return false
	case s.flags&0x100 != 0:
		return s.flags&0x200 != 0
	}
	for _, p := range batch {
		if p.id == s.parent && p.trace == s.trace {
			return p.kind == 3 || p.kind == 4 || p.serviceName() != s.serviceName()
		}
	}
	return true
}

func oracleBad(o SLO, s span) bool {
	latency, errors := o.Latency, o.Errors
	for _, x := range o.Overrides {
		if x.Service == s.serviceName() {
			if x.Latency != nil {
				latency = x.Latency
			}
			if x.Errors != nil {
				errors = x.Errors
			}
		}
	}
	if latency != nil && max(s.duration, 0) > latency.Threshold {
		return true
	}
	if errors == nil {
		return false
	}
	code, coded := s.get("http.response.status_code").(int)
	switch {
	case coded && (errors.HTTPStatusCodes == nil && code >= 500 || slices.Contains(errors.HTTPStatusCodes, any(code))):
		return true
	case coded && errors.SpanStatus != "always":
		return false
	}
	return s.status == 2 && errors.SpanStatus != "never"
}

// oracle counts by identity and labels, over any number of reloads.
type oracle map[string]int

func (c oracle) observe(slos []SLO, batch []span) {
	for _, o := range slos {
		id := o.Name + fmt.Sprint(o.GroupBy)
		for i, s := range batch {
			if !oracleIsRequest(o, batch, i) {
				continue
			}
			route, _ := s.get("http.route").(string)
			switch {
			case *o.ExcludeProbes && route == "/healthz":
				c[id+" excluded health_route"]++
				continue
			case slices.ContainsFunc(o.Exclude, func(m Match) bool { return oracleMatch(m, s) }):
				c[id+" excluded rule"]++
				continue
			}
			labels := ""
			for _, k := range o.GroupBy {
				v := s.get(k)
				if v == nil {
					v = s.resource[k]
				}
				if v != nil && v != "" {
					labels += fmt.Sprintf("%s=%v ", k, v)
				}
			}
			outcome := "good"
			if oracleBad(o, s) {
				outcome = "bad"
			}
			c[fmt.Sprintf("%s events{%soutcome=%s service=%s slo=%s}", id, labels, outcome, s.serviceName(), o.Name)]++
		}
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomSLO(r *rand.Rand, name string) SLO {
	probes := r.IntN(2) == 0
	o := SLO{
		Name: name, Service: pick(r, "*", "s0", "s1", "unknown_service"), Objective: 99, ExcludeProbes: &probes,
		Request: Request{Parent: pick(r, "", "outside", "none", "any")},
		GroupBy: pick(r, nil, nil, []string{"http.route"}, []string{"env", "http.route"}),
	}
	latency := func() *Latency {
		return pick(r, nil, &Latency{Threshold: 5 * time.Millisecond}, &Latency{Threshold: 7 * time.Millisecond})
	}
	errors := func() *Errors {
		return pick(r, nil, &Errors{}, &Errors{SpanStatus: "always"}, &Errors{SpanStatus: "never", HTTPStatusCodes: []any{429}}, &Errors{HTTPStatusCodes: []any{}})
	}
	if o.Latency, o.Errors = latency(), errors(); o.Latency == nil && o.Errors == nil {
		o.Errors = &Errors{}
	}
	if o.Service == "*" && r.IntN(2) == 0 {
		o.Overrides = []Override{{Service: "s1", Latency: latency(), Errors: errors()}}
	}
	conditions := func() Match {
		return pick(r, Match{SpanName: "x"}, Match{Attributes: map[string]any{"http.route": []any{"/a", "/b"}}},
			Match{Attributes: map[string]any{"http.route": map[string]any{"regex": "^/[bc]"}}, SpanName: "x"},
			Match{ResourceAttributes: map[string]any{"env": "prod"}}, Match{Attributes: map[string]any{"http.response.status_code": 200}})
	}
	if r.IntN(3) == 0 {
		o.Match = conditions()
	}
	for range r.IntN(3) {
		o.Exclude = append(o.Exclude, conditions())
	}
	return o
}

func randomSLOs(r *rand.Rand) (out []SLO) {
	for i := range r.IntN(6) {
		out = append(out, randomSLO(r, fmt.Sprint("slo", i)))
	}
	return out
}

func randomBatch(r *rand.Rand) (out []span) {
	for range r.IntN(4) {
		service, env := pick(r, "s0", "s1", "s2", ""), pick(r, attrs{}, attrs{"env": "prod"}, attrs{"env": "test", "http.route": "/r"})
		for range r.IntN(12) {
			s := span{
				service: service, resource: env, name: pick(r, "x", "y"), kind: pick[int32](r, 1, 2, 2, 2, 3, 4, 5), status: r.Int32N(3),
				flags: pick[uint32](r, 0, 0, 0, 1, local, remote), trace: 1 + r.Uint64N(2), id: 1 + r.Uint64N(1<<40), parent: r.Uint64N(3) * (1 + r.Uint64N(40)),
				duration: time.Duration(r.IntN(10)-1) * time.Millisecond, attrs: attrs{},
			}
			if len(out) > 0 && r.IntN(2) == 0 {
				p := out[r.IntN(len(out))]
				s.trace, s.parent = p.trace, p.id
			}
			if r.IntN(2) == 0 {
				s.attrs["http.route"] = pick(r, "/a", "/b", "/c", "/healthz", "")
			}
			if r.IntN(2) == 0 {
				s.attrs["http.response.status_code"] = pick(r, 200, 404, 429, 499, 500, 503)
			}
			out = append(out, s)
		}
	}
	return out
}

func TestCountsEqualTheOraclesOverRandomBatchesLanesAndReloads(t *testing.T) {
	const lanes = 3
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		want := oracle{}
		var now time.Duration
		var counter *rig
		var slos []SLO
		for range 6 {
			slos = randomSLOs(r)
			next := &rig{schema: &spanview.Schema{}}
			var prev *Counter
			if counter != nil {
				prev = counter.Counter
			}
			c, err := Compile(Config{SLOs: slos}, Options{Lanes: lanes, Start: start}, next.schema, prev)
			require.NoError(t, err)
			next.Counter, counter = c, next
			for range r.IntN(8) {
				batch := randomBatch(r)
				want.observe(slos, batch)
				counter.observe(r.IntN(lanes), batch...)
			}
			if r.IntN(2) == 0 {
				now += time.Second
				counter.flush(now)
			}
		}
		got := map[string]any{}
		for k, v := range counter.flush(now + time.Second) {
			if v != 0 && v != "none" && (strings.HasPrefix(k, "events{") || strings.HasPrefix(k, "events.excluded")) {
				got[k] = v
			}
		}
		expect := map[string]any{}
		for _, o := range slos {
			id := o.Name + fmt.Sprint(o.GroupBy)
			for k, n := range want {
				rest, ok := strings.CutPrefix(k, id+" ")
				reason, excluded := strings.CutPrefix(rest, "excluded ")
				switch {
				case !ok:
				case excluded:
					expect[fmt.Sprintf("events.excluded{reason=%s slo=%s}", reason, o.Name)] = n
				case o.Service == "*" || strings.Contains(rest, "service="+o.Service+" "):
					expect[rest] = n
				}
			}
		}
		require.Equal(t, expect, got, "seed %d", seed)
	}
}

func TestNothingIsLostWhileLanesFlushesAndReloadsRunTogether(t *testing.T) {
	const lanes, batches = 4, 300
	cfg := parse(t, `- {name: a, service: "*", objective: 99, errors: {}, group_by: [http.route], groups_max: 5}`)
	base := &spanview.Schema{}
	var mu sync.RWMutex // protects current, as the caller's pointer to the newest counter does
	c, err := Compile(cfg, Options{Lanes: lanes, Start: start}, base, nil)
	require.NoError(t, err)
	current, schema := c, base
	var observers, others sync.WaitGroup
	done := make(chan struct{})
	for lane := range lanes {
		observers.Go(func() {
			var b spanview.Batch
			for i := range batches {
				mu.RLock()
				c, s := current, schema
				mu.RUnlock()
				fill(&b, s, []span{{service: "s", attrs: attrs{"http.route": fmt.Sprint("/", i%8)}}, {service: fmt.Sprint(lane), status: 2}})
				c.Observe(lane, &b, start)
			}
		})
	}
	others.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			s := &spanview.Schema{}
			next, err := Compile(cfg, Options{}, s, current)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			current, schema = next, s
			mu.Unlock()
			next.Flush(start.Add(time.Duration(i)), pmetric.NewMetrics())
			next.Turn(start.Add(time.Duration(i) * time.Minute))
		}
	})
	observers.Wait()
	close(done)
	others.Wait()
	total := map[string]int{}
	for k, v := range only((&rig{Counter: current}).flush(time.Hour), "events") {
		total[k[strings.Index(k, "outcome="):strings.Index(k, " service=")]] += v.(int)
	}
	require.Equal(t, map[string]int{"outcome=good": lanes * batches, "outcome=bad": lanes * batches}, total)
}
