package otlpsloreceiver

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// loadOf returns an encoded request of new traces of 8 spans, and where its trace ids stand.
func loadOf(t testing.TB, traces int) (body []byte, ids []int) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range traces {
		for range 8 {
			s := spans.AppendEmpty()
			s.SetTraceID(pcommon.TraceID{0xfe, 0xdc, byte(i), byte(i >> 8), 1})
			s.SetSpanID(pcommon.SpanID{1})
			s.SetName("GET /cart")
			s.SetKind(ptrace.SpanKindServer)
			for a := range 10 {
				s.Attributes().PutStr(fmt.Sprintf("http.attribute.%d", a), "a value of some length")
			}
		}
	}
	body = protoOf(t, td)
	for at := 0; at+16 < len(body); at++ {
		if body[at] == 0xfe && body[at+1] == 0xdc {
			ids = append(ids, at+8)
		}
	}
	require.Len(t, ids, traces*8)
	return body, ids
}

func TestTakingARequestInAllocatesTheSameHoweverManySpansItHas(t *testing.T) {
	r := startIn(t, componenttest.NewNopHost(), []string{"traces"}, withConfig(func(c *Config) {
		c.Memory.LimitMiB = 512
		c.Sampling.DecisionWait = time.Hour // so that nothing is decided meanwhile
	}))
	ctx := context.Background()
	allocations := func(traces int) float64 {
		body, ids := loadOf(t, traces)
		n := uint64(traces) << 32
		return testing.AllocsPerRun(100, func() {
			n++
			for _, at := range ids {
				binary.LittleEndian.PutUint64(body[at:], n)
			}
			q := request{body: mem.BufferSlice{mem.SliceBuffer(body)}, report: r.grpc.report, room: reservation{from: r.door.inFlight}}
			if _, err := r.traces.take(ctx, &q); err != nil {
				t.Error(err)
			}
		})
	}
	allocations(32) // what grows once
	small, large := allocations(1), allocations(32)
	require.Less(t, large, 20.0)
	require.InDelta(t, small, large, 3, "256 spans, or 8")
}

func BenchmarkGRPC(b *testing.B) {
	for _, traces := range []int{2, 32} {
		for _, compression := range []string{"identity", "gzip"} {
			b.Run(fmt.Sprintf("%d spans, %s", 8*traces, compression), func(b *testing.B) {
				r := startBenchmark(b)
				conn := r.dial(b)
				var sent atomic.Uint64
				b.ReportAllocs()
				began := cpuTime()
				b.SetParallelism(4)
				b.RunParallel(func(pb *testing.PB) {
					body, ids := loadOf(b, traces)
					for pb.Next() {
						n := sent.Add(1)
						for _, at := range ids {
							binary.LittleEndian.PutUint64(body[at:], n)
						}
						if _, err := export(context.Background(), conn, signalTraces, body, grpc.UseCompressor(compression)); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*8*traces), "ns/span")
			})
		}
	}
}

// cpuTime is what the process has used, in nanoseconds: on a machine that does other things too, it says more than the
// time that passed.
func cpuTime() int64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used.Utime.Nano() + used.Stime.Nano()
}
