package operations

import "math/bits"

// Durations are counted in buckets, 8 of equal width in each octave from 2^10 ns (about 1 us) to 2^40 ns (about 18 min), one below
// and one above.
const (
	octaveFirst = 10
	octaveLast  = 39
	perOctave   = 8
	buckets     = 2 + (octaveLast-octaveFirst+1)*perOctave
)

// bucketOf returns the bucket of a duration in nanoseconds.
func bucketOf(d uint64) uint8 {
	octave := bits.Len64(d) - 1
	switch {
	case octave < octaveFirst:
		return 0
	case octave > octaveLast:
		return buckets - 1
	}
	return uint8(1 + (octave-octaveFirst)*perOctave + int(d>>(octave-3)&(perOctave-1)))
}

// bounds returns the least duration of a bucket, and of the next one. The last bucket has no width.
func bounds(bucket int) (from, to uint64) {
	switch bucket {
	case 0:
		return 0, 1 << octaveFirst
	case buckets - 1:
		return 1 << (octaveLast + 1), 1 << (octaveLast + 1)
	}
	octave, eighth := (bucket-1)/perOctave+octaveFirst, uint64((bucket-1)%perOctave)
	width := uint64(1) << (octave - 3)
	from = 1<<octave + eighth*width
	return from, from + width
}

// heavy is the weight at which a histogram is halved before its time: beyond 2^24 a float32 can't count any more.
const heavy = 1 << 22

// histogram is the durations of one operation, each with a weight that was 1 when it came.
type histogram struct {
	weights [buckets]float32
	total   float32
}

func (h *histogram) add(bucket uint8) {
	h.weights[bucket]++
	h.total++
	if h.total >= heavy {
		h.decay(0.5)
	}
}

// negligible is the weight that counts as none: numbers next to zero are slow to calculate with.
const negligible = 1e-6

func (h *histogram) decay(factor float32) {
	h.total = 0
	for i, w := range h.weights {
		if w == 0 {
			continue
		}
		if w *= factor; w < negligible {
			w = 0
		}
		h.weights[i] = w
		h.total += w
	}
}

// quantile returns the duration in nanoseconds that a share q of the weight lies below, as if durations were spread evenly
// within each bucket. Of an empty histogram it is 0.
func (h *histogram) quantile(q float64) float64 {
	rank, below := q*float64(h.total), 0.0
	last := 0.0
	for i, w := range h.weights {
		if w == 0 {
			continue
		}
		from, to := bounds(i)
		if weight := float64(w); below+weight >= rank {
			return float64(from) + float64(to-from)*max(rank-below, 0)/weight
		}
		below += float64(w)
		last = float64(to)
	}
	return last // rounding left the rank a little above the sum
}
