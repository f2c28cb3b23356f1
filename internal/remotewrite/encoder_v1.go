package remotewrite

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/prompb"
)

// Fields of prometheus.WriteRequest and of what it holds.
const (
	v1Timeseries = 1
	v1Metadata   = 3

	v1Labels     = 1
	v1Samples    = 2
	v1Exemplars  = 3
	v1Histograms = 4

	v1LabelName  = 1
	v1LabelValue = 2

	v1SampleValue     = 1
	v1SampleTimestamp = 2

	v1ExemplarLabels    = 1
	v1ExemplarValue     = 2
	v1ExemplarTimestamp = 3
)

// encoderV1 writes what the generated marshallers would, but without a copy of each series in their types.
type encoderV1 struct {
	body     []byte
	metadata bool
	// described holds the families whose metadata the body has.
	described map[string]struct{}
	scratch   *scratch

	// The labels of the series before begin here in the body, count of them; 0: there is none. timestamp is its time.
	labelsAt, count int
	timestamp       int64
}

func newEncoderV1(metadata bool, s *scratch) *encoderV1 {
	return &encoderV1{metadata: metadata, described: map[string]struct{}{}, scratch: s}
}

func (e *encoderV1) message() Message { return V1 }

func (e *encoderV1) size() int { return len(e.body) }

func (e *encoderV1) take() []byte {
	body := e.scratch.compress(e.body)
	e.reset()
	return body
}

func (e *encoderV1) reset() {
	e.body = e.body[:0]
	e.count = 0
	clear(e.described)
}

func (e *encoderV1) since(_, rest int) (newSymbols, newRest []byte) { return nil, e.body[rest:] }

func (e *encoderV1) add(s *Series) Counts {
	if s.custom() {
		return e.addClassic(s)
	}
	buf, at := beginField(e.body, v1Timeseries)
	buf = e.appendSeriesLabels(buf, s)
	if s.Histogram == nil {
		buf = appendSampleV1(buf, s)
	} else {
		if len(s.Exemplars) > 0 {
			// Prometheus appends the exemplars of a 1.0 series before its histograms, and loses those of a series that is
			// new to it: they follow by themselves, as its own sender does it.
			buf = endField(appendHistogramV1(buf, s), at)
			buf, at = beginField(buf, v1Timeseries)
			buf = appendLabelsV1(buf, v1Labels, s.Labels)
		} else {
			buf = appendHistogramV1(buf, s)
		}
	}
	for i := range s.Exemplars {
		buf = appendExemplarV1(buf, &s.Exemplars[i])
	}
	e.body = endField(buf, at)
	e.labelsAt, e.count = at+len(e.body)-len(buf), len(s.Labels) // what is longer than its field had room for is moved
	e.timestamp = s.Timestamp
	if e.metadata && s.Metadata != (Metadata{}) {
		e.describe(s)
	}
	return s.counts()
}

// appendSeriesLabels appends the labels of a series, by copying where they differ in one from those of the series before.
func (e *encoderV1) appendSeriesLabels(buf []byte, s *Series) []byte {
	if s.Differs == 0 || e.count != len(s.Labels) {
		return appendLabelsV1(buf, v1Labels, s.Labels)
	}
	before := e.body[e.labelsAt:]
	from := skipFields(before, s.Differs-1)
	to := from + skipFields(before[from:], 1)
	end := to + skipFields(before[to:], e.count-s.Differs)
	buf = append(buf, before[:from]...)
	buf = appendLabelsV1(buf, v1Labels, s.Labels[s.Differs-1:s.Differs])
	return append(buf, before[to:end]...)
}

func appendLabelsV1(buf []byte, field int, labels []Label) []byte {
	var at int
	for i := range labels {
		buf, at = beginField(buf, field)
		if name := labels[i].Name; name != "" {
			buf = appendString(buf, v1LabelName, name)
		}
		if value := labels[i].Value; value != "" {
			buf = appendString(buf, v1LabelValue, value)
		}
		buf = endField(buf, at)
	}
	return buf
}

func appendSampleV1(buf []byte, s *Series) []byte {
	buf, at := beginField(buf, v1Samples)
	buf = appendDouble(buf, v1SampleValue, s.Value)
	buf = appendVarint(buf, v1SampleTimestamp, uint64(s.Timestamp))
	return endField(buf, at)
}

func appendHistogramV1(buf []byte, s *Series) []byte {
	h := prompb.FromIntHistogram(s.Timestamp, s.Histogram)
	buf, field := appendField(buf, v1Histograms, h.Size())
	_, _ = h.MarshalToSizedBuffer(field)
	return buf
}

func appendExemplarV1(buf []byte, x *Exemplar) []byte {
	buf, at := beginField(buf, v1Exemplars)
	buf = appendLabelsV1(buf, v1ExemplarLabels, x.Labels)
	buf = appendDouble(buf, v1ExemplarValue, x.Value)
	buf = appendVarint(buf, v1ExemplarTimestamp, uint64(x.Timestamp))
	return endField(buf, at)
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
