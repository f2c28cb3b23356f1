package otlpwire

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// referenceSchema wants what RED's default dimensions and two policies ask for.
func referenceSchema() *spanview.Schema {
	s := &spanview.Schema{}
	for _, key := range []string{"http.request.method", "http.route", "http.response.status_code", "rpc.grpc.status_code"} {
		if _, err := s.SpanSlot(key); err != nil {
			panic(err)
		}
	}
	for _, key := range []string{"service.name", "service.namespace", "deployment.environment.name"} {
		if _, err := s.ResourceSlot(key); err != nil {
			panic(err)
		}
	}
	return s
}

// ascending rewrites a message with its fields in the order of their numbers, as SDKs write them; pdata writes them in
// the opposite order.
func ascending(b []byte, m messageID) []byte {
	var out []byte
	for num := 1; num <= 16; num++ {
		for pos := 0; pos < len(b); {
			f, err := readField(b, pos, m)
			if err != nil {
				panic(err)
			}
			switch inner := typeOf(m, num).message; {
			case f.num != num:
			case inner == noMessage:
				out = append(out, b[pos:f.end]...)
			default:
				body := ascending(b[f.start:f.end], inner)
				out = append(binary.AppendUvarint(append(out, byte(num<<3|wireLen)), uint64(len(body))), body...)
			}
			pos = f.end
		}
	}
	return out
}

func BenchmarkScan(b *testing.B) {
	b.Run("fields as SDKs order them", func(b *testing.B) {
		benchmarkScan(b, func(buf []byte) []byte { return ascending(buf, requestMessage) })
	})
	b.Run("fields as pdata orders them", func(b *testing.B) {
		benchmarkScan(b, func(buf []byte) []byte { return buf })
	})
}

func benchmarkScan(b *testing.B, order func([]byte) []byte) {
	schema, batch := referenceSchema(), &spanview.Batch{}
	requests := make([][]byte, 16)
	for i := range requests {
		requests[i] = order(spantest.ReferenceRequest(uint64(i)))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(requests[0])))
	i := 0
	for b.Loop() {
		if err := Scan(requests[i%len(requests)], schema, batch); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "ns/span")
	b.ReportMetric(float64(len(requests[0]))/spantest.ReferenceSpans, "B/span")
}

func TestTheReferenceRequestIsWhatItSaysToBe(t *testing.T) {
	batch := &spanview.Batch{}
	buf := spantest.ReferenceRequest(1)
	require.NoError(t, Scan(buf, referenceSchema(), batch))
	require.Len(t, batch.Spans, spantest.ReferenceSpans)
	require.Len(t, batch.Resources, 20)
	require.InDelta(t, 526, float64(len(buf))/spantest.ReferenceSpans, 8)
}

func TestScanningDoesNotAllocate(t *testing.T) {
	schema, batch := referenceSchema(), &spanview.Batch{}
	requests := make([][]byte, 8)
	for i := range requests {
		requests[i] = spantest.ReferenceRequest(uint64(i))
		require.NoError(t, Scan(requests[i], schema, batch))
	}
	i := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := Scan(requests[i%len(requests)], schema, batch); err != nil {
			t.Fatal(err)
		}
		i++
	}))
}
