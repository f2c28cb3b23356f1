package remotewrite

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
)

// Label is one name and value of a series or exemplar.
type Label struct {
	Name, Value string
}

// Metadata describes the metric family of a series.
type Metadata struct {
	Type model.MetricType
	Help string
	Unit string
}

// Exemplar is an example of what a sample counted.
type Exemplar struct {
	Labels    []Label // sorted by name
	Value     float64
	Timestamp int64 // Unix milliseconds
}

// Series is one time series with one sample: a float or a native histogram.
type Series struct {
	// Labels are sorted by name, without repeats and empty values; one of them is __name__.
	Labels   []Label
	Metadata Metadata

	Timestamp int64 // Unix milliseconds
	// Start is when a cumulative value began, in Unix milliseconds; 0 where unknown. Remote-Write 2.0 only.
	Start int64

	Value     float64              // used where Histogram is nil
	Histogram *histogram.Histogram // nil: a float sample

	Exemplars []Exemplar // in time order

	// Key chooses the shard. All series of one data point have the same key, and a series has the same one always.
	Key uint64
	// Points is how many OTLP data points this series stands for: 1 for the first series of a data point, 0 for the
	// others, and for what no data point stands behind (target_info).
	Points int
	// Differs is the place of a label, plus 1, where that label's value is all that tells the series' labels from those of
	// the one before in the payload, which has the same Key; 0 where that isn't known.
	Differs int
	// Info marks a series that repeats a constant about its target: a sample no newer than the one queued before
	// says nothing and is left out.
	Info bool
}

// Counts counts what a batch holds, by kind as Remote-Write 2.0 does.
type Counts struct {
	Samples, Histograms, Exemplars int
}

// sendable is how many samples and native histograms that is.
func (c Counts) sendable() int { return c.Samples + c.Histograms }

// Add returns the sum.
func (c Counts) Add(d Counts) Counts {
	return Counts{c.Samples + d.Samples, c.Histograms + d.Histograms, c.Exemplars + d.Exemplars}
}

// Sub returns the difference, no kind below zero.
func (c Counts) Sub(d Counts) Counts {
	return Counts{max(c.Samples-d.Samples, 0), max(c.Histograms-d.Histograms, 0), max(c.Exemplars-d.Exemplars, 0)}
}

// Min returns the smaller of each kind.
func (c Counts) Min(d Counts) Counts {
	return Counts{min(c.Samples, d.Samples), min(c.Histograms, d.Histograms), min(c.Exemplars, d.Exemplars)}
}

func (s *Series) counts() Counts {
	c := Counts{Exemplars: len(s.Exemplars)}
	if s.Histogram != nil {
		c.Histograms = 1
	} else {
		c.Samples = 1
	}
	return c
}

// What the fixed parts of a message take at most: tags, lengths, numbers, and the references of 2.0.
const (
	labelOverhead     = 24
	exemplarOverhead  = 40
	sampleOverhead    = 48
	histogramOverhead = 96
	bucketOverhead    = 10
	spanOverhead      = 16
	metadataOverhead  = 32
)

// sizeBound returns a number of bytes that the series never exceeds in either message, symbols and metadata included.
func (s *Series) sizeBound() int {
	labels := labelsBound(s.Labels)
	// 1.0 names the family in its metadata, and the family's name is no longer than all labels.
	n := sampleOverhead + labels + metadataOverhead + len(s.Metadata.Help) + len(s.Metadata.Unit) + labels
	for i := range s.Exemplars {
		n += exemplarOverhead + labelsBound(s.Exemplars[i].Labels)
	}
	if h := s.Histogram; h != nil {
		n += labels // again, where 1.0 has the exemplars by themselves
		if s.custom() {
			n += s.classicBound(labels)
		}
		n += histogramOverhead + bucketOverhead*(len(h.PositiveBuckets)+len(h.NegativeBuckets))
		n += spanOverhead*(len(h.PositiveSpans)+len(h.NegativeSpans)) + 9*len(h.CustomValues)
	}
	return n
}

func labelsBound(labels []Label) int {
	n := labelOverhead * len(labels)
	for i := range labels {
		n += len(labels[i].Name) + len(labels[i].Value)
	}
	return n
}
