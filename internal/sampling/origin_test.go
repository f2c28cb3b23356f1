package sampling

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// sent is a span as policies that compare see it.
type sent struct {
	trace                       byte
	namespace, service, version string
	name                        string
	kind, status                int32
	duration                    uint64
	attributes                  map[string]any
}

// batchOf returns spans as a request, a resource for each run of spans of one.
func batchOf(s *spanview.Schema, spans []sent) *spanview.Batch {
	b := &spanview.Batch{}
	b.Reset(s)
	for i, in := range spans {
		resource := map[string]any{"service.name": in.service}
		if in.namespace != "" {
			resource["service.namespace"] = in.namespace
		}
		if in.version != "" {
			resource["service.version"] = in.version
		}
		addSpan(b, s, [16]byte{in.trace}, oracleSpan{
			start: 5, end: 5 + in.duration, status: in.status, attributes: in.attributes, resourceAttributes: resource,
		})
		b.Spans[i].Name, b.Spans[i].Kind = in.name, in.kind
	}
	return b
}

func matchOf(p *Policies, s *spanview.Schema, sc *Scratch, spans ...sent) *spanview.Batch {
	b := batchOf(s, spans)
	p.Match(b, sc)
	return b
}

const unusual = `{name: u, type: relative_latency, relative_latency: {quantile: 0.9, factor: 2, floor_ms: 10, min_count: 50}}`

func TestASpanIsSlowAgainstItsOwnOperationOnly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p, s := mustCompile(t, `{policies: [`+unusual+`]}`)
	var lanes [3]Scratch
	services, names := []string{"a", "b"}, []string{"get", "put", "a"}
	type operation struct {
		service, namespace, name string
		kind                     int32
	}
	durations := map[operation][]uint64{}
	scale := map[operation]uint64{}
	for range 200 {
		var spans []sent
		for range 20 {
			in := sent{service: pick(rng, services), namespace: pick(rng, []string{"", "x"}), name: pick(rng, names), kind: rng.Int32N(3)}
			op := operation{in.service, in.namespace, in.name, in.kind}
			if scale[op] == 0 {
				scale[op] = 1000 << rng.IntN(20) // from 1 us to half a second
			}
			in.duration = scale[op]/2 + rng.Uint64N(scale[op])
			durations[op] = append(durations[op], in.duration)
			spans = append(spans, in)
		}
		b := matchOf(p, s, &lanes[rng.IntN(3)], spans...)
		for i := range b.Spans {
			require.Zero(t, b.Spans[i].Bits, "before a quantile is known")
		}
	}
	p.Begin(1)
	judged, floored := 0, 0
	for op, all := range durations {
		slices.Sort(all)
		quantile := all[len(all)*9/10]
		slow := func(duration uint64) bool {
			in := sent{service: op.service, namespace: op.namespace, name: op.name, kind: op.kind, duration: duration}
			return matchOf(p, s, &lanes[rng.IntN(3)], in).Spans[0].Bits != 0
		}
		if len(all) < 50 {
			assert.False(t, slow(1<<50))
			continue
		}
		judged++
		below, above := 2*quantile*85/100, 2*quantile*115/100 // a bucket is an eighth wide
		if above < 10*milli {
			floored++
			below, above = 10*milli-1, 10*milli
		}
		assert.Equal(t, below >= 10*milli && slow(below), slow(below))
		if below < 2*quantile {
			assert.False(t, slow(below), "%+v: %d, of %d", op, below, quantile)
		}
		assert.Equal(t, above >= 10*milli, slow(above), "%+v: %d, of %d", op, above, quantile)
	}
	assert.Greater(t, judged, 20)
	assert.Greater(t, floored, 3)
	assert.Equal(t, len(durations), p.Stats().Operations.Known)
}

func TestDefaultsOfRelativeLatency(t *testing.T) {
	rule := (&RelativeLatencyConfig{}).rule()
	assert.Equal(t, `{Quantile:0.99 Factor:1 Floor:50000000 MinCount:100}`, fmt.Sprintf("%+v", rule))
	rule = (&RelativeLatencyConfig{FloorMs: new(int64)}).rule()
	assert.Zero(t, rule.Floor)
}

