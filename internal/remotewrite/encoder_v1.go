package remotewrite

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/prompb"
)

// Fields of prometheus.WriteRequest.
const (
	v1Timeseries = 1
	v1Metadata   = 3
)

type encoderV1 struct {
	body     []byte
	metadata bool
	// described holds the families whose metadata the body has.
	described map[string]struct{}

	// Reused for every series.
	series    prompb.TimeSeries
	labels    []prompb.Label
	samples   [1]prompb.Sample
	histogram [1]prompb.Histogram
}

func newEncoderV1(metadata bool) *encoderV1 {
	return &encoderV1{metadata: metadata, described: map[string]struct{}{}}
}

func (e *encoderV1) message() Message { return V1 }

func (e *encoderV1) size() int { return len(e.body) }

func (e *encoderV1) take() []byte {
	body := compress(e.body)
	e.body = e.body[:0]
	clear(e.described)
	return body
}

func (e *encoderV1) add(s *Series) {
	ts := &e.series
	*ts = prompb.TimeSeries{}
	e.labels = appendLabelsV1(e.labels[:0], s.Labels)
	ts.Labels = e.labels
	if s.Histogram != nil {
		e.histogram[0] = prompb.FromIntHistogram(s.Timestamp, s.Histogram)
		ts.Histograms = e.histogram[:]
	} else {
		e.samples[0] = prompb.Sample{Value: s.Value, Timestamp: s.Timestamp}
		ts.Samples = e.samples[:]
	}
	if s.Histogram != nil && len(s.Exemplars) > 0 {
		// Prometheus appends the exemplars of a 1.0 series before its histograms, and loses those of a series that is
		// new to it: they follow by themselves, as its own sender does it.
		e.append(ts)
		ts.Histograms = nil
	}
	for i := range s.Exemplars {
		x := &s.Exemplars[i]
		ts.Exemplars = append(ts.Exemplars, prompb.Exemplar{
			Labels: appendLabelsV1(nil, x.Labels), Value: x.Value, Timestamp: x.Timestamp,
		})
	}
	e.append(ts)
	if e.metadata && s.Metadata != (Metadata{}) {
		e.describe(s)
	}
}

func (e *encoderV1) append(ts *prompb.TimeSeries) {
	var field []byte
	e.body, field = appendField(e.body, v1Timeseries, ts.Size())
	_, _ = ts.MarshalToSizedBuffer(field)
}

// describe adds the metadata of the family, once a request.
func (e *encoderV1) describe(s *Series) {
	family := familyName(s)
	if _, ok := e.described[family]; ok {
		return
	}
	e.described[family] = struct{}{}
	md := prompb.MetricMetadata{
		Type:             prompb.FromMetadataType(s.Metadata.Type),
		MetricFamilyName: family,
		Help:             s.Metadata.Help,
		Unit:             s.Metadata.Unit,
	}
	var field []byte
	e.body, field = appendField(e.body, v1Metadata, md.Size())
	_, _ = md.MarshalToSizedBuffer(field)
}

func appendLabelsV1(dst []prompb.Label, labels []Label) []prompb.Label {
	for i := range labels {
		dst = append(dst, prompb.Label{Name: labels[i].Name, Value: labels[i].Value})
	}
	return dst
}

// familyName returns the metric family of a series: the name without the suffix that its kind of series carries.
func familyName(s *Series) string {
	var name string
	quantile := false
	for i := range s.Labels {
		switch s.Labels[i].Name {
		case model.MetricNameLabel:
			name = s.Labels[i].Value
		case model.QuantileLabel:
			quantile = true
		}
	}
	var suffixes []string
	switch {
	case s.Metadata.Type == model.MetricTypeHistogram && s.Histogram == nil:
		suffixes = []string{"_bucket", "_count", "_sum"}
	case s.Metadata.Type == model.MetricTypeSummary && !quantile:
		suffixes = []string{"_count", "_sum"}
	}
	for _, suffix := range suffixes {
		if family, ok := strings.CutSuffix(name, suffix); ok {
			return family
		}
	}
	return name
}
