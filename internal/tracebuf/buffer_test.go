package tracebuf

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Bits of the test's policies: a span with bitKeep keeps its trace, one with bitRescue also when it comes late.
const (
	bitKeep   = 1
	bitRescue = 2
)

type testPolicy struct{}

func (testPolicy) Begin(int64) bool           { return false }
func (testPolicy) Survey(*Record)             {}
func (testPolicy) Settle()                    {}
func (p testPolicy) Follow(r *Record) Verdict { v := p.Decide(r); v.Keep = true; return v }
func (testPolicy) Decisive(r *Record) bool    { return r.Bits&(bitKeep|bitRescue) != 0 }
func (testPolicy) Decide(r *Record) Verdict {
	return Verdict{Keep: r.Bits&(bitKeep|bitRescue) != 0, Known: true}
}
func (testPolicy) Rescues(_, r *Record) bool          { return r.Bits&bitRescue != 0 }
func (testPolicy) RescuesAlone(s *spanview.Span) bool { return s.Bits&bitRescue != 0 }

// history drives a Buffer and, beside it, a plain map of what was sent, and compares what comes out.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	buf    *Buffer
	writer *Writer
	batch  spanview.Batch
	now    int64
	room   bool
	rooted bool // what is sent next has no parent
	long   bool // some spans are longer than a block

	serial   uint64
	sent     map[uint64]sentSpan // by serial number, which is the span id
	out      map[uint64]bool
	accepted uint64
	looked   int // dropped traces
}

type sentSpan struct {
	trace [16]byte
	body  []byte
	bits  uint64
}

func newHistory(t *testing.T, seed uint64, limit int64, decisions int) *history {
	h := newCompressedHistory(t, seed, limit, decisions, CompressionNone)
	h.long = false
	return h
}

func newCompressedHistory(t *testing.T, seed uint64, limit int64, decisions int, c Compression) *history {
	buf, err := New(Settings{
		Budget: NewBudget(limit), Shards: 4, DecisionsMax: decisions, TraceBytesMax: 1 << 30, Judge: testPolicy{}, Compression: c,
	})
	require.NoError(t, err)
	t.Cleanup(buf.Close)
	return &history{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), buf: buf, writer: buf.NewWriter(), room: true, long: true,
		sent: map[uint64]sentSpan{}, out: map[uint64]bool{}, now: 1000,
	}
}

func (h *history) Room() bool { return h.room }

// Looks picks every other trace.
func (h *history) Looks(r *Record) bool {
	require.Equal(h.t, Dropped, r.State)
	return r.TraceID[3]&1 == 0
}

func (h *history) Emit(c *Closed) {
	n := uint32(0)
	if !c.Verdict.Keep {
		require.Zero(h.t, c.Late)
		require.Zero(h.t, c.Record.TraceID[3]&1)
		h.looked++
	}
	for b, ok := c.Chain.Next(); ok; b, ok = c.Chain.Next() {
		n++
		require.True(h.t, c.Chain.Read(&b))
		serial := serialOf(b)
		want, known := h.sent[serial]
		require.True(h.t, known, "a span came out that was never sent")
		require.False(h.t, h.out[serial], "a span came out twice")
		require.Equal(h.t, want.trace, c.Record.TraceID)
		require.Equal(h.t, want.body, b.Span)
		require.Equal(h.t, fmt.Sprintf("resource of %d", serial), string(b.Resource))
		require.Equal(h.t, uint32(serial), b.Service)
		if c.Verdict.Keep {
			h.out[serial] = true
		}
	}
	require.Equal(h.t, c.Spans, n, "the chain is broken")
}

