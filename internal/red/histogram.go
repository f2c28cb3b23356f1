package red

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/lightstep/go-expohisto/structure"
)

// A cell is what is counted of one series: calls, the sum of durations in nanoseconds (two words, low first: a few spans
// without a start time overflow one), and the explicit histogram's buckets. A family without durations has calls only.
const (
	cellCalls = iota
	cellSumLow
	cellSumHigh
	cellBuckets
)

func addDuration(cell []uint64, nanos uint64) {
	var carry uint64
	cell[cellSumLow], carry = bits.Add64(cell[cellSumLow], nanos, 0)
	cell[cellSumHigh] += carry
}

// addCell adds a cell to another of the same family.
func addCell(total, cell []uint64) {
	total[cellCalls] += cell[cellCalls]
	if len(cell) == 1 {
		return
	}
	addDuration(total, cell[cellSumLow])
	total[cellSumHigh] += cell[cellSumHigh]
	for i := cellBuckets; i < len(cell); i++ {
		total[i] += cell[i]
	}
}

// bounds are the upper bounds of an explicit histogram.
type bounds struct {
	nanos []uint64
	// first is, by the number of a duration's bits, the first bucket that such a duration can be in: what is left to search
	// is the bounds within one power of two, window of them at most.
	first  [65]uint16
	window int
	// padded are the bounds and behind them a window that no duration passes.
	padded []uint64
	// unit are the bounds in the metric's unit.
	unit []float64
}

func newBounds(buckets []time.Duration, unit float64) *bounds {
	b := &bounds{window: 1}
	for _, d := range buckets {
		b.nanos = append(b.nanos, uint64(d))
		b.unit = append(b.unit, float64(d)/unit)
	}
	for n := range b.first {
		smallest := uint64(0)
		if n > 0 {
			b.first[n] = b.first[n-1]
			smallest = 1 << (n - 1)
		}
		for int(b.first[n]) < len(b.nanos) && b.nanos[b.first[n]] < smallest {
			b.first[n]++
		}
		if n > 0 {
			b.window = max(b.window, int(b.first[n]-b.first[n-1]))
		}
	}
	b.window = max(b.window, len(b.nanos)-int(b.first[64]))
	b.padded = slices.Clone(b.nanos)
	for range b.window {
		b.padded = append(b.padded, math.MaxUint64)
	}
	return b
}

// bucket returns the index of the bucket a duration lies in: the first whose bound is not below it, len(nanos) where none
// is. It does not branch on the duration, since no processor could guess it.
func (b *bounds) bucket(nanos uint64) int {
	i, n := uint64(b.first[bits.Len64(nanos)]), b.window
	for n > 1 {
		half := n / 2
		_, below := bits.Sub64(b.padded[i+uint64(half)-1], nanos, 0)
		i += uint64(half) & -below
		n -= half
	}
	_, below := bits.Sub64(b.padded[i], nanos, 0)
	return int(i + below)
}

// nanosPerUnit returns how many nanoseconds the metric's unit has.
func nanosPerUnit(unit string) float64 {
	if unit == UnitSeconds {
		return float64(time.Second)
	}
	return float64(time.Millisecond)
}

// sumOf returns a cell's sum of durations in the metric's unit, converted once.
func sumOf(cell []uint64, unit float64) float64 {
	nanos := float64(cell[cellSumLow])
	if high := cell[cellSumHigh]; high != 0 {
		nanos += math.Ldexp(float64(high), 64)
	}
	return nanos / unit
}

// addHistogram adds an exponential histogram to another. The library's merge takes one without buckets for one of scale 0
// and would scale the other down to it.
func addHistogram(total, h *structure.Float64) {
	if h.Count() == h.ZeroCount() {
		if h.Count() > 0 {
			total.UpdateByIncr(0, h.Count())
		}
		return
	}
	if total.Count() == total.ZeroCount() {
		zeros := total.ZeroCount()
		total.Clear()
		total.MergeFrom(h)
		if zeros > 0 {
			total.UpdateByIncr(0, zeros)
		}
		return
	}
	total.MergeFrom(h)
}
