package tracebuf

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// load fills requests of 256 spans of the given body size, of traces of perTrace spans each: whole, all spans of a trace
// follow each other in one request; scattered, a request has one span each of 256 traces, and the traces' next spans
// come in the following requests.
type load struct {
	batch     spanview.Batch
	bodySize  int
	perTrace  int
	scattered bool
	serial    uint64
}

func newLoad(bodySize, perTrace int, scattered bool) *load {
	l := &load{bodySize: bodySize, perTrace: perTrace, scattered: scattered}
	l.batch.Reset(&spanview.Schema{})
	l.batch.AddResource()
	l.batch.Scopes = append(l.batch.Scopes, spanview.Scope{})
	for i := range 256 {
		l.batch.AddSpan()
		s := &l.batch.Spans[i]
		s.Start, s.End, s.Kind = 1000, 2000, spanview.KindServer
		s.Raw = spanview.Extent{Offset: uint32(i * bodySize), Len: uint32(bodySize)}
	}
	return l
}

func (l *load) next() {
	for i := range l.batch.Spans {
		trace := l.serial/uint64(256)*uint64(256/l.perTrace) + uint64(i/l.perTrace)
		if l.scattered {
			trace = l.serial/uint64(256*l.perTrace)*256 + uint64(i)
		}
		id := &l.batch.Spans[i].TraceID
		binary.LittleEndian.PutUint64(id[:], trace*0x9E3779B97F4A7C15)
		binary.LittleEndian.PutUint64(id[8:], trace*0xD6E8FEB86659FD93)
	}
	l.serial += 256
}

type dropAll struct{ testPolicy }

func (dropAll) Decide(*Record) Verdict { return Verdict{} }
func (dropAll) Room() bool             { return true }

func (dropAll) Looks(*Record) bool { return false }
func (dropAll) Emit(*Closed)       {}

// BenchmarkRecord is the cost of a span in the buffer alone at a steady number of live traces: recorded, decided,
// expired and its slab used again.
func BenchmarkRecord(b *testing.B) {
	for _, shape := range []struct {
		name      string
		bodySize  int
		perTrace  int
		scattered bool
	}{{"whole", 480, 8, false}, {"scattered", 480, 8, true}, {"tiny", 60, 2, false}} {
		for _, live := range []int{10_000, 1_000_000, 10_000_000} {
			if live == 10_000_000 && shape.name != "tiny" {
				continue // the bodies alone would be 40 GB
			}
			b.Run(fmt.Sprintf("%s/live=%d", shape.name, live), func(b *testing.B) {
				benchmarkRecord(b, newLoad(shape.bodySize, shape.perTrace, shape.scattered), live)
			})
		}
	}
}

func benchmarkRecord(b *testing.B, l *load, live int) {
	buf, err := New(Settings{Budget: NewBudget(16 << 30), Shards: 8, DecisionsMax: 1_000_000, TraceBytesMax: 1 << 30, Judge: testPolicy{}})
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Close()
	w := buf.NewWriter()
	body := make([]byte, 256*l.bodySize)
	requestsHeld := int64(live * l.perTrace / 256) // the clock counts requests
	now := int64(1)
	step := func() {
		now++
		l.next()
		room, err := w.Reserve(len(body))
		if err == nil {
			copy(room, body)
			err = buf.Prepare(w, &l.batch)
		}
		if err != nil {
			b.Fatal(err)
		}
		buf.Record(w, &l.batch, now)
		if now%max(requestsHeld/100, 1) == 0 {
			buf.Decide(Round{Now: now, Due: now - requestsHeld}, dropAll{}, dropAll{})
			buf.Expire(now - requestsHeld)
		}
	}
	for range requestsHeld + requestsHeld/50 {
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/span")
	b.ReportMetric(float64(buf.budget.Total())/float64(live*l.perTrace), "B/held-span")
}
