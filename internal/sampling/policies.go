package sampling

import (
	"maps"
	"sync/atomic"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Policies is a compiled configuration. Any number of goroutines may use it at once, apart from deciding (Begin, Survey, Settle,
// Decide), which is for one at a time.
type Policies struct {
	// What Match needs: the bits of each status, and the tests of attributes by level.
	statusBits    [statuses]uint64
	spanTests     []attributeTest
	resourceTests []attributeTest
	stateTests    []stateTest
	sampledBit    uint64 // of spans with the W3C flag "sampled"
	sloBits       [sloFlags]uint64
	keys          traceKeys
	cacheSizes    []int
	// conditions are what MatchConditions asks.
	conditions []spanConditions
	// evaluationErrors counts by policy.
	evaluationErrors []atomic.Uint64
	origin           origin
	sketch           sketcher

	// What deciding needs. Both lists are in the order of the configuration.
	drops []policy
	keeps []policy
	names []string
	// firstMatch: policies behind one that matches are not asked, so that no limit is used up for their traces.
	firstMatch bool
	// rounders are the conditions that look at all traces of a round.
	rounders []rounder
	// limits are the rounders by what they limit, see standing.
	limits    map[string]rounder
	learners  []learner
	rares     map[string]*fingerprints // by configuration
	now       int64                    // of the round, milliseconds
	counts    []policyCount
	adaptives []adaptiveOf
	// thinning is the level of the round under way, thinningNext of the next.
	thinning     uint32
	thinningNext atomic.Uint32

	// shadow are policies that are asked beside these, about the same bits; nil: none.
	shadow *Policies
	// predicates are the bits by what they say.
	predicates map[string]uint64
}

// policy is one entry of `policies:`.
type policy struct {
	// index is its place in the configuration.
	index   int
	when    condition
	rescues bool
}

// Len returns how many policies there are; their numbers in a verdict run from 0 to Len()-1.
func (p *Policies) Len() int { return len(p.names) }

// Shadow returns the policies that are only watched, nil where there are none. Match sets their bits too.
func (p *Policies) Shadow() *Policies { return p.shadow }

// SameBits reports whether the bits and traits of records mean the same to both.
func (p *Policies) SameBits(o *Policies) bool {
	return maps.Equal(p.predicates, o.predicates) && p.keys.same(&o.keys) && p.sketch.wanted == o.sketch.wanted
}

// Name returns the configured name of a policy.
func (p *Policies) Name(index int) string { return p.names[index] }

// attributeTest sets a bit where the attribute in a slot is there and passes the test.
type attributeTest struct {
	slot int
	bit  uint64
	test valueTest
}

// valueTest asks about the value of an attribute that is there.
type valueTest interface {
	matches(v *spanview.Value, sc *Scratch) bool
}

// Scratch is what Match remembers between spans and requests. The zero value is ready. A goroutine keeps one, or takes
// one from a pool; it may be used with one Policies after another.
type Scratch struct {
	// Again: the spans were matched before, by these policies or others, so that there is nothing to learn from them: no duration is
	// noted, and no trace is the first of anything by it.
	Again bool

	shapedFor *Policies
	// resourceBits are the bits of the batch's resources.
	resourceBits []uint64
	caches       []regexCache
	origin       originScratch
	services     []uint64
}

func (sc *Scratch) shape(p *Policies) {
	if sc.shapedFor == p {
		return
	}
	sc.shapedFor = p
	if !sc.Again {
		p.origin.shape(&sc.origin)
	}
	sc.caches = make([]regexCache, len(p.cacheSizes))
	for i, size := range p.cacheSizes {
		sc.caches[i] = newRegexCache(size)
	}
}

// Match sets Bits, Randomness and Threshold of every span of the batch, and its traits where a policy needs them. The batch was shaped for the schema that the
// policies were compiled with, or for one that extends it.
func (p *Policies) Match(b *spanview.Batch, sc *Scratch) {
	sc.shape(p)
	sc.resourceBits = sc.resourceBits[:0]
	for i := range b.Resources {
		sc.resourceBits = append(sc.resourceBits, testAttributes(p.resourceTests, b.ResourceValues(i), 0, sc))
	}
	states := traceStateRun{tests: p.stateTests}
	for i := range b.Spans {
		s := &b.Spans[i]
		set := sc.resourceBits[s.Resource]
		if uint32(s.Status) < statuses {
			set |= p.statusBits[s.Status]
		}
		if s.Flags&flagSampled != 0 {
			set |= p.sampledBit
		}
		set |= p.sloBits[s.SLO&(sloFlags-1)]
		if len(p.spanTests) > 0 {
			set = testAttributes(p.spanTests, b.SpanValues(i), set, sc)
		}
		if s.TraceState != "" {
			states.read(s.TraceState)
			set |= states.bits
			s.Randomness, s.Threshold = states.randomness, states.threshold
		} else {
			s.Randomness, s.Threshold = 0, 0
		}
		s.Bits = set
	}
	p.origin.match(b, &sc.origin, sc.Again)
	p.matchTraits(b, sc)
}

// matchTraits sets what traces are compared by.
func (p *Policies) matchTraits(b *spanview.Batch, sc *Scratch) {
	keyed := p.keys.keyed || p.keys.signed
	if !keyed && !p.sketch.wanted {
		return
	}
	traits := b.WantTraits()
	if keyed {
		p.keys.fill(b, traits, sc)
	}
	if p.sketch.wanted {
		sc.services = p.sketch.match(b, traits, sc.services)
	}
}

// testAttributes adds the bits of the tests that the values pass to those already set.
func testAttributes(tests []attributeTest, values []spanview.Value, set uint64, sc *Scratch) uint64 {
	for i := range tests {
		t := &tests[i]
		v := &values[t.slot]
		if v.Type != spanview.Absent && set&t.bit == 0 && t.test.matches(v, sc) {
			set |= t.bit
		}
	}
	return set
}

// Renamed returns how bits that other policies set read to these: those that mean the same stay, under their new numbers.
func (p *Policies) Renamed(from *Policies) func(bits uint64) uint64 {
	type move struct{ from, to uint64 }
	var moves []move
	for says, bit := range from.predicates {
		if to, too := p.predicates[says]; too {
			moves = append(moves, move{from: bit, to: to})
		}
	}
	return func(bits uint64) (out uint64) {
		for _, m := range moves {
			if bits&m.from != 0 {
				out |= m.to
			}
		}
		return out
	}
}
