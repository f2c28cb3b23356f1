package sampling

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// addSpan puts a span into a batch with a resource of its own.
func addSpan(b *spanview.Batch, s *spanview.Schema, traceID [16]byte, in oracleSpan) {
	r := b.AddResource()
	for slot := range s.ResourceSlots() {
		if v, there := in.resourceAttributes[s.ResourceKey(spanview.ResourceSlot(slot))]; there {
			*b.ResourceValue(r, spanview.ResourceSlot(slot)) = value(v)
		}
	}
	i := b.AddSpan()
	for slot := range s.SpanSlots() {
		if v, there := in.attributes[s.SpanKey(spanview.SpanSlot(slot))]; there {
			*b.SpanValue(i, spanview.SpanSlot(slot)) = value(v)
		}
	}
	out := &b.Spans[i]
	out.TraceID, out.Resource, out.TraceState, out.Flags = traceID, int32(r), in.traceState, in.flags
	out.Start, out.End, out.Status, out.SLO = in.start, in.end, in.status, in.slo
}

func value(v any) spanview.Value {
	switch v := v.(type) {
	case []byte:
		return spanview.Value{Type: spanview.Bytes, Str: string(v)}
	case string:
		return spanview.Value{Type: spanview.String, Str: v}
	case int64:
		return spanview.Value{Type: spanview.Int, Num: uint64(v)}
	case float64:
		return spanview.Value{Type: spanview.Double, Num: math.Float64bits(v)}
	case bool:
		if v {
			return spanview.Value{Type: spanview.Bool, Num: 1}
		}
		return spanview.Value{Type: spanview.Bool}
	}
	return spanview.Value{Type: spanview.Empty}
}

// record matches the spans of a trace and folds them in the given order, in two parts that are merged.
func record(p *Policies, s *spanview.Schema, t oracleTrace, order []int, sc *Scratch) *tracebuf.Record {
	var b spanview.Batch
	b.Reset(s)
	for _, i := range order {
		addSpan(&b, s, t.id, t.spans[i])
	}
	p.Match(&b, sc)
	parts := [2]tracebuf.Record{{TraceID: t.id}, {TraceID: t.id}}
	for i := range b.Spans {
		parts[i%2].Fold(&b.Spans[i])
	}
	parts[1].Merge(&parts[0])
	return &parts[1]
}

func TestEveryVerdictIsTheOraclesInAnyOrderOfSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var kept, dropped, known, unknown, sampled int
	var sc Scratch
	for range 3000 {
		cfg := DefaultConfig()
		cfg.Policies = randomPolicies(rng)
		schema := &spanview.Schema{}
		p, err := Compile(cfg, Options{}, schema)
		require.NoError(t, err)
		for range 8 {
			trace := randomTrace(rng)
			v := p.Decide(record(p, schema, trace, rng.Perm(len(trace.spans)), &sc))
			keep, by := trace.decide(cfg.Policies)
			require.Equal(t, keep, v.Keep, "policies %+v\ntrace %+v", cfg.Policies, trace)
			require.Equal(t, by, v.Policy)
			require.Equal(t, v, p.Decide(record(p, schema, trace, rng.Perm(len(trace.spans)), &sc)), "another order of spans")
			if !keep {
				dropped++
				require.Zero(t, v.Threshold)
				require.False(t, v.Known)
				continue
			}
			kept++
			th, ok := trace.threshold(cfg.Policies)
			if v.Known {
				known++
				require.True(t, ok, "told a threshold that is none: %+v %+v", cfg.Policies, trace)
				require.Equal(t, th, v.Threshold)
				require.LessOrEqual(t, v.Threshold, trace.randomness)
				if th > 0 {
					sampled++
				}
			} else {
				unknown++
				require.True(t, !ok || hashes(cfg.Policies), "hid a threshold: %+v %+v", cfg.Policies, trace)
			}
		}
	}
	for name, n := range map[string]int{"kept": kept, "dropped": dropped, "known": known, "unknown": unknown, "sampled": sampled} {
		assert.Greater(t, n, 300, "%s: the random traces must reach both sides", name)
	}
}

func TestADecisiveTraceIsKeptWhateverElseArrives(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var sc Scratch
	decisive := 0
	for range 3000 {
		cfg := DefaultConfig()
		cfg.Policies = randomPolicies(rng)
		schema := &spanview.Schema{}
		p, err := Compile(cfg, Options{}, schema)
		require.NoError(t, err)
		trace := randomTrace(rng)
		order := rng.Perm(len(trace.spans))
		for n := 1; n <= len(order); n++ {
			if !p.Decisive(record(p, schema, trace, order[:n], &sc)) {
				continue
			}
			decisive++
			for m := n; m <= len(order); m++ {
				require.True(t, p.Decide(record(p, schema, trace, order[:m], &sc)).Keep, "policies %+v\ntrace %+v", cfg.Policies, trace)
			}
		}
	}
	assert.Greater(t, decisive, 1000)
}

