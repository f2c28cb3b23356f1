package remotewrite

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/value"
)

// 1.0 has no place for native histograms with custom buckets: receivers drop them. In a 1.0 request they are the classic
// series that say the same.

// custom reports whether a series is a native histogram with custom buckets.
func (s *Series) custom() bool { return s.Histogram != nil && s.Histogram.UsesCustomBuckets() }

// classicOf makes the classic series of a valid native histogram with custom buckets: _count, _sum, and a _bucket for each
// bound and for +Inf, the last. An exemplar goes to the lowest bucket that counts it.
func classicOf(s *Series) []Series {
	h := s.Histogram
	stale := value.IsStaleNaN(h.Sum)
	out := make([]Series, 0, len(h.CustomValues)+3)
	add := func(suffix, le string, v float64) *Series {
		if stale {
			v = h.Sum
		}
		out = append(out, Series{
			Labels: classicLabels(s.Labels, suffix, le), Metadata: s.Metadata, Timestamp: s.Timestamp, Start: s.Start, Value: v, Key: s.Key,
		})
		return &out[len(out)-1]
	}
	add("_count", "", float64(h.Count)).Points = s.Points
	add("_sum", "", h.Sum)
	cumulative, lower := uint64(0), math.Inf(-1)
	counts := customCounts(s)
	for i, bound := range h.CustomValues {
		cumulative += counts[i]
		add("_bucket", strconv.FormatFloat(bound, 'f', -1, 64), float64(cumulative)).Exemplars = exemplarsWithin(s.Exemplars, lower, bound)
		lower = bound
	}
	add("_bucket", "+Inf", float64(h.Count)).Exemplars = exemplarsWithin(s.Exemplars, lower, math.Inf(1))
	return out
}

// classicLabels returns labels with a suffix on the name and le set, unless that is empty.
func classicLabels(labels []Label, suffix, le string) []Label {
	out := make([]Label, len(labels), len(labels)+1)
	copy(out, labels)
	for i := range out {
		if out[i].Name == model.MetricNameLabel {
			out[i].Value += suffix
		}
	}
	if le == "" {
		return out
	}
	byName := func(l Label, name string) int { return strings.Compare(l.Name, name) }
	at, found := slices.BinarySearchFunc(out, model.BucketLabel, byName)
	if !found {
		out = slices.Insert(out, at, Label{})
	}
	out[at] = Label{Name: model.BucketLabel, Value: le}
	return out
}

// customCounts returns the count of each bucket; the last is that above all bounds.
func customCounts(s *Series) []uint64 {
	h := s.Histogram
	counts := make([]uint64, len(h.CustomValues)+1)
	bucket, at, count := 0, 0, int64(0)
	for _, span := range h.PositiveSpans {
		bucket += int(span.Offset)
		for range span.Length {
			count += h.PositiveBuckets[at]
			counts[bucket] = uint64(count)
			bucket, at = bucket+1, at+1
		}
	}
	return counts
}

func exemplarsWithin(all []Exemplar, lower, upper float64) (within []Exemplar) {
	for i := range all {
		if all[i].Value > lower && all[i].Value <= upper {
			within = append(within, all[i])
		}
	}
	return within
}

// addClassic appends the classic series of a native histogram with custom buckets, unless they are what was appended last:
// the translator can send both, classic ones first.
func (e *encoderV1) addClassic(s *Series) (added Counts) {
	series := classicOf(s)
	if e.addedLast(&series[len(series)-1]) {
		return Counts{}
	}
	for i := range series {
		added = added.Add(e.add(&series[i]))
	}
	return added
}

// addedLast reports whether the series before has these labels and this time.
func (e *encoderV1) addedLast(s *Series) bool {
	return e.count == len(s.Labels) && e.timestamp == s.Timestamp &&
		bytes.HasPrefix(e.body[e.labelsAt:], appendLabelsV1(nil, v1Labels, s.Labels))
}

// classicBound returns a number of bytes that the classic series never exceed beyond what sizeBound counts for one series,
// whose labels take a number of bytes.
func (s *Series) classicBound(labels int) int {
	const parts = 3 // _count, _sum and the bucket +Inf
	n := parts * (sampleOverhead + labels + labelOverhead + len("_bucket") + len("le+Inf"))
	for _, bound := range s.Histogram.CustomValues {
		n += sampleOverhead + labels + labelOverhead + len("_bucket") + len("le") + boundLength(bound)
	}
	return n
}

// boundLength returns a number of bytes that a bound never exceeds as text.
func boundLength(bound float64) int {
	if v := math.Abs(bound); v == 0 || v >= 1e-6 && v < 1e21 {
		return 32
	}
	return 352 // all digits of the smallest and largest numbers
}