func TestASlowSpanRescuesItsTrace(t *testing.T) {
	p, s := mustCompile(t, `{policies: [`+unusual+`]}`)
	var sc Scratch
	for range 100 {
		matchOf(p, s, &sc, sent{service: "a", name: "get", duration: 5 * milli})
	}
	p.Begin(1)
	slow := matchOf(p, s, &sc, sent{service: "a", name: "get", duration: 50 * milli})
	assert.True(t, p.RescuesAlone(&slow.Spans[0]))
	usual := matchOf(p, s, &sc, sent{service: "a", name: "get", duration: 5 * milli})
	assert.False(t, p.RescuesAlone(&usual.Spans[0]))
}

// firsts is an oracle of first_seen: the distinct traces of everything.
type firsts map[string][]byte

func (f firsts) isFirst(what string, trace byte, traces int) bool {
	at := slices.Index(f[what], trace)
	if at < 0 {
		at = len(f[what])
		f[what] = append(f[what], trace)
	}
	return at < traces
}

func TestTheFirstTracesOfWhatIsNewMatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	const config = `{policies: [
		{name: both, type: first_seen, first_seen: {traces: 2}},
		{name: operations, type: first_seen, first_seen: {of: [operation]}},
		{name: versions, type: first_seen, first_seen: {traces: 1, of: [service.version]}}]}`
	for range 100 {
		p, s := mustCompile(t, config)
		var lanes [2]Scratch
		seen := firsts{}
		kept := map[byte]uint64{} // what a trace's spans set together
		want := map[byte]uint64{}
		for range 60 {
			var spans []sent
			for range 1 + rng.IntN(4) {
				in := sent{
					trace: byte(rng.IntN(20)), service: pick(rng, []string{"a", "b"}), version: pick(rng, []string{"", "1", "2"}),
					name: pick(rng, []string{"get", "put"}), kind: rng.Int32N(2),
				}
				spans = append(spans, in)
			}
			b := matchOf(p, s, &lanes[rng.IntN(2)], spans...)
			for i := range b.Spans {
				kept[spans[i].trace] |= b.Spans[i].Bits
			}
			for _, in := range spans {
				if op := fmt.Sprint(in.service, "/", in.name, in.kind); true {
					if seen.isFirst(op, in.trace, 2) {
						want[in.trace] |= 1
					}
					if seen.isFirst(op, in.trace, 3) {
						want[in.trace] |= 2
					}
				}
				if version := fmt.Sprint(in.service, "@", in.version); in.version != "" {
					if seen.isFirst(version, in.trace, 2) {
						want[in.trace] |= 1
					}
					if seen.isFirst(version, in.trace, 1) {
						want[in.trace] |= 4
					}
				}
			}
			for trace := range want {
				require.Equal(t, want[trace], kept[trace])
			}
		}
		require.Equal(t, 4, p.Stats().Versions.Known)
		require.LessOrEqual(t, p.Stats().Operations.Known, 8)
	}
}

func TestWhatIsSeenWithinTheWarmUpIsKnown(t *testing.T) {
	p, s := mustCompile(t, `{policies: [
		{name: warm, type: first_seen, first_seen: {warm_up: 1m}}, {name: cold, type: first_seen, first_seen: {}}]}`)
	var sc Scratch
	bits := func(name string) uint64 {
		return matchOf(p, s, &sc, sent{service: "a", version: name, name: name}).Spans[0].Bits
	}
	const warm, cold = 1, 2
	assert.Equal(t, uint64(cold), bits("before the first round"))
	p.Begin(1000)
	assert.Equal(t, uint64(cold), bits("at the start"))
	p.Begin(60_999)
	assert.Equal(t, uint64(cold), bits("within"))
	p.Begin(61_000)
	assert.Equal(t, uint64(cold|warm), bits("after"))
	assert.Equal(t, uint64(cold), bits("within"))
	assert.Equal(t, uint64(cold), bits("before the first round"))

	p, s = mustCompile(t, `{policies: [{name: v, type: first_seen, first_seen: {warm_up: 1m, of: [service.version]}}]}`)
	p.Begin(1000)
	p.Begin(61_000)
	assert.NotZero(t, bits("a version that came after it"))
}