func TestDecisiveBeforeTheDeadline(t *testing.T) {
	f := func(yaml string, r tracebuf.Record, want bool) {
		t.Helper()
		p, _ := mustCompile(t, yaml)
		assert.Equal(t, want, p.Decisive(&r))
	}
	const (
		errors = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
		slow   = `{name: s, type: latency, latency: {threshold_ms: 499}}`
		band   = `{name: b, type: latency, latency: {threshold_ms: 499, upper_threshold_ms: 1000}}`
		share  = `{name: p, type: probabilistic, probabilistic: {sampling_percentage: 50}}`
		absent = `{name: i, type: boolean_attribute, boolean_attribute: {key: k, value: true, invert_match: true}}`
		drop   = `{name: d, type: drop, drop: {drop_sub_policy: [{type: status_code, status_code: {status_codes: [OK]}}]}}`
	)
	lucky := [16]byte{9: 0xff, 10: 0xff}

	f(`{policies: [`+errors+`]}`, tracebuf.Record{Bits: 1}, true)
	f(`{policies: [`+errors+`]}`, tracebuf.Record{}, false)
	f(`{policies: [`+errors+`,`+drop+`]}`, tracebuf.Record{Bits: 1}, false)
	f(`{policies: [`+slow+`]}`, tracebuf.Record{MaxEnd: 500 * milli}, true)
	f(`{policies: [`+slow+`]}`, tracebuf.Record{MaxEnd: 500*milli - 1}, false)
	f(`{policies: [`+band+`]}`, tracebuf.Record{MaxEnd: 500 * milli}, false)
	f(`{policies: [`+share+`]}`, tracebuf.Record{TraceID: lucky}, false)
	f(`{policies: [`+absent+`]}`, tracebuf.Record{}, false)
	f(`{policies: [{name: a, type: and, and: {and_sub_policy: [`+errors+`,`+slow+`]}}]}`, tracebuf.Record{Bits: 1, MaxEnd: 500 * milli}, true)
	f(`{policies: [{name: a, type: and, and: {and_sub_policy: [`+errors+`,`+band+`]}}]}`, tracebuf.Record{Bits: 1, MaxEnd: 500 * milli}, false)
}

