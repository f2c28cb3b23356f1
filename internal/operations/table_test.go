package operations

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// find looks an operation up as a batch of one span.
func find(l *Lane, hash uint64) (number uint32, fresh bool) {
	l.Begin()
	defer l.End()
	number, fresh = l.Find(hash)
	l.Note(number, 0)
	return number, fresh
}

// model is a table that keeps what was seen when, and no more.
type model struct {
	max      int
	seen     map[uint64]int64
	overflow uint64
}

func (m *model) find(hash uint64, now int64) bool {
	if _, there := m.seen[hash]; !there && len(m.seen) >= m.max {
		m.overflow++
		return false
	}
	m.seen[hash] = now
	return true
}

func (m *model) sweep(now int64) {
	if len(m.seen) < m.max {
		return
	}
	for hash, at := range m.seen {
		if now-at >= forgetMs {
			delete(m.seen, hash)
		}
	}
}

func TestATableKnowsWhatTheModelKnows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	forgotten := 0
	for range 60 {
		limit := 1 + rng.IntN(600)
		table := NewTable(Options{Max: limit})
		m := model{max: limit, seen: map[uint64]int64{}}
		lanes := []*Lane{table.NewLane(), table.NewLane(), table.NewLane()}
		numbers := map[uint64]uint32{} // of what is known
		now := int64(1)
		table.Tick(now, nil)
		for range 60 {
			base := rng.Uint64N(2000)
			for range rng.IntN(300) {
				hash := table.Hash(fmt.Sprint(base + rng.Uint64N(uint64(limit))))
				known := m.find(hash, now)
				number, _ := find(lanes[rng.IntN(len(lanes))], hash)
				require.Equal(t, known, number != 0)
				if !known {
					continue
				}
				if before, there := numbers[hash]; there {
					require.Equal(t, before, number, "a number stays")
				}
				numbers[hash] = number
			}
			now += 60_000 + rng.Int64N(forgetMs/2)
			if rng.IntN(10) == 0 {
				now += forgetMs
			}
			before := len(m.seen)
			m.sweep(now)
			forgotten += before - len(m.seen)
			table.Tick(now, nil)
			taken := map[uint32]bool{}
			for hash, number := range numbers {
				if _, there := m.seen[hash]; !there {
					delete(numbers, hash)
					continue
				}
				require.False(t, taken[number], "two have one number")
				taken[number] = true
			}
			require.Equal(t, Stats{Known: len(m.seen), Overflow: m.overflow}, table.Stats())
			require.LessOrEqual(t, len(table.entries), limit+1)
		}
	}
	assert.Greater(t, forgotten, 1000)
}

func TestWhatIsInALogCountsAsSeen(t *testing.T) {
	table := NewTable(Options{Max: 1})
	l := table.NewLane()
	table.Tick(1, nil)
	find(l, 5)
	table.Tick(forgetMs-1, nil)
	find(l, 5)
	table.Tick(forgetMs-1+sweepMs, nil)
	number, _ := find(l, 5)
	assert.Equal(t, uint32(1), number)
	number, _ = find(l, 6)
	assert.Zero(t, number)
}

func TestTheFirstTracesAreThoseOfAnyLane(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for range 200 {
		first := 1 + rng.IntN(5)
		table := NewTable(Options{Max: 100, FirstTraces: first})
		lanes := []*Lane{table.NewLane(), table.NewLane()}
		var traces [][16]byte // of one operation, in order
		for range 100 {
			id := [16]byte{byte(rng.IntN(12))}
			place := -1
			for i, other := range traces {
				if other == id {
					place = i
				}
			}
			if place < 0 {
				place = len(traces)
				traces = append(traces, id)
			}
			l := lanes[rng.IntN(2)]
			l.Begin()
			number, fresh := l.Find(77)
			got := -1
			if fresh {
				got, _ = l.Place(77, number, &id)
			}
			l.End()
			if len(traces) > first { // all is known
				require.Contains(t, []int{-1, place}, got)
				require.Less(t, got, first)
				continue
			}
			require.Equal(t, place, got)
		}
		for _, l := range lanes {
			_, fresh := find(l, 77)
			l.Place(77, 1, &[16]byte{99})
			_, again := find(l, 77)
			require.False(t, again, "it was %v", fresh)
		}
		require.Empty(t, table.entries[1].first)
	}
}