func TestWhatIsFirstHasNoProbability(t *testing.T) {
	const share = `{name: p, type: probabilistic, probabilistic: {sampling_percentage: 50}}`
	const first = `{name: f, type: first_seen, first_seen: {}}`
	f := func(policies string, trace byte, keep, known bool) {
		t.Helper()
		p, s := mustCompile(t, `{policies: [`+policies+`]}`)
		b := matchOf(p, s, &Scratch{}, sent{trace: trace, service: "a", name: "get"})
		b.Spans[0].TraceID[9] = trace
		v := p.Decide(recordOf(b))
		assert.Equal(t, []bool{keep, known}, []bool{v.Keep, v.Known})
	}
	f(first, 0, true, false)
	f(first+`,`+share, 0, true, false)
	f(first+`,`+share, 0xff, true, true) // the share would have kept it
	f(`{name: n, type: not, not: {not_sub_policy: `+first+`}}`, 0, false, false)
}

func TestWhereThereIsNoRoomNothingIsComparedAndItIsCounted(t *testing.T) {
	p, s := mustCompile(t, `{operations_max: 2, policies: [{name: f, type: first_seen, first_seen: {of: [operation]}}]}`)
	var sc Scratch
	for i, want := range []bool{true, true, false, false} {
		b := matchOf(p, s, &sc, sent{service: "a", name: fmt.Sprint(i)})
		assert.Equal(t, want, b.Spans[0].Bits != 0)
	}
	p.Begin(1)
	assert.Equal(t, 2, p.Stats().Operations.Known)
	assert.Equal(t, uint64(2), p.Stats().Operations.Overflow)
}

func TestAVersionInUseIsNotForgotten(t *testing.T) {
	p, s := mustCompile(t, `{operations_max: 1, policies: [{name: f, type: first_seen, first_seen: {traces: 1, of: [service.version]}}]}`)
	var sc Scratch
	const hour = 3_600_000
	isNew := func(trace byte, version string) bool {
		return matchOf(p, s, &sc, sent{trace: trace, service: "a", version: version}).Spans[0].Bits != 0
	}
	assert.True(t, isNew(0, "1"))
	for n := range byte(5) { // seen every half hour
		p.Begin(1 + int64(n)*hour/2)
		assert.False(t, isNew(n+1, "1"))
		assert.False(t, isNew(n+1, "2"), "there is no room")
	}
	p.Begin(10 * hour)
	p.Begin(12 * hour)
	assert.True(t, isNew(20, "2"))
}

func TestAReloadMakesNothingNew(t *testing.T) {
	const config = `{policies: [{name: f, type: first_seen, first_seen: {traces: 1}},` + unusual + `,
		{name: r, type: rare, rare: {traces: 1}}]}`
	old, s := mustCompile(t, config)
	var sc Scratch
	for trace := range byte(100) {
		b := matchOf(old, s, &sc, sent{trace: trace, service: "a", version: "1", name: "get", duration: 5 * milli})
		old.Begin(1)
		assert.Equal(t, trace == 0, old.Decide(recordOf(b)).Keep)
	}
	p, err := Compile(mustParse(t, config), Options{Previous: old}, s)
	require.NoError(t, err)
	p.Begin(2)
	b := matchOf(p, s, &sc, sent{trace: 200, service: "a", version: "1", name: "get", duration: 5 * milli})
	assert.False(t, p.Decide(recordOf(b)).Keep)
	b = matchOf(p, s, &sc, sent{trace: 201, service: "a", version: "1", name: "get", duration: 500 * milli})
	assert.True(t, p.Decide(recordOf(b)).Keep, "limits are known at once")
	b = matchOf(p, s, &sc, sent{trace: 202, service: "a", version: "2", name: "get"})
	assert.True(t, p.Decide(recordOf(b)).Keep)

	// what was not asked for before
	before, _ := mustCompile(t, `{policies: [`+unusual+`]}`)
	matchOf(before, s, &sc, sent{service: "a", name: "get"})
	p, err = Compile(mustParse(t, config), Options{Previous: before}, s)
	require.NoError(t, err)
	b = matchOf(p, s, &sc, sent{service: "a", name: "get"})
	assert.Zero(t, b.Spans[0].Bits, "the operation was known")
	b = matchOf(p, s, &sc, sent{service: "a", name: "put"})
	assert.NotZero(t, b.Spans[0].Bits)
}

