package spanpipe

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// recording is recorded traffic, whose trace ids can be replaced: they are fixed, and what is sampled hangs on them.
type recording struct {
	requests []ptrace.Traces
	at       []time.Duration // when each came, in a quarter of a minute for all of it
	traces   map[pcommon.TraceID]int
	trace    []int // numbers of the traces of all spans, in order
	spans    map[string]int
}

// recordingLasts is how long a recording takes here, whatever it took.
const recordingLasts = 15 * time.Second

// readRecording reads every nth trace of a file.
func readRecording(t *testing.T, name string, nth int) *recording {
	t.Helper()
	r := &recording{traces: map[pcommon.TraceID]int{}, spans: map[string]int{}}
	lines, times := recordedLines(t, name+".jsonl.gz"), recordedLines(t, name+".times.tsv.gz")
	times.Scan() // the header
	first, last := int64(0), int64(0)
	var at []int64
	for lines.Scan() && times.Scan() {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
		require.NoError(t, err)
		last, err = strconv.ParseInt(strings.Split(times.Text(), "\t")[1], 10, 64)
		require.NoError(t, err)
		if first == 0 {
			first = last
		}
		eachSpan(td, func(service string, sp ptrace.Span) bool {
			n, known := r.traces[sp.TraceID()]
			if !known {
				n = len(r.traces)
				r.traces[sp.TraceID()] = n
			}
			if n%nth != 0 {
				return false
			}
			r.trace = append(r.trace, n)
			r.spans[service]++
			return true
		})
		r.requests, at = append(r.requests, td), append(at, last)
	}
	require.NoError(t, lines.Err())
	for _, ns := range at {
		r.at = append(r.at, time.Duration(float64(ns-first)/float64(last-first)*float64(recordingLasts)))
	}
	return r
}

func recordedLines(t *testing.T, name string) *bufio.Scanner {
	t.Helper()
	unzipped, err := gzip.NewReader(recorded(t, name))
	require.NoError(t, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 64<<20)
	return lines
}

// eachSpan shows the spans of a request, and takes those out that are not to stay.
func eachSpan(td ptrace.Traces, stays func(service string, sp ptrace.Span) bool) {
	for _, rs := range td.ResourceSpans().All() {
		service, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			ss.Spans().RemoveIf(func(sp ptrace.Span) bool { return !stays(service.Str(), sp) })
		}
	}
}

// stamped is what a trace of a recording gets: an id, and a tracestate for all its spans. drop: an upstream sampler dropped it.
type stamped struct {
	id    pcommon.TraceID
	state string
	drop  bool
}

// replay puts the recording through an engine with these policies and returns what its spans stand for that come out.
func (r *recording) replay(t *testing.T, policies []sampling.PolicyConfig, stamp func() stamped) *estimates {
	t.Helper()
	out := newEstimates(t)
	s := Settings{
		Config: DefaultConfig(), Limits: MemoryLimits{Buffers: 1024 * mib}, NoRED: true, WriterID: "test", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	}
	s.Config.Sampling.Policies = policies
	e, err := New(s)
	require.NoError(t, err)
	defer e.Close()
	stamps := make([]stamped, len(r.traces))
	for i := range stamps {
		stamps[i] = stamp()
	}
	now, span := e.start, 0
	tick := func() {
		e.tick(now)
		e.out.flush()
		for b := e.out.next(); b != nil; b = e.out.next() {
			out.take(b.region[:b.used])
			e.out.done(b)
		}
	}
	for i, td := range r.requests {
		for now.Sub(e.start) < r.at[i] {
			now = now.Add(tickInterval)
			tick()
		}
		request, spans := r.encode(t, td, stamps, span)
		span += spans
		in, err := e.NewRequest(len(request), now)
		require.NoError(t, err)
		copy(in.Body(), request)
		_, err = in.Accept(now)
		require.NoError(t, err)
	}
	for end := now.Add(11 * time.Second); now.Before(end); {
		now = now.Add(tickInterval)
		tick()
	}
	return out
}

// encode encodes a request with stamps for its spans, of which span is the first.
func (r *recording) encode(t *testing.T, td ptrace.Traces, stamps []stamped, span int) (request []byte, spans int) {
	dropped := false
	eachSpan(td, func(_ string, sp ptrace.Span) bool {
		s := &stamps[r.trace[span+spans]]
		sp.SetTraceID(s.id)
		sp.TraceState().FromRaw(s.state)
		dropped = dropped || s.drop
		spans++
		return true
	})
	if dropped {
		passed := ptrace.NewTraces()
		td.CopyTo(passed)
		n := span
		eachSpan(passed, func(string, ptrace.Span) bool { n++; return !stamps[r.trace[n-1]].drop })
		td = passed
	}
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return request, spans
}

// rate is how many spans there are a second.
func (r *recording) rate() int64 { return int64(float64(r.total()) / recordingLasts.Seconds()) }

// subjects are what is estimated: "" for all spans, and each service, the largest first.
func (r *recording) subjects() []string {
	services := slices.SortedFunc(maps.Keys(r.spans), func(a, b string) int { return cmp.Compare(r.spans[b], r.spans[a]) })
	return append([]string{""}, services...)
}

func (r *recording) truth(subject string) float64 {
	if subject == "" {
		return float64(r.total())
	}
	return float64(r.spans[subject])
}

// freshIDs stamps traces with ids at random.
func freshIDs(seed uint64) func() stamped {
	rng := rand.New(rand.NewPCG(seed, 99))
	return func() (s stamped) {
		binary.BigEndian.PutUint64(s.id[:], rng.Uint64())
		binary.BigEndian.PutUint64(s.id[8:], rng.Uint64())
		return s
	}
}