func TestThresholdOfAKeptTrace(t *testing.T) {
	const half = uint64(1) << 55
	tenth, _ := oracleTrace{spans: []oracleSpan{{}}}.threshold([]PolicyConfig{
		{Type: "probabilistic", Probabilistic: &ProbabilisticConfig{SamplingPercentage: 10}},
	})
	lucky := [16]byte{9: 0xff, 10: 0xff} // R just below 2^56
	f := func(yaml string, r tracebuf.Record, want tracebuf.Verdict) {
		t.Helper()
		p, _ := mustCompile(t, yaml)
		if r.TraceID == ([16]byte{}) {
			r.TraceID = lucky
		}
		assert.Equal(t, want, p.Decide(&r))
	}
	const (
		ten      = `{name: ten, type: probabilistic, probabilistic: {sampling_percentage: 10}}`
		fifty    = `{name: fifty, type: probabilistic, probabilistic: {sampling_percentage: 50}}`
		salted   = `{name: salted, type: probabilistic, probabilistic: {sampling_percentage: 99.9999999, hash_salt: s}}`
		errors   = `{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}`
		dropHalf = `{name: d, type: drop, drop: {drop_sub_policy: [` + errors + `,` + fifty + `]}}`
	)

	// the least of those that match
	f(`{policies: [`+ten+`,`+fifty+`]}`, tracebuf.Record{}, tracebuf.Verdict{Keep: true, Policy: 0, Threshold: half, Known: true})
	f(`{policies: [`+ten+`,`+errors+`]}`, tracebuf.Record{Bits: 1}, tracebuf.Verdict{Keep: true, Policy: 0, Threshold: 0, Known: true})
	// of an and, the greatest
	f(`{policies: [{name: a, type: and, and: {and_sub_policy: [`+fifty+`,`+errors+`,`+ten+`]}}]}`,
		tracebuf.Record{Bits: 1}, tracebuf.Verdict{Keep: true, Policy: 0, Threshold: tenth, Known: true})
	// never below the incoming one
	f(`{policies: [`+errors+`]}`, tracebuf.Record{Bits: 1, Threshold: 1 + half}, tracebuf.Verdict{Keep: true, Threshold: half, Known: true})
	f(`{policies: [`+ten+`]}`, tracebuf.Record{Threshold: 1 + half}, tracebuf.Verdict{Keep: true, Threshold: tenth, Known: true})
	// explicit randomness goes before the trace id's
	f(`{policies: [`+fifty+`]}`, tracebuf.Record{Randomness: 1 + half}, tracebuf.Verdict{Keep: true, Threshold: half, Known: true})
	f(`{policies: [`+fifty+`]}`, tracebuf.Record{Randomness: half}, tracebuf.Verdict{Policy: NoPolicy})
	// only the last seven bytes of the trace id count
	f(`{policies: [`+fifty+`]}`, tracebuf.Record{TraceID: [16]byte{8: 0xff, 9: 0x7f, 10: 0xff}}, tracebuf.Verdict{Policy: NoPolicy})
	f(`{policies: [`+fifty+`]}`, tracebuf.Record{TraceID: [16]byte{9: 0x80}}, tracebuf.Verdict{Keep: true, Threshold: half, Known: true})
	// not known
	f(`{policies: [`+errors+`]}`, tracebuf.Record{Bits: 1, Flags: tracebuf.Partial}, tracebuf.Verdict{Keep: true})
	f(`{policies: [`+errors+`]}`, tracebuf.Record{Bits: 1, Flags: tracebuf.Rescued}, tracebuf.Verdict{Keep: true})
	f(`{policies: [`+errors+`]}`, tracebuf.Record{Bits: 1, Threshold: 1 + half, Flags: tracebuf.MixedThreshold}, tracebuf.Verdict{Keep: true})
	f(`{policies: [`+errors+`]}`, tracebuf.Record{Bits: 1, Threshold: 1 + half, Randomness: 1}, tracebuf.Verdict{Keep: true})
	f(`{policies: [`+salted+`]}`, tracebuf.Record{}, tracebuf.Verdict{Keep: true})
	f(`{policies: [{name: all, type: probabilistic, probabilistic: {sampling_percentage: 100, hash_salt: s}}]}`, tracebuf.Record{},
		tracebuf.Verdict{Keep: true, Known: true})
	f(`{policies: [`+salted+`,`+ten+`]}`, tracebuf.Record{}, tracebuf.Verdict{Keep: true})
	f(`{policies: [`+salted+`,`+errors+`]}`, tracebuf.Record{Bits: 1}, tracebuf.Verdict{Keep: true, Known: true})
	f(`{policies: [{name: all, type: always_sample},`+dropHalf+`]}`, tracebuf.Record{Bits: 1}, tracebuf.Verdict{Policy: 1})
	f(`{policies: [{name: all, type: always_sample},`+dropHalf+`]}`, tracebuf.Record{Bits: 1, Randomness: 1}, tracebuf.Verdict{Keep: true})
	f(`{policies: [{name: all, type: always_sample},`+dropHalf+`]}`, tracebuf.Record{}, tracebuf.Verdict{Keep: true, Known: true})
}

func TestLatencyIsWholeMillisecondsStrictlyAboveTheThreshold(t *testing.T) {
	f := func(block string, extent uint64, want bool) {
		t.Helper()
		p, _ := mustCompile(t, `{policies: [{name: s, type: latency, latency: {`+block+`}}]}`)
		r := tracebuf.Record{MinStart: 7, MaxEnd: 7 + extent}
		assert.Equal(t, want, p.Decide(&r).Keep)
		s := spanview.Span{Start: 7, End: 7 + extent}
		assert.Equal(t, want && !strings.Contains(block, "upper"), p.RescuesAlone(&s), "what a further span can end can't be told by one alone")
	}
	f(`threshold_ms: 499`, 500*milli, true)
	f(`threshold_ms: 499`, 500*milli-1, false)
	f(`threshold_ms: 0`, milli, true)
	f(`threshold_ms: 0`, milli-1, false)
	f(`threshold_ms: 499, upper_threshold_ms: 1000`, 1001*milli-1, true)
	f(`threshold_ms: 499, upper_threshold_ms: 1000`, 1001*milli, false)

	p, _ := mustCompile(t, `{policies: [{name: s, type: latency, latency: {threshold_ms: 0}}]}`)
	assert.False(t, p.Decide(&tracebuf.Record{MinStart: 2000 * milli, MaxEnd: 1000 * milli}).Keep, "an end before the start is no extent")
}

