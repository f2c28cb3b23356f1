package parity

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Each difference that docs/sampling.md lists under "What differs from contrib" has a test here that shows it.

func TestDifferenceProbabilisticWithoutSalt(t *testing.T) {
	const share = "policies: [{name: it, type: probabilistic, probabilistic: {sampling_percentage: 30"
	for _, tr := range generated() {
		// contrib's choice is to be had
		want, got := stock.keeps(t, share+"}}]", tr), own.keeps(t, share+", hash_salt: default-hash-seed}}]", tr)
		require.Empty(t, diff(want.traces, got.traces))

		// else it is that of OTEP 235
		got = own.keeps(t, share+"}}]", tr)
		randomness := randomnessOf(t, tr)
		for id := range tr.whole {
			_, kept := got.traces[id]
			require.Equal(t, float64(randomness[id]) >= 0.7*(1<<56), kept, id)
		}
		require.NotEmpty(t, diff(want.traces, got.traces))
	}
}

// randomnessOf returns R of each trace: what its tracestate gives, or else the last 7 bytes of its id.
func randomnessOf(t *testing.T, tr *traffic) map[pcommon.TraceID]uint64 {
	out := map[pcommon.TraceID]uint64{}
	for id := range tr.whole {
		out[id] = binary.BigEndian.Uint64(id[8:]) &^ (0xff << 56)
	}
	for _, r := range tr.requests {
		eachSpan(r.traces, func(s ptrace.Span) {
			_, rv, found := strings.Cut(s.TraceState().AsRaw(), "rv:")
			if found {
				n, err := strconv.ParseUint(rv[:14], 16, 64)
				require.NoError(t, err)
				out[s.TraceID()] = n
			}
		})
	}
	return out
}

func TestDifferenceLatencyWithUpperThreshold(t *testing.T) {
	const config = "policies: [{name: it, type: latency, latency: {threshold_ms: 100, upper_threshold_ms: 500}}]"
	whole, scattered := made("mixed-whole"), made("mixed-scattered")

	// where the first span bounds all others the order of spans says nothing, and both agree
	want, got := stock.keeps(t, config, whole), own.keeps(t, config, whole)
	require.Empty(t, diff(want.traces, got.traces))

	// elsewhere contrib also keeps what was within the bounds for a while
	want, got = stock.keeps(t, config, scattered), own.keeps(t, config, scattered)
	extents := extentsOf(scattered)
	more := 0
	for id := range scattered.whole {
		ms := extents[id].Milliseconds()
		_, contribs := want.traces[id]
		_, ours := got.traces[id]
		require.Equal(t, ms > 100 && ms <= 500, ours, "%s lasts %s", id, extents[id])
		require.True(t, contribs || !ours)
		if contribs && !ours {
			more++
		}
	}
	t.Logf("contrib keeps %d traces more than are within the bounds, of %d", more, len(want.traces))
	require.Positive(t, more)
}

// extentsOf returns from the earliest start to the latest end of each trace.
func extentsOf(tr *traffic) map[pcommon.TraceID]time.Duration {
	first, last := map[pcommon.TraceID]pcommon.Timestamp{}, map[pcommon.TraceID]pcommon.Timestamp{}
	for _, r := range tr.requests {
		eachSpan(r.traces, func(s ptrace.Span) {
			id := s.TraceID()
			if from, known := first[id]; !known || s.StartTimestamp() < from {
				first[id] = s.StartTimestamp()
			}
			last[id] = max(last[id], s.EndTimestamp())
		})
	}
	out := map[pcommon.TraceID]time.Duration{}
	for id := range first {
		out[id] = time.Duration(int64(last[id]) - int64(first[id]))
	}
	return out
}

func TestDifferenceThresholdInTheTracestate(t *testing.T) {
	contrib, ours := newKept(), newKept()
	contrib.wantData, ours.wantData = true, true
	// the greatest randomness there is
	tr := newTraffic("small", []request{at(0, spanOf(traceID(1, 1<<56-1), stated("acme=gold")))})
	for i, k := range []*kept{contrib, ours} {
		config := tr.config("policies: [{name: it, type: probabilistic, probabilistic: {sampling_percentage: 50}}]")
		if i == 0 {
			config = tr.config("policies: [" + isAll + "]") // its choice is another one
		}
		arms[i].process(t, config, k, sending(tr))
	}
	states := func(k *kept) (out []string) {
		for _, td := range k.data {
			eachSpan(td, func(s ptrace.Span) { out = append(out, s.TraceState().AsRaw()) })
		}
		return out
	}
	assert.Equal(t, []string{"acme=gold"}, states(contrib))
	assert.Equal(t, []string{"ot=th:8,acme=gold"}, states(ours))
}

// A condition that fails says nothing of the trace: it is kept, so that nobody misses it.
func TestDifferenceConditionThatFails(t *testing.T) {
	plain, number := traceID(1, 1), traceID(2, 2)
	numeric := func(s ptrace.Span) { s.Attributes().PutInt("path", 7) }
	contrib, ours := both(t, `
decision_wait: 5s
policies: [{name: it, type: ottl_condition, ottl_condition: {error_mode: propagate, span: ['IsMatch(span.attributes["path"]["deeper"], "users")']}}]`,
		at(0, spanOf(plain, labelled("other", "a")), spanOf(number, numeric)))
	assert.Empty(t, contrib.traces)
	assert.Contains(t, ours.traces, number)
	assert.NotContains(t, ours.traces, plain)
}

func TestDifferenceBytesWithoutResources(t *testing.T) {
	tr := steady()
	config := "policies: [{name: it, type: bytes_limiting, bytes_limiting: {bytes_per_second: 20000}}]"
	want, got := stock.keeps(t, config, tr), own.keeps(t, config, tr)
	assert.InEpsilon(t, inBytes(tr, want), inSpanBytes(tr, got), 0.05, "each in its own unit")
	assert.Greater(t, inBytes(tr, got), 1.1*inBytes(tr, want), "contrib counts resources and scopes too")
}

// What contrib takes and can't be meant is refused at start.
func TestDifferenceConfigurationsThatCannotBeMeant(t *testing.T) {
	for _, policy := range []string{
		"{name: it, type: and, and: {and_sub_policy: []}}",
		"{name: it, type: drop, drop: {drop_sub_policy: []}}",
		"{name: it, type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 100}}",
		"{name: it, type: numeric_attribute, numeric_attribute: {key: code, min_value: 5, max_value: 1}}",
		"{name: it, type: string_attribute, string_attribute: {key: tier, values: []}}",
		"{name: it, type: string_attribute, string_attribute: {key: '', values: [a]}}",
		"{name: it, type: span_count, span_count: {min_spans: 9, max_spans: 3}}",
		"{name: it, type: trace_state, trace_state: {key: acme, values: []}}",
	} {
		config := "policies: [" + policy + "]"
		stock.process(t, config, newKept(), sending(newTraffic("nothing", nil)))
		_, err := own.configure(config)
		assert.ErrorContains(t, err, "policies[0]", policy)
	}
}
