package tracebuf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// spanBody is a span's bytes, told by its id.
func spanBody(id uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "body of span %d, ", id), int(id%37)+1)
}

// sendBodies puts a request of n spans of a trace each through a writer: their ids count up from first.
func sendBodies(buf *Buffer, w *Writer, batch *spanview.Batch, first uint64, n int, now int64) error {
	batch.Reset(&spanview.Schema{})
	batch.AddResource()
	batch.Scopes = append(batch.Scopes, spanview.Scope{})
	body := []byte("resource")
	batch.Resources[0].Raw = spanview.Extent{Len: uint32(len(body))}
	for i := range n {
		id := first + uint64(i)
		at := batch.AddSpan()
		span := &batch.Spans[at]
		span.TraceID, span.Bits = traceID(id+1), bitKeep
		binary.BigEndian.PutUint64(span.SpanID[:], id)
		raw := spanBody(id)
		span.Raw = spanview.Extent{Offset: uint32(len(body)), Len: uint32(len(raw))}
		body = append(body, raw...)
	}
	room, err := w.Reserve(len(body))
	if err != nil {
		return err
	}
	copy(room, body)
	if err := buf.Prepare(w, batch); err != nil {
		w.Rollback()
		return err
	}
	buf.Record(w, batch, now)
	return nil
}

// bodyChecker takes traces and compares their spans' bytes with what their ids tell.
type bodyChecker struct {
	chainCounter
	wrong int
}

func (e *bodyChecker) Emit(c *Closed) {
	n := 0
	for b, ok := c.Chain.Next(); ok; b, ok = c.Chain.Next() {
		n++
		alone := c.Chain.Span(&b)
		if !c.Chain.Read(&b) || !bytes.Equal(b.Span, alone) || !bytes.Equal(b.Span, c.Chain.Span(&b)) || !bytes.Equal(b.Span, spanBody(binary.BigEndian.Uint64(b.Head.SpanID[:]))) ||
			string(b.Resource) != "resource" {
			e.wrong++
		}
	}
	e.spans += n
	e.lost += int(c.Spans) - n
}

// Requests are recorded, slabs sealed, compressed, read and freed all at the same time.
func TestSlabsAreCompressedWhileAllElseGoesOn(t *testing.T) {
	for _, c := range []Compression{CompressionS2, CompressionZstd} {
		buf, err := New(Settings{Budget: NewBudget(1 << 30), Shards: 4, TraceBytesMax: 1 << 30, Judge: testPolicy{}, Compression: c})
		require.NoError(t, err)
		const writers, requests, spans = 2, 90, 100
		var recording, compressing sync.WaitGroup
		for w := range uint64(writers) {
			recording.Go(func() {
				writer := buf.NewWriter()
				defer writer.Close()
				var batch spanview.Batch
				for i := range uint64(requests) {
					if sendBodies(buf, writer, &batch, (w*requests+i)*spans, spans, int64(i)) != nil {
						return // seen by the count of spans
					}
					if i%3 == 0 {
						writer.Close()
					}
				}
			})
		}
		stop := make(chan struct{})
		compressing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					buf.Compress(1)
					runtime.Gosched()
				}
			}
		})
		var out bodyChecker
		recorded := make(chan struct{})
		go func() { recording.Wait(); close(recorded) }()
		for due, running := int64(0), true; running; due++ {
			select {
			case <-recorded:
				running, due = false, math.MaxInt64
			default:
				due %= requests
			}
			buf.Decide(Round{Due: due}, testPolicy{}, &out)
			buf.Expire(due - 5)
			runtime.Gosched()
		}
		close(stop)
		compressing.Wait()
		require.Equal(t, writers*requests*spans, out.spans)
		require.Zero(t, out.lost)
		require.Zero(t, out.wrong)
		require.Positive(t, buf.Compression().Slabs)
		buf.Expire(math.MaxInt64)
		buf.Close()
		require.Zero(t, buf.budget.Total())
	}
}