func TestWhatIsMatchedAgainTeachesNothing(t *testing.T) {
	p, s := mustCompile(t, `{policies: [`+unusual+`, {name: f, type: first_seen, first_seen: {traces: 1}}, {name: r, type: rare, rare: {}}]}`)
	var sc Scratch
	usual := sent{service: "a", name: "get", duration: 5 * milli}
	for range 100 {
		matchOf(p, s, &sc, usual)
	}
	p.Begin(1)
	again := Scratch{Again: true}
	slow := sent{trace: 7, service: "a", version: "1", name: "get", duration: 50 * milli}
	for range 1000 {
		b := matchOf(p, s, &again, slow, sent{trace: 7, service: "a", name: "put"})
		require.Equal(t, []uint64{1, 0}, []uint64{b.Spans[0].Bits, b.Spans[1].Bits})
		require.NotZero(t, b.Traits()[0].Sketch)
	}
	p.Begin(6000)
	assert.Equal(t, uint64(1), matchOf(p, s, &again, slow).Spans[0].Bits, "the usual is as before")
	assert.Equal(t, 1, p.Stats().Operations.Known)
	assert.Zero(t, p.Stats().Versions.Known)
	assert.Equal(t, uint64(2), matchOf(p, s, &sc, sent{service: "a", version: "1", name: "put"}).Spans[0].Bits)
}

func TestShadowPoliciesCompareBesideTheOthers(t *testing.T) {
	const config = `{policies: [{name: r, type: rare, rare: {traces: 1}}], shadow_policies: [
		{name: r, type: rare, rare: {traces: 2}}, {name: f, type: first_seen, first_seen: {traces: 2, of: [operation]}}]}`
	p, s := mustCompile(t, config)
	var sc Scratch
	decide := func(trace byte) (kept, wouldKeep bool) {
		b := matchOf(p, s, &sc, sent{trace: trace, service: "a", name: "get"})
		p.Begin(1)
		p.Shadow().Begin(1)
		return p.Decide(recordOf(b)).Keep, p.Shadow().Decide(recordOf(b)).Keep
	}
	for trace, want := range [][2]bool{{true, true}, {false, true}, {false, false}} {
		kept, would := decide(byte(trace))
		assert.Equal(t, want, [2]bool{kept, would})
	}
	next, err := Compile(mustParse(t, config), Options{Previous: p}, s)
	require.NoError(t, err)
	p = next
	kept, would := decide(9)
	assert.Equal(t, [2]bool{}, [2]bool{kept, would}, "both go on where the policies before were")
}

func TestLanesMatchWhileTracesAreDecided(t *testing.T) {
	p, s := mustCompile(t, `{operations_max: 50, policies: [{name: f, type: first_seen, first_seen: {traces: 2}},`+unusual+`,
		{name: r, type: rare, rare: {traces: 1, window: 10s, fingerprints_max: 20}}]}`)
	var wg sync.WaitGroup
	records := make(chan *spanview.Batch, 16)
	for worker := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(9, uint64(worker)))
			var sc Scratch
			for range 300 {
				b := matchOf(p, s, &sc, sent{
					trace: byte(rng.IntN(256)), service: "a", version: fmt.Sprint(rng.IntN(80)), name: fmt.Sprint(rng.IntN(100)),
					duration: rng.Uint64N(1e9),
				})
				p.RescuesAlone(&b.Spans[0])
				r := recordOf(b)
				p.Rescues(r, r)
				p.Decisive(r)
				records <- b
			}
		})
	}
	go func() {
		wg.Wait()
		close(records)
	}()
	now := int64(1)
	for b := range records {
		p.Begin(now)
		p.Decide(recordOf(b))
		p.Stats()
		p.Bytes()
		now += 101
	}
	assert.Equal(t, 50, p.Stats().Operations.Known)
	assert.Positive(t, p.Stats().FingerprintOverflow)
}