func TestAFullTableStillTellsOtherLanesWhatIsFresh(t *testing.T) {
	table := NewTable(Options{Max: 1, FirstTraces: 2})
	one, other := table.NewLane(), table.NewLane()
	number, _ := find(one, 5)
	place, _ := one.Place(5, number, &[16]byte{1})
	assert.Zero(t, place)
	number, fresh := find(other, 5)
	assert.True(t, fresh)
	place, _ = other.Place(5, number, &[16]byte{2})
	assert.Equal(t, 1, place)
	number, _ = find(other, 6)
	assert.Zero(t, number)
}

func TestALaneAsksTheTableOnceAnOperation(t *testing.T) {
	table := NewTable(Options{Max: 5000})
	l := table.NewLane()
	rng := rand.New(rand.NewPCG(4, 1))
	hashes := make([]uint64, 3000)
	for i := range hashes {
		hashes[i] = rng.Uint64()<<20 | 1 // many share a place
		find(l, hashes[i])
	}
	held := map[uint64]uint32{}
	for _, s := range l.slots {
		if s.hash != 0 {
			held[s.hash] = s.number
		}
	}
	require.Len(t, held, len(hashes))
	require.Equal(t, len(hashes), l.used)
	for _, hash := range hashes[:100] { // 3000 in one chain
		number, _ := find(l, hash)
		require.Equal(t, held[hash], number)
		require.Equal(t, table.index[hash], number)
	}
}

func TestAgeIsThatOfTheTableWhenTheOperationCame(t *testing.T) {
	table := NewTable(Options{Max: 10, FirstTraces: 3})
	l := table.NewLane()
	age := func(hash uint64) int64 {
		number, _ := find(l, hash)
		_, age := l.Place(hash, number, &[16]byte{})
		return age
	}
	assert.Zero(t, age(1), "before the first tick")
	table.Tick(1000, nil)
	assert.Zero(t, age(1))
	assert.Zero(t, age(2))
	table.Tick(1500, nil)
	assert.Equal(t, int64(500), age(3))
	assert.Zero(t, age(2))
}

func TestATableThatIsConfiguredAnewMakesNothingNew(t *testing.T) {
	table := NewTable(Options{Max: 3})
	l := table.NewLane()
	find(l, 1)
	table.Configure(Options{Max: 4, FirstTraces: 2}, nil)
	_, fresh := find(l, 1)
	assert.False(t, fresh)
	_, fresh = find(table.NewLane(), 1)
	assert.False(t, fresh)
	number, fresh := find(l, 2)
	assert.True(t, fresh)
	place, _ := l.Place(2, number, &[16]byte{1})
	assert.Zero(t, place)

	table.Configure(Options{Max: 4, FirstTraces: 1}, nil)
	place, _ = l.Place(2, number, &[16]byte{2})
	assert.Equal(t, -1, place, "its first trace came")

	table.Configure(Options{Max: 2}, nil)
	number, _ = find(l, 3)
	assert.Zero(t, number)
	table.Configure(Options{Max: 3, Durations: true}, nil)
	number, _ = find(l, 3)
	assert.NotZero(t, number)
	number, _ = find(l, 1)
	assert.NotZero(t, number, "what is known stays known")
}