// send puts a request of n spans of the given traces through the writer; it is rolled back when roll is set.
func (h *history) send(n int, trace func() ([16]byte, uint64), roll bool) bool {
	var s spanview.Schema
	h.batch.Reset(&s)
	var body []byte
	first := h.serial
	for range n {
		h.serial++
		h.batch.AddResource()
		resource := fmt.Appendf(nil, "resource of %d", h.serial)
		span := h.body()
		i := h.batch.AddSpan()
		h.batch.Resources[i].Raw = spanview.Extent{Offset: uint32(len(body)), Len: uint32(len(resource))}
		h.batch.Scopes = append(h.batch.Scopes, spanview.Scope{Resource: int32(i)})
		body = append(body, resource...)
		v := &h.batch.Spans[i]
		v.TraceID, v.Bits = trace()
		binary.BigEndian.PutUint64(v.SpanID[:], h.serial)
		if !h.rooted {
			v.ParentID[0] = 1
		}
		v.Resource, v.Scope = int32(i), int32(i)
		v.Raw = spanview.Extent{Offset: uint32(len(body)), Len: uint32(len(span))}
		body = append(body, span...)
		h.sent[h.serial] = sentSpan{trace: v.TraceID, body: span, bits: v.Bits}
	}
	room, err := h.writer.Reserve(len(body))
	if err == nil {
		copy(room, body)
		if err = h.buf.Prepare(h.writer, &h.batch); err != nil || roll {
			h.writer.Rollback()
		}
	}
	if err != nil || roll {
		for serial := first + 1; serial <= h.serial; serial++ {
			delete(h.sent, serial)
		}
		return err == nil
	}
	for i := range h.batch.Resources {
		h.batch.Resources[i].Service = uint32(first) + uint32(i) + 1
	}
	h.buf.Record(h.writer, &h.batch, h.now)
	h.accepted += uint64(n)
	return true
}

func serialOf(b Buffered) uint64 { return binary.BigEndian.Uint64(b.Head.SpanID[:]) }

// body returns a span's bytes: mostly some that can be compressed, one in a hundred longer than a block.
func (h *history) body() []byte {
	span := make([]byte, h.rng.IntN(200))
	if h.long && h.rng.IntN(100) == 0 {
		span = make([]byte, h.rng.IntN(3*blockSize))
	}
	every := 1 + h.rng.IntN(8)
	for i := range span {
		if i%every == 0 {
			span[i] = byte(h.rng.Uint32())
		}
	}
	return span
}

// shuffleMemory does, at times, what may happen to slabs between requests.
func (h *history) shuffleMemory() {
	if h.buf.packer == nil {
		return
	}
	if h.rng.IntN(10) == 0 {
		h.writer.Close()
	}
	if h.rng.IntN(3) == 0 {
		h.buf.Compress(h.rng.IntN(3))
	}
	if h.rng.IntN(50) == 0 {
		h.buf.Trim()
	}
}

// eachCompression runs a test of random histories, given by how many there are to be, for each way to hold bodies.
func eachCompression(t *testing.T, test func(t *testing.T, c Compression, seeds uint64)) {
	for c, name := range compressionNames {
		seeds := []uint64{40, 10, 10}[c]
		if underRace {
			seeds = 5
		}
		t.Run(name, func(t *testing.T) { test(t, Compression(c), seeds) })
	}
}

func traceID(n uint64) (id [16]byte) {
	binary.LittleEndian.PutUint64(id[3:], n*0x9E3779B97F4A7C15)
	return id
}

// decide runs a round for what came up to a time.
func (h *history) decide(due int64, early bool) bool {
	return h.buf.Decide(Round{Now: h.now, Due: due, Early: early}, testPolicy{}, h)
}

// checkOut compares what came out with what the map says must have.
func (h *history) checkOut(complete bool) {
	kept := map[[16]byte]bool{}
	for _, s := range h.sent {
		if s.bits != 0 {
			kept[s.trace] = true
		}
	}
	for serial := range h.out {
		require.True(h.t, kept[h.sent[serial].trace], "a span of a trace that nothing keeps came out")
	}
	if !complete {
		return
	}
	for serial, s := range h.sent {
		require.Equal(h.t, kept[s.trace], h.out[serial], "span %d of trace %x", serial, s.trace)
	}
}

