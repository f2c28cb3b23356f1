package spanpipe

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// halves are a trace of four spans in two requests, the root in the second.
func halves(t *testing.T, rng *rand.Rand, root string) (id string, requests [2][]byte) {
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[:], rng.Uint64())
	binary.BigEndian.PutUint64(trace[8:], rng.Uint64())
	for half := range requests {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "shop")
		ss := rs.ScopeSpans().AppendEmpty()
		for n := range 2 {
			sp := ss.Spans().AppendEmpty()
			sp.SetTraceID(trace)
			sp.SetSpanID(pcommon.SpanID{7: byte(1 + 2*half + n)})
			sp.SetName("inner")
			if half == 1 && n == 0 {
				sp.SetName(root)
			} else {
				sp.SetParentSpanID(pcommon.SpanID{7: 3})
			}
		}
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		requests[half] = b
	}
	return trace.String(), requests
}

func TestAdaptiveThroughputThroughTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Config.Sampling.Policies = []sampling.PolicyConfig{{
				Name: "fair", Type: "adaptive_throughput",
				AdaptiveThroughput: &sampling.AdaptiveThroughputConfig{SpansPerSecond: 100, MinTracesPerMinute: new(int64)},
			}}
		})
		rare := map[string]bool{}
		frequent := 0
		const seconds = 120
		for tick := range seconds * 20 {
			names := []string{"GET /cart", "GET /cart", "GET /cart", "POST /order"}
			if tick%40 == 0 {
				names = append(names, "GET /rare")
			}
			for _, name := range names {
				id, requests := halves(t, w.rng, name)
				if name == "GET /rare" {
					rare[id] = true
				} else {
					frequent += 4
				}
				for _, b := range requests {
					_, err := w.send(b)
					require.NoError(t, err)
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(11 * time.Second)
		s := w.engine.Stats(time.Now())
		require.Len(t, s.Adaptive, 1)
		require.Equal(t, "fair", s.Adaptive[0].Policy)
		require.Equal(t, 3, s.Adaptive[0].Keys, "inner spans are no key once the root came")
		w.cancel()
		<-w.ran
		w.engine.Drain(t.Context())

		require.InDelta(t, 100*seconds+200, len(w.sink.spans), 0.05*100*seconds)
		for id := range rare {
			for n := range 4 {
				require.Equal(t, 1, w.sink.spans[id+pcommon.SpanID{7: byte(1 + n)}.String()], "a rare trace is whole")
			}
		}
		estimate := 0.
		for id, state := range w.sink.state {
			if !rare[id] {
				estimate += 4 * adjusted(t, state)
			}
		}
		require.InEpsilon(t, float64(frequent), estimate, 0.1)
		w.engine.Close()
	})
}

// adjusted returns how many spans one of a tracestate stands for.
func adjusted(t *testing.T, state string) float64 {
	digits, found := strings.CutPrefix(state, "ot=th:")
	require.True(t, found, state)
	share := 1.
	for i, unit := 0, 1./16; i < len(digits); i, unit = i+1, unit/16 {
		share -= unit * float64(strings.IndexByte("0123456789abcdef", digits[i]))
	}
	return 1 / share
}
