package otlpsloreceiver

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/mem"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/unpack"
)

// inflated is what becomes of a gzipped body with room for so many bytes, and the room that it took.
func inflated(t *testing.T, packed []byte, limit int64) (body mem.BufferSlice, room int64, err error) {
	gate := &countingGate{max: 64 << 20}
	q := request{room: reservation{from: &inFlight{gate: gate}}}
	err = q.inflateWhole(t.Context(), "gzip", packed, limit, unpack.NewMessage)
	t.Cleanup(func() {
		q.done()
		require.Zero(t, gate.used.Load())
	})
	body, _ = q.body.(mem.BufferSlice)
	return body, gate.used.Load(), err
}

// saying returns a gzipped body that says it is so large.
func saying(packed []byte, size uint32) []byte {
	packed = bytes.Clone(packed)
	binary.LittleEndian.PutUint32(packed[len(packed)-4:], size)
	return packed
}

func TestABodyIsInflatedIntoOneBufferThatFits(t *testing.T) {
	for size, room := range map[int]int64{
		1: 16 << 10, 16 << 10: 16 << 10, 16<<10 + 1: 64 << 10, 64 << 10: 64 << 10, 131 << 10: 256 << 10, 1 << 20: 1 << 20,
	} {
		want := bytes.Repeat([]byte("s"), size)
		body, took, err := inflated(t, pack(t, "gzip", want), 4<<20)
		require.NoError(t, err)
		require.Len(t, body, 1, "%d bytes", size)
		require.Equal(t, room, took, "%d bytes", size)
		require.Equal(t, want, body.Materialize())
	}
	body, took, err := inflated(t, pack(t, "gzip", make([]byte, 2<<20+100)), 4<<20)
	require.NoError(t, err)
	require.Equal(t, 2<<20+100, body.Len())
	require.EqualValues(t, 2<<20+16<<10, took)
}

func TestABodyThatSaysLessThanItHasIsInflatedAllTheSame(t *testing.T) {
	large, small := bytes.Repeat([]byte("span "), 100_000), []byte("span")
	body, took, err := inflated(t, append(pack(t, "gzip", large), pack(t, "gzip", small)...), 4<<20)
	require.NoError(t, err)
	require.Equal(t, append(large, small...), body.Materialize())
	require.EqualValues(t, (16+64+256+1024)<<10, took, "as without a hint")

	for _, limit := range []int64{400_000, 3} {
		_, _, err = inflated(t, append(pack(t, "gzip", large), pack(t, "gzip", small)...), limit)
		requireReason(t, reasonTooLarge, err)
	}
	_, took, err = inflated(t, append(pack(t, "gzip", small), pack(t, "gzip", small)...), 6)
	requireReason(t, reasonTooLarge, err)
	require.EqualValues(t, 16<<10, took, "what fits into the buffer may be more than the limit")
	_, _, err = inflated(t, saying(pack(t, "gzip", large), 1), 4<<20)
	requireReason(t, reasonMalformed, err)
}

func TestABodyThatSaysMoreThanItHasTakesOneBuffer(t *testing.T) {
	packed := pack(t, "gzip", []byte("span"))
	_, took, err := inflated(t, saying(packed, 0xffffffff), 4<<20)
	requireReason(t, reasonMalformed, err)
	require.EqualValues(t, 64<<10, took, "so few bytes are not more")

	random := make([]byte, 10_000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	packed = pack(t, "gzip", random)
	_, took, err = inflated(t, saying(packed, 0xffffffff), 4<<20)
	requireReason(t, reasonMalformed, err)
	require.EqualValues(t, 1<<20, took)
	_, took, err = inflated(t, saying(packed, 0xffffffff), 60_000)
	requireReason(t, reasonMalformed, err)
	require.EqualValues(t, 64<<10, took, "more than the limit is never read")
}

func requireReason(t *testing.T, want reason, err error) {
	t.Helper()
	why, ok := reasonOf(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, want, why, "%v", err)
}

func TestGzippedMessagesHoweverTheyCome(t *testing.T) {
	r := start(t)
	client := rawClient(t)
	gzipped := func(body []byte) string {
		return r.raw(t, client, bytes.NewReader(frame(1, body)), "Grpc-Encoding", "gzip")
	}
	body := protoOf(t, traceOf(3, 200, false))
	packed := pack(t, "gzip", body)
	require.Equal(t, "0", gzipped(packed))
	require.Equal(t, "0", gzipped(append(pack(t, "gzip", body[:1000]), pack(t, "gzip", body[1000:])...)), "in two members")
	require.Equal(t, "3", gzipped(packed[:len(packed)-1]), "cut off")
	require.Equal(t, "3", gzipped(saying(packed, 1)))
	require.Equal(t, "3", gzipped(saying(packed, 0xffffffff)))
	require.Equal(t, "3", gzipped(nil))
	for _, padding := range []int{100 << 10, 1500 << 10} { // in several frames; more than is copied
		require.Equal(t, "0", gzipped(pack(t, "gzip", protoOf(t, padded(padding)))))
		require.Equal(t, "3", gzipped(saying(pack(t, "gzip", protoOf(t, padded(padding))), 100)))
	}
	require.EqualValues(t, 200*2+2, r.figure(t, "otelcol_receiver_accepted_spans"))
	r.await(t, 6, "otelcol_otlp_slo_refused_requests", "transport", "grpc", "signal", "traces", "reason", "malformed")
	r.awaitNothingInFlight(t)
}

// padded returns a span with an attribute of so many bytes that don't get smaller.
func padded(size int) ptrace.Traces {
	td := traceOf(4, 1, false)
	padding := make([]byte, size)
	for i := range padding {
		padding[i] = byte(rand.Uint32())
	}
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmptyBytes("padding").FromRaw(padding)
	return td
}