func TestLimitsAreDrawnFromAllLanesWeightHalvedEachMinute(t *testing.T) {
	table := NewTable(Options{Max: 10, Durations: true})
	limit := NewLimit(LimitRule{Quantile: 0.5, Factor: 2, Floor: 1000, MinCount: 100}, 10)
	floor := NewLimit(LimitRule{Quantile: 0.5, Factor: 1, Floor: 90_000_000, MinCount: 100}, 10)
	limits := []*Limit{limit, floor}
	lanes := []*Lane{table.NewLane(), table.NewLane()}
	note := func(hash, duration uint64, times int) uint32 {
		var number uint32
		for i := range times {
			l := lanes[i%2]
			l.Begin()
			number, _ = l.Find(hash)
			l.Note(number, duration)
			l.End()
		}
		return number
	}
	const duration = 10_000_000
	often := note(1, duration, 10_000)
	seldom := note(2, duration, 99)
	assert.False(t, limit.Reached(often, 1<<60), "before a tick")
	table.Tick(1, limits)
	from, to := bounds(int(bucketOf(duration)))
	half := float64(from+to) / 2
	assert.False(t, limit.Reached(often, uint64(2*half)), "not above it")
	assert.True(t, limit.Reached(often, uint64(2*half)+1))
	assert.False(t, floor.Reached(often, 89_999_999))
	assert.True(t, floor.Reached(often, 90_000_000))
	assert.False(t, limit.Reached(seldom, 1<<60))
	assert.False(t, limit.Reached(0, 1<<60))
	assert.False(t, limit.Reached(9999, 1<<60))

	note(2, duration, 2)
	assert.False(t, limit.Reached(seldom, 1<<60))
	table.Tick(2, limits)
	assert.False(t, limit.Reached(seldom, 1<<60), "only every five seconds")
	table.Tick(1+tickMs, limits)
	assert.False(t, limit.Reached(seldom, 1<<60), "99 that are five seconds old weigh less than 98")
	note(2, duration, 20)
	table.Tick(1+2*tickMs, limits)
	assert.True(t, limit.Reached(seldom, 1<<60))
	note(2, duration, 1900)
	table.Tick(1+3*tickMs, limits)
	total := table.entries[seldom].durations.total
	assert.InDelta(t, 1900, total, 100)
	for i := range 3 {
		table.Tick(int64(1+3*tickMs+(i+1)*halfLifeMs), limits)
		total /= 2
		assert.InEpsilon(t, total, table.entries[seldom].durations.total, 0.001)
	}
	table.Tick(1+3*tickMs+4*halfLifeMs, limits)
	assert.True(t, limit.Reached(seldom, 1<<60))
	table.Tick(1+3*tickMs+5*halfLifeMs, limits)
	assert.False(t, limit.Reached(seldom, 1<<60))

	late := NewLimit(limit.rule, 10)
	table.Tick(1+3*tickMs+5*halfLifeMs+1, []*Limit{late})
	assert.True(t, late.Reached(often, 1<<60), "a limit that is new is not waited with")
}

func TestAForgottenOperationLeavesNoLimit(t *testing.T) {
	table := NewTable(Options{Max: 1, Durations: true})
	limits := []*Limit{NewLimit(LimitRule{Quantile: 0.5, Factor: 1, MinCount: 0.5}, 1)}
	l := table.NewLane()
	table.Tick(1, limits)
	number, _ := find(l, 1)
	table.Tick(1+tickMs, limits)
	assert.True(t, limits[0].Reached(number, 1<<60))
	table.Tick(1+tickMs+forgetMs, limits)
	next, _ := find(l, 2)
	assert.Equal(t, number, next)
	assert.False(t, limits[0].Reached(next, 1<<60))
}

func TestLanesAndTicksAtOnce(t *testing.T) {
	table := NewTable(Options{Max: 500, Durations: true, FirstTraces: 2})
	limits := []*Limit{NewLimit(LimitRule{Quantile: 0.9, Factor: 1, MinCount: 1}, 500)}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var ticks sync.WaitGroup
	ticks.Go(func() {
		for now := int64(1); ; now += forgetMs/2 + 1 {
			select {
			case <-stop:
				return
			default:
				table.Tick(now, limits)
				table.Stats()
				table.Bytes()
				table.Configure(Options{Max: 400 + int(now%2)*100, Durations: true, FirstTraces: 2}, nil)
			}
		}
	})
	for worker := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(worker)))
			l := table.NewLane()
			for batch := range 500 {
				l.Begin()
				for range 100 {
					hash := Join(uint64(batch/20), rng.Uint64N(400))
					number, fresh := l.Find(hash)
					if fresh {
						l.Place(hash, number, &[16]byte{byte(rng.IntN(5))})
					}
					l.Note(number, rng.Uint64N(1e9))
					limits[0].Reached(number, 5)
					again, _ := l.Find(hash)
					if again != number {
						t.Error("a number is good until the end of a batch")
					}
				}
				l.End()
			}
		})
	}
	wg.Wait()
	close(stop)
	ticks.Wait()
	assert.LessOrEqual(t, table.Stats().Known, 500)
}

func TestFindingAndNotingAllocateNothing(t *testing.T) {
	table := NewTable(Options{Max: 100, Durations: true, FirstTraces: 1})
	limits := []*Limit{NewLimit(LimitRule{Quantile: 0.9, Factor: 1, MinCount: 1}, 100)}
	l := table.NewLane()
	now := int64(1)
	work := func() {
		l.Begin()
		for i := range 10_000 {
			number, fresh := l.Find(uint64(1 + i%200)) // half of them find no room
			if fresh {
				l.Place(uint64(1+i%200), number, &[16]byte{byte(i % 3)})
			}
			l.Note(number, uint64(i)*1000)
		}
		l.End()
		now += tickMs
		table.Tick(now, limits)
	}
	work()
	assert.Zero(t, testing.AllocsPerRun(20, work))
}