func (h *history) checkConservation() {
	tally, held := h.buf.Tally()
	require.Equal(h.t, h.accepted, tally.Recorded)
	require.Equal(h.t, uint64(len(h.out)), tally.KeptSpans+tally.LateKept)
	require.Equal(h.t, h.accepted, tally.Truncated+tally.LateDropped+tally.KeptSpans+tally.LateKept+tally.DroppedSpans+held.Spans)
}

func TestAnyHistoryWithinTheWindowsGivesWholeKeptTraces(t *testing.T) {
	eachCompression(t, anyHistoryWithinTheWindows)
}

func anyHistoryWithinTheWindows(t *testing.T, c Compression, seeds uint64) {
	var packed, inflated uint64
	for seed := range seeds {
		h := newCompressedHistory(t, seed, 256<<20, 0, c)
		var live uint64 = 1
		for range 400 {
			h.now += h.rng.Int64N(50)
			live += h.rng.Uint64N(3)
			h.send(h.rng.IntN(20), func() ([16]byte, uint64) {
				var bits uint64
				if h.rng.IntN(30) == 0 {
					bits = bitRescue
				}
				return traceID(live - min(live, h.rng.Uint64N(10))), bits
			}, h.rng.IntN(8) == 0)
			h.room = h.rng.IntN(4) > 0
			h.shuffleMemory()
			h.decide(h.now-500, false)
			h.buf.Expire(h.now - 8000) // longer than any trace of this history
			h.checkConservation()
		}
		h.room = true
		h.decide(h.now, false)
		h.checkOut(true)
		h.buf.Expire(h.now)
		h.checkConservation()
		_, held := h.buf.Tally()
		require.Zero(t, held.Spans)
		require.Zero(t, held.Traces)
		require.Positive(t, h.looked)
		h.writer.Close()
		h.buf.Expire(h.now)
		require.Empty(t, h.buf.pool.sealed)
		stats := h.buf.Compression()
		packed += stats.Slabs
		inflated += stats.Inflated
	}
	require.Equal(t, c != CompressionNone, packed > 100)
	require.Equal(t, c != CompressionNone, inflated > 100)
}

func TestAHistoryWithTracesThatOutliveEverythingLosesNoCount(t *testing.T) {
	eachCompression(t, tracesThatOutliveEverything)
}

func tracesThatOutliveEverything(t *testing.T, c Compression, seeds uint64) {
	var all Tally
	for seed := range seeds {
		h := newCompressedHistory(t, seed, 256<<20, 1<<16, c)
		for range 300 {
			h.now += h.rng.Int64N(100)
			h.send(h.rng.IntN(20), func() ([16]byte, uint64) {
				return traceID(h.rng.Uint64N(50)), 1 << h.rng.IntN(200) & 3
			}, false)
			h.decide(h.now-300, h.rng.IntN(2) == 0)
			h.buf.Expire(h.now - 900)
			h.shuffleMemory()
			h.checkOut(false)
			h.checkConservation()
		}
		tally, _ := h.buf.Tally()
		all.add(&tally)
	}
	require.NotZero(t, all.LateDropped)
	require.NotZero(t, all.RescuedPartial)
	require.NotZero(t, all.RescuedWhole)
	require.NotZero(t, all.LateKept)
}

func TestALateSpanOfAKeptTraceFollowsItAfterTheRecordIsGone(t *testing.T) {
	h := newHistory(t, 1, 64<<20, 1000)
	one := func(bits uint64) func() ([16]byte, uint64) {
		return func() ([16]byte, uint64) { return traceID(7), bits }
	}
	h.send(3, one(bitKeep), false)
	h.decide(h.now, false)
	h.buf.Expire(h.now)
	h.now += 60_000
	h.send(2, one(0), false)
	h.decide(h.now-10_000, false)
	require.Len(t, h.out, 5)
	h.checkConservation()
}

