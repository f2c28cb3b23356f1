package sampling

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/operations"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// recordOf folds a batch of one trace, traits too.
func recordOf(b *spanview.Batch) *tracebuf.Record {
	r := &tracebuf.Record{TraceID: b.Spans[0].TraceID}
	for i := range b.Spans {
		r.Fold(&b.Spans[i])
		if traits := b.Traits(); len(traits) > 0 {
			r.Traits.Merge(&traits[i])
		}
	}
	return r
}

func randomSent(rng *rand.Rand) sent {
	in := sent{
		namespace: pick(rng, []string{"", "x"}), service: pick(rng, []string{"a", "b", "ab"}), name: pick(rng, []string{"a", "b", "ab"}),
		kind: rng.Int32N(6), status: rng.Int32N(3), duration: rng.Uint64N(1000), attributes: map[string]any{},
	}
	for _, key := range peerKeys {
		if rng.IntN(4) == 0 {
			in.attributes[key] = pick(rng, []any{"db-1", "10.0.0.1", "", int64(7)})
		}
	}
	return in
}

func TestASketchDependsOnWhatHappenedOnly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		var spans []sent
		for range 1 + rng.IntN(8) {
			spans = append(spans, randomSent(rng))
		}
		draw := func(order []int) [2]uint64 {
			p, s := mustCompile(t, `{policies: [{name: r, type: rare, rare: {}}]}`) // another process
			var lanes [2]Scratch
			var parts [3]tracebuf.Record // of three machines
			for len(order) > 0 {
				n := 1 + rng.IntN(len(order))
				var request []sent
				for _, i := range order[:n] {
					in := spans[i]
					in.trace, in.duration = byte(rng.IntN(9)), rng.Uint64N(1e9) // tells nothing
					request = append(request, in)
				}
				r := recordOf(matchOf(p, s, &lanes[rng.IntN(2)], request...))
				parts[rng.IntN(3)].Merge(r)
				order = order[n:]
			}
			parts[0].Merge(&parts[1])
			parts[2].Merge(&parts[0])
			return parts[2].Traits.Sketch
		}
		want := draw(rng.Perm(len(spans)))
		require.NotZero(t, want)
		again := append(rng.Perm(len(spans)), rng.Perm(len(spans))...)
		require.Equal(t, want, draw(again[:len(spans)+rng.IntN(len(spans))]))
	}
}

func TestWhatASketchTellsApart(t *testing.T) {
	p, s := mustCompile(t, `{policies: [{name: r, type: rare, rare: {}}]}`)
	draw := func(in sent) [2]uint64 { return recordOf(matchOf(p, s, &Scratch{}, in)).Traits.Sketch }
	base := sent{service: "a", name: "get", kind: spanview.KindClient, attributes: map[string]any{"server.address": "b"}}
	apart := map[string]func(in *sent){
		"service":   func(in *sent) { in.service = "c" },
		"namespace": func(in *sent) { in.namespace = "c" },
		"name":      func(in *sent) { in.name = "c" },
		"kind":      func(in *sent) { in.kind = spanview.KindProducer },
		"status":    func(in *sent) { in.status = spanview.StatusError },
		"peer":      func(in *sent) { in.attributes = map[string]any{"server.address": "c"} },
		"system":    func(in *sent) { in.attributes = map[string]any{"db.system.name": "b"} },
		"no peer":   func(in *sent) { in.attributes = nil },
		"swapped":   func(in *sent) { in.service, in.name = in.name, in.service },
	}
	for what, change := range apart {
		in := base
		change(&in)
		assert.NotEqual(t, draw(base), draw(in), what)
	}
	same := map[string]func(in *sent){
		"version":  func(in *sent) { in.version = "2" },
		"duration": func(in *sent) { in.duration = 7 },
		"more":     func(in *sent) { in.attributes = map[string]any{"server.address": "b", "url.path": "/7"} },
	}
	for what, change := range same {
		in := base
		change(&in)
		assert.Equal(t, draw(base), draw(in), what)
	}
	pod, none := base, base
	pod.attributes, none.attributes = map[string]any{"server.address": "10.0.0.1"}, nil
	assert.Equal(t, draw(none), draw(pod), "pods come and go")
	server := base
	server.kind = spanview.KindServer
	want := draw(server)
	server.attributes = nil
	assert.Equal(t, want, draw(server), "a server's address is its own")
}

func TestASketchIsTheSameInEveryVersion(t *testing.T) {
	p, s := mustCompile(t, `{policies: [{name: r, type: rare, rare: {}}]}`)
	b := matchOf(p, s, &Scratch{}, sent{
		service: "checkout", namespace: "shop", name: "GET /pay", kind: spanview.KindClient, status: spanview.StatusError,
		attributes: map[string]any{"peer.service": "bank"},
	})
	assert.Equal(t, [2]uint64{0x800000008000, 0x4000000006000}, b.Traits()[0].Sketch, "sketches of different versions are merged and compared")
}

func TestAddressesAreNoPeers(t *testing.T) {
	for host, want := range map[string]bool{
		"10.0.0.1": true, "10.0.0.1:80": true, "::1": true, "fe80::1": true, "FE80::1": true,
		"db": false, "ad.bed": false, "cafe:80": false, "frontend": false, "db-1": false, "db:5432": false, "7.example.com": false, "1a": false,
	} {
		assert.Equal(t, want, isAddress(host), host)
	}
}

