package otlpsloreceiver

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// countingGate is a gate of a fixed size that remembers the most that was held.
type countingGate struct {
	max        int64
	used, most atomic.Int64
}

func (g *countingGate) TryAcquire(n int64) bool {
	if g.used.Load()+n > g.max {
		return false
	}
	used := g.used.Add(n)
	if used > g.most.Load() {
		g.most.Store(used)
	}
	return true
}

func (g *countingGate) Release(n int64) { g.used.Add(-n) }
func (g *countingGate) Max() int64      { return g.max }

func TestRoomIsGivenInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &inFlight{gate: &countingGate{max: 10}}
		first := reservation{from: f}
		require.NoError(t, first.grow(t.Context(), 8))
		var order []int
		var mu sync.Mutex
		for i, bytes := range []int64{5, 2, 3} {
			go func() {
				r := reservation{from: f}
				if r.grow(t.Context(), bytes) == nil {
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		require.Empty(t, order, "2 bytes are free, but another one waits already")
		first.shrink(4)
		synctest.Wait()
		require.Equal(t, []int{0}, order)
		first.shrink(2)
		synctest.Wait()
		require.Equal(t, []int{0, 1}, order)
		first.release()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
	})
}

func TestARequestWaitsALittleAndIsRefusedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &inFlight{gate: &countingGate{max: 10}}
		holder, r := reservation{from: f}, reservation{from: f}
		require.NoError(t, holder.grow(t.Context(), 10))
		began := time.Now()
		require.ErrorIs(t, r.grow(t.Context(), 1), errInFlightFull)
		require.Equal(t, patience, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), patience/2)
		defer cancel()
		err := r.grow(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		why, ok := reasonOf(err)
		require.True(t, ok)
		require.Equal(t, reasonNotReceived, why)
		require.Empty(t, f.waiting)
		holder.release()
		require.NoError(t, r.grow(t.Context(), 10), "who gave up holds nothing")
	})
}

func TestWhoGivesUpLetsTheNextOneIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &inFlight{gate: &countingGate{max: 10}}
		holder := reservation{from: f}
		require.NoError(t, holder.grow(t.Context(), 6))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			large := reservation{from: f}
			_ = large.grow(ctx, 8)
		}()
		synctest.Wait()
		got := make(chan error, 1)
		go func() {
			small := reservation{from: f}
			got <- small.grow(t.Context(), 4)
		}()
		synctest.Wait()
		cancel()
		require.NoError(t, <-got)
	})
}

func TestOnlySoManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &inFlight{gate: &countingGate{max: 1}}
		holder := reservation{from: f}
		require.NoError(t, holder.grow(t.Context(), 1))
		for range waitingMax {
			go func() {
				r := reservation{from: f}
				_ = r.grow(t.Context(), 1)
			}()
		}
		synctest.Wait()
		began := time.Now()
		r := reservation{from: f}
		require.ErrorIs(t, r.grow(t.Context(), 1), errInFlightFull)
		require.Zero(t, time.Since(began))
	})
}

func TestALargerRequestThanAllRoomIsReceivedAlone(t *testing.T) {
	g := &countingGate{max: 10}
	r := reservation{from: &inFlight{gate: g}}
	require.NoError(t, r.grow(t.Context(), 6))
	require.NoError(t, r.grow(t.Context(), 6))
	require.NoError(t, r.grow(t.Context(), 6))
	require.EqualValues(t, 10, g.used.Load())
	r.release()
	require.Zero(t, g.used.Load())
}

func TestConcurrentRequestsNeverHoldMoreThanTheGateHas(t *testing.T) {
	g := &countingGate{max: 100}
	f := &inFlight{gate: g}
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 200 {
				r := reservation{from: f}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
				if r.grow(ctx, 1+random.Int64N(50)) == nil && random.IntN(2) == 0 {
					_ = r.grow(ctx, 1+random.Int64N(80))
				}
				r.shrink(random.Int64N(20))
				r.release()
				cancel()
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, g.most.Load(), g.max)
	require.Zero(t, g.used.Load())
	require.Empty(t, f.waiting)
}
