package translate

import (
	"slices"

	"github.com/prometheus/common/model"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// current is the series that the buffer was asked for last.
type current struct {
	series remotewrite.Series
	labels []remotewrite.Label
	index  int // of series
	point  int32
	bucket bool // series is one of the point's
	at     int  // of the bound in labels
}

func (c *current) forget() {
	clear(c.labels)
	*c = current{labels: c.labels[:0]}
}

// Len returns the number of series.
func (b *Buffer) Len() int { return len(b.samples) }

// Key returns the key of a series.
func (b *Buffer) Key(i int) uint64 { return b.placed[b.samples[i].point].key }

// At returns a series. It is valid until the next call, and holds strings of the payload.
func (b *Buffer) At(i int) *remotewrite.Series {
	s, c := &b.samples[i], &b.current
	if c.bucket && s.part == partBucket && s.point == c.point {
		c.labels[c.at].Value = s.text
		c.series.Differs = 0
		if i == c.index+1 {
			c.series.Differs = c.at + 1
		}
	} else {
		b.enterSeries(s)
	}
	c.index = i
	c.series.Value, c.series.Histogram = s.value, s.histogram
	c.series.Exemplars = b.exemplars[s.exemplars.from:s.exemplars.to:s.exemplars.to]
	if len(c.series.Exemplars) == 0 {
		c.series.Exemplars = nil
	}
	c.series.Points = 0
	if s.first && !c.series.Info {
		c.series.Points = 1
	}
	return &c.series
}

// enterSeries makes what the next bucket of the point may have in common with a series.
func (b *Buffer) enterSeries(s *sample) {
	c, p := &b.current, &b.placed[s.point]
	f := &b.families[p.family]
	name, extra := f.seriesName(s.part), ""
	switch s.part {
	case partBucket:
		extra = model.BucketLabel
	case partQuantile:
		extra = model.QuantileLabel
	}
	c.labels, c.at = appendLabels(c.labels[:0], b.arena[p.labels.from:p.labels.to], name, remotewrite.Label{Name: extra, Value: s.text})
	c.point, c.bucket = s.point, s.part == partBucket
	c.series = remotewrite.Series{
		Labels: c.labels, Metadata: f.meta, Timestamp: p.timestamp, Start: p.start, Key: p.key, Info: p.info,
	}
	if s.part == partQuantile {
		c.series.Start = 0 // quantiles don't accumulate
	}
}

// appendLabels appends labels with the name, and extra where that has a name, in their places. They win over labels of
// their name. It returns the place of extra too.
func appendLabels(dst, labels []remotewrite.Label, name string, extra remotewrite.Label) (_ []remotewrite.Label, at int) {
	added := [2]remotewrite.Label{{Name: model.MetricNameLabel, Value: name}, extra}
	next := added[:]
	if extra.Name == "" {
		next = added[:1]
	} else if extra.Name < model.MetricNameLabel {
		added[0], added[1] = added[1], added[0]
	}
	for _, l := range next {
		n, found := slices.BinarySearchFunc(labels, l, byName)
		dst = append(dst, labels[:n]...)
		if l.Name == extra.Name {
			at = len(dst)
		}
		dst = append(dst, l)
		if found {
			n++
		}
		labels = labels[n:]
	}
	return append(dst, labels...), at
}

// makeSeries makes all series at once.
func (b *Buffer) makeSeries() {
	b.Series = slices.Grow(b.Series, len(b.samples))
	for i := range b.samples {
		s := *b.At(i)
		from := len(b.made)
		b.made = append(b.made, s.Labels...)
		s.Labels = b.made[from:len(b.made):len(b.made)]
		b.Series = append(b.Series, s)
	}
}