func TestCompressingFreesMemoryInAFullBudget(t *testing.T) {
	b := NewBudget(32 << 20)
	buf, err := New(Settings{Budget: b, Shards: 1, TraceBytesMax: 1 << 30, Judge: testPolicy{}, Compression: CompressionS2})
	require.NoError(t, err)
	writer := buf.NewWriter()
	var batch spanview.Batch
	sent, compressed := 0, 0
	for {
		err := sendBodies(buf, writer, &batch, uint64(sent), 500, 1)
		for more := true; err != nil && more; err = sendBodies(buf, writer, &batch, uint64(sent), 500, 1) {
			require.ErrorIs(t, err, ErrNoBudget)
			for freed := int64(0); freed <= 0 && more; compressed++ {
				var n int64
				n, more = buf.Compress(0)
				freed += n
			}
			require.LessOrEqual(t, b.Total(), b.Limit()*9/8) // a packed slab, and a table that grew
		}
		if err != nil {
			break
		}
		sent += 500
	}
	require.Greater(t, compressed, 5)
	held := int64(len(buf.inflater.region)) + int64(len(writer.heads.data)+len(buf.packer.open.data))
	if writer.bodies != nil {
		held += int64(len(writer.bodies.data))
	}
	for _, s := range buf.pool.sealed {
		held += int64(len(s.data))
	}
	require.Equal(t, held, b.Used(UseSlabs))
	stats := buf.Compression()
	require.Greater(t, stats.RawBytes, uint64(b.Limit()), "more is held than the budget has room for")
	require.Zero(t, buf.Expire(0), "all of it is held")
	var out bodyChecker
	require.True(t, buf.Decide(Round{Due: 1}, testPolicy{}, &out))
	require.Equal(t, sent, out.spans)
	require.Zero(t, out.lost)
	require.Zero(t, out.wrong)
	require.Less(t, buf.Compression().Inflated*4, buf.Compression().Reads, "traces in the order of their arrival are read out of the cache")
	writer.Close()
	buf.Close()
	require.Zero(t, b.Total())
}

// Any bytes of compressed slabs are those that were written, also where they are many more than the cache holds.
func TestExtentsOfCompressedSlabsAreWhatWasWritten(t *testing.T) {
	for _, c := range []Compression{CompressionS2, CompressionZstd} {
		buf, err := New(Settings{Budget: NewBudget(16 << 20), Shards: 1, Judge: testPolicy{}, Compression: c})
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(3, uint64(c)))
		var slabs []*slab
		var want [][]byte
		for range 3 {
			s, err := buf.pool.take(bodies, slabSize)
			require.NoError(t, err)
			s.used = uint32(slabSize - rng.IntN(100_000))
			for i := range s.used {
				s.data[i] = byte(rng.Uint32() & 3)
			}
			slabs, want = append(slabs, s), append(want, bytes.Clone(s.data[:s.used]))
			buf.pool.seal(s)
			buf.Compress(0)
			require.Nil(t, s.data)
		}
		f := buf.inflater
		require.Less(t, len(f.lines)*blockSize, slabSize)
		for range 300 {
			f.begin()
			var got, expected [][]byte
			for range 20 {
				i := rng.IntN(len(slabs))
				at := rng.Uint32N(slabs[i].used)
				n := rng.Uint32N(min(slabs[i].used-at, []uint32{10, 1000, 100_000}[rng.IntN(3)]) + 1)
				piece, ok := f.extent(slabs[i], at, n)
				require.True(t, ok)
				got, expected = append(got, piece), append(expected, want[i][at:at+n])
			}
			for i := range got { // all of them are valid until the next chain
				require.True(t, bytes.Equal(expected[i], got[i]))
			}
			require.LessOrEqual(t, len(f.index), len(f.lines))
		}
		buf.Close()
	}
}

func TestTheLatestSlabsAreSpared(t *testing.T) {
	buf, err := New(Settings{Budget: NewBudget(64 << 20), Shards: 1, TraceBytesMax: 1 << 30, Judge: testPolicy{}, Compression: CompressionS2})
	require.NoError(t, err)
	writer := buf.NewWriter()
	var batch spanview.Batch
	for i := range uint64(5) {
		require.NoError(t, sendBodies(buf, writer, &batch, i*100, 100, 1))
		writer.Close()
	}
	for n, want := range []bool{true, true, false, false} {
		before := buf.budget.Used(UseSlabs)
		freed, more := buf.Compress(3)
		require.Equal(t, want, more, n)
		require.Equal(t, before-freed, buf.budget.Used(UseSlabs))
	}
	buf.Expire(0)
	require.EqualValues(t, 2, buf.Compression().Slabs)
	var out bodyChecker
	buf.Decide(Round{Due: 1}, testPolicy{}, &out)
	require.Equal(t, 500, out.spans)
	require.Zero(t, out.wrong)
	buf.Close()
}

