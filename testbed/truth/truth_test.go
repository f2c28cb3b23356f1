package truth

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var bounds = []time.Duration{time.Millisecond, 10 * time.Millisecond}

func sample() *RED {
	r := NewRED(bounds)
	r.Observe(Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "UNSET"}, time.Millisecond, 2)
	r.Observe(Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "ERROR", Code: "500"}, time.Second, 1)
	return r
}

func TestObservePutsADurationOnABoundIntoItsBucket(t *testing.T) {
	r := sample()
	assert.Equal(t, &Counts{Calls: 2, Observations: 2, SumNanos: 2e6, Cumulative: []uint64{2, 2, 2}}, r.Series[Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "UNSET"}])
	assert.EqualValues(t, 3, r.Calls())
}

func TestDiffFindsEveryKindOfDifference(t *testing.T) {
	key := Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "UNSET"}
	require.NoError(t, sample().Diff(sample(), 0))
	for want, change := range map[string]func(*RED){
		"3 calls, want 2":     func(r *RED) { r.At(key).Calls++ },
		"3 durations, want 2": func(r *RED) { r.At(key).Observations++ },
		"buckets [3 2 2]":     func(r *RED) { r.At(key).Cumulative[0]++ },
		"sum 2000001.000 ns":  func(r *RED) { r.At(key).SumNanos++ },
		"missing (want 2":     func(r *RED) { delete(r.Series, key) },
		"not expected (0":     func(r *RED) { r.At(Series{Service: "b"}) },
		"bounds are [1ms]":    func(r *RED) { r.Bounds = r.Bounds[:1] },
	} {
		got := sample()
		change(got)
		require.ErrorContains(t, sample().Diff(got, 1e-9), want)
	}
	got := sample()
	got.At(key).SumNanos *= 1 + 1e-10
	require.NoError(t, sample().Diff(got, 1e-9))
}

func TestPlainAddsUpFurtherDimensions(t *testing.T) {
	r := sample()
	r.Observe(Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "ERROR", Code: "503"}, time.Second, 1)
	p := r.Plain()
	assert.Len(t, p.Series, 2)
	assert.EqualValues(t, 2, p.Series[Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "ERROR"}].Calls)
}

func TestREDSurvivesItsFile(t *testing.T) {
	var out bytes.Buffer
	want := sample().Plain()
	require.NoError(t, WriteRED(&out, want))
	got, err := ParseRED(&out)
	require.NoError(t, err)
	require.NoError(t, want.Diff(got, 0))
}

func TestParseREDRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for want, text := range map[string]string{
		"no header":              "",
		"header is":              "a\tb\n",
		"last bound must be":     redColumns + "\tle_2ms\n",
		"line 2 has 3 columns":   redColumns + "\tle_inf\na\tb\tc\n",
		"line 2: strconv":        redColumns + "\tle_inf\na\tb\tc\td\tx\t0\t0\t0\n",
		`bound "le_x"`:           redColumns + "\tle_x\tle_inf\n",
		"line 2 has 8 columns, ": redColumns + "\tle_1ms\tle_inf\na\tb\tc\td\t1\t0\t0\t0\n",
	} {
		_, err := ParseRED(bytes.NewReader([]byte(text)))
		require.ErrorContains(t, err, want)
	}
}

func someTraces() Traces {
	ts := Traces{}
	ms := int64(time.Millisecond)
	ts.Span(TraceID{1}, 0, 10*ms, false)
	ts.Span(TraceID{1}, 5*ms, 501*ms, false)
	ts.Span(TraceID{2}, 0, 501*ms-1, false)
	ts.Span(TraceID{3}, 7*ms, 8*ms, true)
	return ts
}

func TestTracesSurviveTheirFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteTraces(&out, someTraces()))
	got, err := ParseTraces(&out)
	require.NoError(t, err)
	require.Len(t, got, 3)
	for id, w := range someTraces() {
		assert.Equal(t, [...]any{w.Spans, w.Error, w.Extent()}, [...]any{got[id].Spans, got[id].Error, got[id].Extent()})
	}
}

func TestCheckFindsEveryKindOfDifference(t *testing.T) {
	ts := someTraces()
	require.Equal(t, 4, ts.Spans())
	// Trace 1 is slow, trace 2 a nanosecond short of it, trace 3 has an error.
	s, err := ts.Check(Kept{{1}: 2, {3}: 1}, 500)
	require.NoError(t, err)
	assert.Equal(t, Sampling{Must: 2, MustKept: 2, Ordinary: 1}, s)
	s, err = ts.Check(Kept{{1}: 2, {2}: 1, {3}: 1}, 500)
	require.NoError(t, err)
	assert.Equal(t, 1, s.OrdinaryKept)
	_, err = ts.Check(Kept{{1}: 2}, 500)
	require.ErrorContains(t, err, "trace 03000000000000000000000000000000 (error true, extent 1ms) was not kept")
	_, err = ts.Check(Kept{{1}: 1, {3}: 1}, 500)
	require.ErrorContains(t, err, "was kept with 1 of 2 spans")
	_, err = ts.Check(Kept{{1}: 2, {3}: 1, {9}: 1}, 500)
	require.ErrorContains(t, err, "was never sent")
}

func TestDifferencesAreListedUpToABound(t *testing.T) {
	ts := Traces{}
	for i := range byte(50) {
		ts.Span(TraceID{i + 1}, 0, 1, true)
	}
	_, err := ts.Check(nil, 500)
	require.ErrorContains(t, err, "50 differences")
	assert.Less(t, len(err.Error()), 1500)
}

func TestWithinBinomial(t *testing.T) {
	// 10,000 tries at 1 %: 100 with a standard deviation of 9.95.
	assert.True(t, WithinBinomial(129, 10_000, 0.01, 3))
	assert.False(t, WithinBinomial(131, 10_000, 0.01, 3))
	assert.False(t, WithinBinomial(69, 10_000, 0.01, 3))
}