// randomElement is that of an operation of few services and of many names.
func randomElement(rng *rand.Rand) uint64 {
	text := func(n int) uint64 { return xxhash.Sum64String(fmt.Sprint("GET /", rng.IntN(n))) }
	operation := operations.Join(operations.Join(text(1), text(50)), text(100_000))
	return operations.Join(operation, rng.Uint64N(6)<<32|rng.Uint64N(3))
}

// elements returns the sketch of some random elements.
func elements(rng *rand.Rand, n int) (sketch [2]uint64) {
	for range n {
		addElement(&sketch, randomElement(rng))
	}
	return sketch
}

func TestHowOftenAnElementIsNotSeenInASketch(t *testing.T) {
	if underRace {
		t.Skip("long, and the race detector has nothing to find in it")
	}
	rng := rand.New(rand.NewPCG(2, 1))
	// as docs/sampling.md states it
	for n, stated := range map[int]float64{5: 0.0015, 10: 0.009, 20: 0.052, 40: 0.23} {
		const trials = 40_000
		hidden := 0
		for range trials {
			sketch := elements(rng, n)
			more := sketch
			addElement(&more, randomElement(rng))
			if more == sketch {
				hidden++
			}
		}
		assert.InDelta(t, stated, float64(hidden)/trials, stated/20+4*math.Sqrt(stated/trials), "%d elements", n)
		fill := 1 - math.Exp(-3*float64(n)/128)
		assert.InEpsilon(t, stated, fill*fill*fill, 0.1, "%d elements", n)
	}
}

func TestAtLeastSoManyOfAFingerprintAreKeptInAnyWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	var rareKept, otherKept, dropped int
	for range 60 {
		enough, window := 1+rng.IntN(4), int64(10_000)
		p, _ := mustCompile(t, fmt.Sprintf(`{policies: [{name: e, type: status_code, status_code: {status_codes: [ERROR]}},
			{name: r, type: rare, rare: {traces: %d, window: 10s}}]}`, enough))
		kept := map[[2]uint64][]int64{}
		byRare := map[[2]uint64][]int64{}
		first := int64(0)
		for now := int64(1 + rng.IntN(5000)); now < 120_000; now += rng.Int64N(400) {
			if rng.IntN(40) == 0 {
				now += rng.Int64N(25_000)
			}
			if first == 0 {
				first = now
			}
			p.Begin(now)
			sketch := [2]uint64{uint64(rng.ExpFloat64() * 4), 7}
			r := randomRecord(rng, 1, 0)
			r.Traits.Sketch = sketch
			if rng.IntN(30) == 0 {
				r.Bits = 1
			}
			v := p.Decide(&r)
			recent := 0
			for _, at := range kept[sketch] {
				if at > now-window {
					recent++
				}
			}
			if !v.Keep {
				require.GreaterOrEqual(t, recent, enough, "one was dropped of which there are few")
				dropped++
				continue
			}
			kept[sketch] = append(kept[sketch], now)
			if v.Policy == 1 {
				require.False(t, v.Known)
				byRare[sketch] = append(byRare[sketch], now)
				rareKept++
			} else {
				require.True(t, v.Known)
				otherKept++
			}
		}
		for _, times := range byRare { // no more than wanted in a half
			halves := map[int64]int{}
			for _, at := range times {
				halves[(at-first)/(window/2)]++
			}
			for _, n := range halves {
				require.LessOrEqual(t, n, enough)
			}
		}
	}
	assert.Greater(t, rareKept, 1000)
	assert.Greater(t, otherKept, 300)
	assert.Greater(t, dropped, 1000)
}

func TestMoreFingerprintsThanThereIsRoomForAreNotKept(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: r, type: rare, rare: {traces: 1, window: 10s, fingerprints_max: 3}}]}`)
	decide := func(now int64, fingerprint uint64) bool {
		p.Begin(now)
		r := tracebuf.Record{Spans: 1}
		r.Traits.Sketch[1] = fingerprint
		binary.LittleEndian.PutUint64(r.TraceID[:], fingerprint)
		return p.Decide(&r).Keep
	}
	for fingerprint := range uint64(6) {
		assert.Equal(t, fingerprint < 3, decide(1, fingerprint))
	}
	assert.Equal(t, uint64(3), p.Stats().FingerprintOverflow)
	assert.False(t, decide(5002, 5), "the half before still counts")
	assert.Equal(t, int64(3), p.Stats().Fingerprints)
	assert.True(t, decide(10_002, 5))
	assert.True(t, decide(10_002, 1))
}

func TestRarityIsAskedWhileDecidingOnly(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: a, type: and, and: {and_sub_policy: [
		{type: status_code, status_code: {status_codes: [ERROR]}}, {type: rare, rare: {}}]}}]}`)
	r := tracebuf.Record{Bits: 1, Spans: 1}
	p.Begin(1)
	assert.False(t, p.Rescues(&tracebuf.Record{}, &r))
	assert.False(t, p.Decisive(&r))
	assert.True(t, p.Decide(&r).Keep)
	assert.True(t, p.Decide(&r).Keep)
	assert.False(t, p.Decide(&r).Keep)
}

func TestEqualRarePoliciesCountOnce(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: a, type: rare, rare: {}}, {name: b, type: rare, rare: {traces: 2, window: 15m}}]}`)
	assert.Len(t, p.learners, 1)
	p.Begin(1)
	kept := 0
	for range 5 {
		if p.Decide(&tracebuf.Record{Spans: 1}).Keep {
			kept++
		}
	}
	assert.Equal(t, 2, kept)
}