// Bytes that a request joined lie behind its body, also where the slab has no room and the request moves.
func TestJoinedBytesFollowTheBody(t *testing.T) {
	buf, err := New(Settings{Budget: NewBudget(64 << 20), Shards: 1, TraceBytesMax: 1 << 30, Judge: testPolicy{}})
	require.NoError(t, err)
	writer := buf.NewWriter()
	var want []string
	const size = slabSize / 5
	for i := range uint64(20) {
		var batch spanview.Batch
		batch.Reset(&spanview.Schema{})
		batch.AddResource()
		batch.Scopes = append(batch.Scopes, spanview.Scope{})
		room, err := writer.Reserve(size)
		require.NoError(t, err)
		room[0], room[size-1] = 'a'+byte(i), 'A'+byte(i)
		batch.Joined = bytes.Repeat([]byte{'0' + byte(i)}, int(i*1000))
		span := &batch.Spans[batch.AddSpan()]
		span.TraceID, span.Bits = traceID(1), bitKeep
		span.Raw = spanview.Extent{Len: size + uint32(len(batch.Joined))}
		require.NoError(t, buf.Prepare(writer, &batch))
		if i%4 == 3 {
			writer.Rollback()
			continue
		}
		buf.Record(writer, &batch, 1)
		want = append(want, fmt.Sprintf("%c%c%s", 'a'+byte(i), 'A'+byte(i), batch.Joined))
	}
	buf.Decide(Round{Due: 1}, testPolicy{}, emitFunc(func(c *Closed) {
		at := len(want)
		for s, ok := c.Chain.Next(); ok && c.Chain.Read(&s); s, ok = c.Chain.Next() {
			at--
			require.Equal(t, want[at], string(s.Span[0])+string(s.Span[size-1])+string(s.Span[size:]))
		}
		require.Zero(t, at)
	}))
	writer.Close()
	buf.Close()
	require.Zero(t, buf.budget.Total())
}

func TestBodiesThatCannotBeCompressedStayAsTheyAre(t *testing.T) {
	for _, c := range []Compression{CompressionS2, CompressionZstd} {
		b := NewBudget(64 << 20)
		buf, err := New(Settings{Budget: b, Shards: 1, Judge: testPolicy{}, Compression: c})
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(1, 1))
		writer := buf.NewWriter()
		for range 3 {
			room, err := writer.Reserve(slabSize)
			require.NoError(t, err)
			for i := range room {
				room[i] = byte(rng.Uint32())
			}
			require.NoError(t, writer.place(&spanview.Batch{}))
			writer.commit(1)
		}
		writer.Close()
		held := b.Used(UseSlabs)
		for range 3 {
			_, more := buf.Compress(0)
			require.True(t, more)
		}
		_, more := buf.Compress(0)
		require.False(t, more, "they are not tried again")
		require.Zero(t, buf.Compression().Slabs)
		require.Zero(t, buf.packer.open.used)
		require.LessOrEqual(t, b.Used(UseSlabs), held+slabSize)
		require.Positive(t, buf.Expire(0))
		buf.Close()
		require.Zero(t, b.Total())
	}
}

// A trace may hold, in a few bytes that compress well, more than the budget could hold as they are.
func TestAChainThatInflatesBeyondReasonIsCutOff(t *testing.T) {
	b := NewBudget(8 << 20)
	buf, err := New(Settings{Budget: b, Shards: 1, TraceBytesMax: 1 << 30, Judge: testPolicy{}, Compression: CompressionS2})
	require.NoError(t, err)
	writer := buf.NewWriter()
	var batch spanview.Batch
	for range 10 {
		batch.Reset(&spanview.Schema{})
		batch.AddResource()
		batch.Scopes = append(batch.Scopes, spanview.Scope{})
		span := &batch.Spans[batch.AddSpan()]
		span.TraceID, span.Bits, span.Raw.Len = traceID(1), bitKeep, 1<<20
		room, err := writer.Reserve(1 << 20)
		require.NoError(t, err)
		clear(room)
		require.NoError(t, buf.Prepare(writer, &batch))
		buf.Record(writer, &batch, 1)
		writer.Close()
		buf.Compress(0)
	}
	read, cut := 0, 0
	buf.Decide(Round{Due: 1}, testPolicy{}, emitFunc(func(c *Closed) {
		for s, ok := c.Chain.Next(); ok; s, ok = c.Chain.Next() {
			if c.Chain.Read(&s) {
				read++
				require.Len(t, s.Span, 1<<20)
			} else {
				cut++
			}
		}
	}))
	require.Equal(t, 4, read, "half of the budget")
	require.Equal(t, 6, cut)
	buf.Close()
}

// emitFunc takes closed traces.
type emitFunc func(c *Closed)

func (emitFunc) Room() bool         { return true }
func (emitFunc) Looks(*Record) bool { return false }
func (f emitFunc) Emit(c *Closed)   { f(c) }
