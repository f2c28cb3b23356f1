package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// span is a line's worth of JSON: a request with one span.
func spanJSON(trace, start, end int) string {
	return fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s%d"}}]},"scopeSpans":[{"scope":{},"spans":[`+
		`{"traceId":"%032x","spanId":"%016x","name":"op","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","events":[{"timeUnixNano":"%d","name":"e"}],"status":{}}]}]}]}`,
		trace, trace, trace, start, end, end)
}

func zipped(t *testing.T, text string) *fstest.MapFile {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return &fstest.MapFile{Data: out.Bytes()}
}

func recording(t *testing.T) *Recording {
	fsys := fstest.MapFS{
		"a.jsonl.gz":     zipped(t, spanJSON(1, 1000, 3000)+"\n"+spanJSON(2, 2000, 2500)+"\n"+spanJSON(3, 9000, 9001)+"\n"),
		"a.times.tsv.gz": zipped(t, "line\tflush_unix_nano\tresource\titems\n0\t5000000000\tx\t1\n1\t7000000000\tx\t1\n2\t60000000000\tx\t1\n"),
	}
	r, err := Read(fsys, "a.jsonl.gz")
	require.NoError(t, err)
	return r
}

func TestReadTakesRequestsAndTheirTimes(t *testing.T) {
	r := recording(t)
	require.Len(t, r.Requests, 3)
	assert.Equal(t, send.Traces, r.Signal)
	assert.EqualValues(t, 7_000_000_000, r.Requests[1].At)
	assert.EqualValues(t, 60_000_000_000, r.Last())
}

func TestReadRefusesTimesOfAnotherRecording(t *testing.T) {
	_, err := Read(fstest.MapFS{
		"a.jsonl.gz":     zipped(t, spanJSON(1, 1, 2)+"\n"),
		"a.times.tsv.gz": zipped(t, "line\tflush_unix_nano\n"),
	}, "a.jsonl.gz")
	require.ErrorContains(t, err, "has 0 times for 1 requests")
}

func TestShiftMovesEveryTimeAndNothingElse(t *testing.T) {
	r, err := recording(t).Shift(time.Microsecond)
	require.NoError(t, err)
	assert.JSONEq(t, spanJSON(1, 2000, 4000), string(r.Requests[0].Body))
	assert.EqualValues(t, 5_000_001_000, r.Requests[0].At)
}

func TestProtobufIsTheSameTraces(t *testing.T) {
	r := recording(t)
	p, err := r.Protobuf()
	require.NoError(t, err)
	want, err := r.Decode()
	require.NoError(t, err)
	got, err := p.Decode()
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, r.Requests[2].At, p.Requests[2].At)
}

func TestWhenEndedSendsEverySpanWhenItEnded(t *testing.T) {
	tds, err := recording(t).Decode()
	require.NoError(t, err)
	r, err := WhenEnded(tds, 1000)
	require.NoError(t, err)
	got, err := r.Decode()
	require.NoError(t, err)
	require.Len(t, got, 2)
	var ends []int64
	eachSpan(got[0], func(rs ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span) {
		ends = append(ends, int64(s.EndTimestamp()))
	})
	assert.Equal(t, []int64{2500, 3000}, ends)
	assert.Equal(t, 2, got[0].ResourceSpans().Len())
	assert.EqualValues(t, 3000, r.Requests[0].At)
	assert.EqualValues(t, 9001, r.Requests[1].At)
}

func TestTimeOutStretchesOneCallOfEveryNthTrace(t *testing.T) {
	tds, err := recording(t).Decode()
	require.NoError(t, err)
	changed := TimeOut(tds, 2, time.Minute)
	assert.Len(t, changed, 2)
	b := truth.NewBuilder(nil)
	for _, td := range tds {
		b.Add(td)
	}
	assert.True(t, changed[truth.TraceID(pcommon.TraceID{15: 1})])
	for id, tr := range b.Traces {
		assert.Equal(t, changed[id], tr.Error)
		assert.Equal(t, changed[id], tr.Extent() >= time.Minute)
	}
}

func TestShiftTracesMovesEventsToo(t *testing.T) {
	tds, err := recording(t).Decode()
	require.NoError(t, err)
	ShiftTraces(tds, time.Second)
	s := tds[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	assert.EqualValues(t, 1_000_001_000, s.StartTimestamp())
	assert.EqualValues(t, 1_000_003_000, s.EndTimestamp())
	assert.EqualValues(t, 1_000_003_000, s.Events().At(0).Timestamp())
}

// clocked is a sender that notes when it was called and refuses the first calls.
type clocked struct {
	mu     sync.Mutex
	at     []time.Duration
	start  time.Time
	refuse int
}

func (c *clocked) Send(context.Context, send.Signal, []byte) send.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, time.Since(c.start))
	if c.refuse > 0 {
		c.refuse--
		return send.Outcome{Code: "429", Retryable: true, RetryAfter: time.Second, Message: "later"}
	}
	return send.Outcome{Code: send.OK}
}

func (c *clocked) Close() error { return nil }

func TestSendKeepsTheRecordedPace(t *testing.T) {
	r := recording(t)
	for _, c := range []struct {
		options Options
		want    []time.Duration
	}{
		{Options{}, []time.Duration{0, 0, 0}},
		{Options{Speed: 1}, []time.Duration{0, 2 * time.Second, 12 * time.Second}},
		{Options{Speed: 2, MaxGap: time.Minute}, []time.Duration{0, time.Second, 27500 * time.Millisecond}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &clocked{start: time.Now()}
			var done []int
			c.options.Progress = func(n, of int) { done = append(done, n); assert.Equal(t, 3, of) }
			res, err := Send(t.Context(), r, s, c.options)
			require.NoError(t, err)
			require.NoError(t, res.Err(r))
			assert.Equal(t, c.want, s.at)
			assert.Equal(t, []int{1, 2, 3}, done)
		})
	}
}

func TestSendRetriesWhereAskedTo(t *testing.T) {
	r := recording(t)
	synctest.Test(t, func(t *testing.T) {
		s := &clocked{start: time.Now(), refuse: 2}
		res, err := Send(t.Context(), r, s, Options{Retry: true})
		require.NoError(t, err)
		require.NoError(t, res.Err(r))
		assert.Equal(t, map[string]int{"429": 2}, res.Refused)
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}, s.at)

		s = &clocked{start: time.Now(), refuse: 2}
		res, err = Send(t.Context(), r, s, Options{})
		require.NoError(t, err)
		require.ErrorContains(t, res.Err(r), "1 of 3 requests were accepted, 0 items rejected, refusals map[429:2]: later")
	})
}

func TestBar(t *testing.T) {
	assert.Equal(t, "[####################....................]  50 %  50/100 requests  25/s  2s left ", bar(50, 100, 2*time.Second))
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	assert.Nil(t, Bar(f), "a file is no terminal")
	require.NoError(t, f.Close())
}
