package tracebuf

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// chainCounter takes traces and counts the spans that their chains have lost.
type chainCounter struct{ spans, lost int }

func (*chainCounter) Room() bool { return true }

func (*chainCounter) Looks(*Record) bool { return false }

func (e *chainCounter) Emit(c *Closed) {
	n := 0
	for _, ok := c.Chain.Next(); ok; _, ok = c.Chain.Next() {
		n++
	}
	e.spans += n
	e.lost += int(c.Spans) - n
}

// Every request fills a slab, so that a slab is sealed right after its only span was recorded, at times between the look
// for the oldest record and the recycling.
func TestSlabsSealedWhileTheHorizonIsLookedForStay(t *testing.T) {
	const requests = 400
	buf, err := New(Settings{Budget: NewBudget(1 << 30), Shards: 16, TraceBytesMax: 1 << 30, Judge: testPolicy{}})
	require.NoError(t, err)
	defer buf.Close()
	writer := buf.NewWriter()
	defer writer.Close()

	var recording sync.WaitGroup
	stopped := make(chan struct{})
	recording.Go(func() {
		defer close(stopped)
		var schema spanview.Schema
		var batch spanview.Batch
		for i := range uint64(requests) {
			batch.Reset(&schema)
			span := &batch.Spans[batch.AddSpan()]
			span.TraceID, span.Bits = traceID(i+1), bitKeep
			batch.AddResource()
			batch.Scopes = append(batch.Scopes, spanview.Scope{})
			_, err := writer.Reserve(slabSize * 3 / 4)
			for ; err != nil; _, err = writer.Reserve(slabSize * 3 / 4) {
			}
			if buf.Prepare(writer, &batch) != nil {
				writer.Rollback()
				continue
			}
			buf.Record(writer, &batch, int64(i))
		}
	})
	var out chainCounter
	for running := true; running; {
		select {
		case <-stopped:
			running = false
		default:
		}
		buf.Decide(Round{Due: math.MaxInt64}, testPolicy{}, &out)
		buf.Expire(math.MaxInt64)
	}
	recording.Wait()
	require.Positive(t, out.spans)
	require.Zero(t, out.lost)
}