func TestTheBudgetRefusesAndRecoversWhole(t *testing.T) {
	h := newHistory(t, 1, 8<<20, 0)
	accepted := 0
	for h.send(100, func() ([16]byte, uint64) { return traceID(h.rng.Uint64()), bitKeep }, false) {
		accepted++
	}
	require.Greater(t, accepted, 50)
	require.LessOrEqual(t, h.buf.budget.Total(), h.buf.budget.Limit())
	require.False(t, h.send(100, func() ([16]byte, uint64) { return traceID(1), 0 }, false))
	h.decide(h.now, true)
	h.checkOut(true)
	require.Positive(t, h.buf.Expire(h.now))
	require.True(t, h.send(100, func() ([16]byte, uint64) { return traceID(1), 0 }, false))
	h.checkConservation()
}

func TestIdleMemoryGoesBackToTheSystem(t *testing.T) {
	h := newHistory(t, 1, 68<<20, 0)
	for range 500 {
		h.send(100, func() ([16]byte, uint64) { return traceID(h.rng.Uint64()), 0 }, false)
	}
	h.decide(h.now, false)
	h.buf.Expire(h.now)
	require.Greater(t, h.buf.budget.Used(UseIdle), int64(4<<20))
	h.buf.Trim() // counts from here on
	h.buf.Trim()
	require.Zero(t, h.buf.budget.Used(UseIdle))
}

func TestARequestLargerThanASlabIsHeldWhole(t *testing.T) {
	h := newHistory(t, 1, 68<<20, 0)
	h.send(20_000, func() ([16]byte, uint64) { return traceID(h.rng.Uint64N(100)), bitKeep }, false)
	h.send(10, func() ([16]byte, uint64) { return traceID(5), 0 }, false)
	h.decide(h.now, false)
	h.checkOut(true)
	h.checkConservation()
}

func TestOrdinarySpansBeyondTheByteCapAreCountedAndNotBuffered(t *testing.T) {
	h := newHistory(t, 1, 68<<20, 0)
	h.buf.recording.traceBytesMax = 5000
	for range 30 {
		h.send(20, func() ([16]byte, uint64) { return traceID(5), 0 }, false)
	}
	h.send(1, func() ([16]byte, uint64) { return traceID(5), bitKeep }, false)
	h.decide(h.now, false)
	tally, _ := h.buf.Tally()
	require.NotZero(t, tally.Truncated)
	require.Equal(t, uint64(601)-tally.Truncated, tally.KeptSpans)
	require.True(t, h.out[601], "a span that matches a policy is buffered beyond the cap")
	h.checkConservation()
}

func TestBeyondTheByteCapAConditionIsHeldOnce(t *testing.T) {
	h := newHistory(t, 1, 68<<20, 0)
	h.buf.recording.traceBytesMax = 5000
	for range 30 {
		h.send(20, func() ([16]byte, uint64) { return traceID(5), bitKeep }, false)
	}
	h.send(1, func() ([16]byte, uint64) { return traceID(5), bitRescue }, false)
	h.decide(h.now, false)
	tally, _ := h.buf.Tally()
	require.Greater(t, tally.Truncated, uint64(400), "spans that all satisfy the same condition are no exception to the cap")
	require.True(t, h.out[601], "one that satisfies another is")
	h.checkConservation()
}

func TestNothingIsDecidedBeforeRematchingIsDone(t *testing.T) {
	h := newHistory(t, 1, 68<<20, 0)
	h.send(5, func() ([16]byte, uint64) { return traceID(h.rng.Uint64N(3)), 0 }, false)
	seen := 0
	h.buf.Rematch(1, func(_ int, r *Record, _ Chain) { seen += int(r.Spans) }, func() {
		require.Equal(t, 5, seen)
		require.False(t, h.buf.closing.TryLock())
	})
}