func TestALateSpanRescuesADroppedTraceByWhatItMayBringOnly(t *testing.T) {
	const (
		errors = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
		slow   = `{name: s, type: latency, latency: {threshold_ms: 499}}`
		vip    = `{name: v, type: boolean_attribute, boolean_attribute: {key: vip, value: true}}`
		share  = `{name: p, type: probabilistic, probabilistic: {sampling_percentage: 50}}`
		absent = `{name: i, type: boolean_attribute, boolean_attribute: {key: vip, value: true, invert_match: true}}`
	)
	and := func(parts string) string { return `{name: a, type: and, and: {and_sub_policy: [` + parts + `]}}` }
	drop := func(parts string) string { return `{name: d, type: drop, drop: {drop_sub_policy: [` + parts + `]}}` }
	lucky := [16]byte{9: 0xff}
	f := func(policies string, s spanview.Span, want bool) {
		t.Helper()
		p, _ := mustCompile(t, `{policies: [`+policies+`]}`)
		var r tracebuf.Record
		r.TraceID = s.TraceID
		r.Fold(&s)
		assert.Equal(t, want, p.Rescues(&tracebuf.Record{}, &r), "with its record")
		alone := want && !strings.Contains(policies, "invert_match") // which a span alone can't tell
		assert.Equal(t, alone, p.RescuesAlone(&s), "alone")
	}

	f(errors, spanview.Span{Bits: 1}, true)
	f(errors, spanview.Span{}, false)
	f(slow, spanview.Span{End: 500 * milli}, true)
	f(slow, spanview.Span{End: 499 * milli}, false)
	f(vip, spanview.Span{Bits: 1}, true)
	f(vip, spanview.Span{}, false)
	f(absent, spanview.Span{}, false)
	f(`{name: n, type: not, not: {not_sub_policy: `+vip+`}}`, spanview.Span{}, false)
	f(`{name: f, type: trace_flags}`, spanview.Span{Bits: 1}, true)
	f(`{name: c, type: span_count, span_count: {min_spans: 1}}`, spanview.Span{}, true)
	f(`{name: c, type: span_count, span_count: {min_spans: 2}}`, spanview.Span{}, false)
	// what a late span can't bring follows the trace's decision
	f(share, spanview.Span{TraceID: lucky}, false)
	f(`{name: all, type: always_sample}`, spanview.Span{}, false)
	f(`{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 10}}`, spanview.Span{}, false)
	f(and(share+`,`+absent), spanview.Span{TraceID: lucky}, false)
	// an and whose other parts hold
	f(and(errors+`,`+vip), spanview.Span{Bits: 3}, true)
	f(and(errors+`,`+vip), spanview.Span{Bits: 1}, false)
	f(and(vip+`,`+slow), spanview.Span{Bits: 1, End: 500 * milli}, true)
	f(and(errors+`,`+share), spanview.Span{Bits: 1, TraceID: lucky}, true)
	f(and(errors+`,`+share), spanview.Span{Bits: 1}, false)
	f(and(errors+`,`+absent), spanview.Span{Bits: 1}, true)
	f(and(errors+`,`+absent), spanview.Span{Bits: 3}, false)
	// never against a drop policy
	f(drop(vip)+`,`+errors, spanview.Span{Bits: 3}, false)
	f(drop(vip)+`,`+errors, spanview.Span{Bits: 2}, true)
	f(drop(vip)+`,`+errors, spanview.Span{Bits: 1}, false)
}

func TestADroppedTraceIsRescuedByWhatIsFoldedLate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var sc Scratch
	rescued := 0
	for range 4000 {
		cfg := DefaultConfig()
		cfg.Policies = randomPolicies(rng)
		schema := &spanview.Schema{}
		p, err := Compile(cfg, Options{}, schema)
		require.NoError(t, err)
		trace := randomTrace(rng)
		order := rng.Perm(len(trace.spans))
		// what rescues is a keeping policy on its own that has a part that waits for something
		var rescuers []PolicyConfig
		for _, pc := range cfg.Policies {
			parts := []PolicyConfig{pc}
			if pc.And != nil {
				parts = pc.And.SubPolicies
			}
			for _, part := range parts {
				if part.brings() || pc.Type == "drop" {
					rescuers = append(rescuers, pc)
					break
				}
			}
		}
		// one that held before there was a span waited for none, unless a drop policy was against it
		none := oracleTrace{id: trace.id, randomness: trace.randomness}
		if by, _ := none.dropped(cfg.Policies); !by {
			rescuers = slices.DeleteFunc(rescuers, func(pc PolicyConfig) bool { return pc.Type != "drop" && none.matches(pc) })
		}
		trace.late = true
		want, _ := trace.decide(rescuers)
		got := p.Rescues(&tracebuf.Record{}, record(p, schema, trace, order, &sc))
		require.Equal(t, want, got, "policies %+v\ntrace %+v", cfg.Policies, trace)
		if got {
			rescued++
		}
	}
	assert.Greater(t, rescued, 300)
}
