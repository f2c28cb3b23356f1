package remotewrite

import (
	"fmt"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// decode returns the series of a batch. It reads what an encoder of this package wrote: one sample a series.
func (b *Batch) decode() ([]Series, error) {
	body, err := s2.Decode(nil, b.Body)
	if err != nil {
		return nil, fmt.Errorf("cannot decompress the request: %w", err)
	}
	if b.Message == V2 {
		return decodeV2(body)
	}
	return decodeV1(body)
}

func decodeV1(body []byte) ([]Series, error) {
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("cannot decode the request: %w", err)
	}
	families := make(map[string]Metadata, len(req.Metadata))
	for _, md := range req.Metadata {
		families[md.MetricFamilyName] = Metadata{Type: typeV1(md.Type), Help: md.Help, Unit: md.Unit}
	}
	out := make([]Series, 0, len(req.Timeseries))
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		// Exemplars by themselves belong to the histogram before.
		if len(ts.Samples)+len(ts.Histograms) > 0 || len(out) == 0 {
			out = append(out, Series{Labels: labelsV1(ts.Labels)})
		}
		s := &out[len(out)-1]
		for _, sample := range ts.Samples {
			s.Timestamp, s.Value = sample.Timestamp, sample.Value
		}
		for _, h := range ts.Histograms {
			s.Timestamp, s.Histogram = h.Timestamp, h.ToIntHistogram()
		}
		if s.custom() {
			return nil, fmt.Errorf("cannot decode series %d: 1.0 has no custom buckets", i)
		}
		for _, x := range ts.Exemplars {
			s.Exemplars = append(s.Exemplars, Exemplar{Labels: labelsV1(x.Labels), Value: x.Value, Timestamp: x.Timestamp})
		}
		s.Metadata = familyOf(s, families)
	}
	return out, nil
}

// familyOf finds the metadata of a series by trying what its family may be called.
func familyOf(s *Series, families map[string]Metadata) Metadata {
	if len(families) == 0 {
		return Metadata{}
	}
	for _, t := range [...]model.MetricType{model.MetricTypeHistogram, model.MetricTypeSummary, model.MetricTypeUnknown} {
		s.Metadata.Type = t
		if md, ok := families[familyName(s)]; ok && (t == model.MetricTypeUnknown || md.Type == t) {
			return md
		}
	}
	return Metadata{}
}

// typeV1 relies on the names of the enum being model's in upper case, as prompb's own conversion does.
func typeV1(t prompb.MetricMetadata_MetricType) model.MetricType {
	return model.MetricType(strings.ToLower(t.String()))
}

func labelsV1(in []prompb.Label) []Label {
	out := make([]Label, len(in))
	for i, l := range in {
		out[i] = Label{Name: l.Name, Value: l.Value}
	}
	return out
}

func decodeV2(body []byte) ([]Series, error) {
	var req writev2.Request
	if err := req.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("cannot decode the request: %w", err)
	}
	b := labels.NewScratchBuilder(0)
	out := make([]Series, len(req.Timeseries))
	for i := range req.Timeseries {
		ts, s := &req.Timeseries[i], &out[i]
		ls, err := ts.ToLabels(&b, req.Symbols)
		if err != nil {
			return nil, fmt.Errorf("cannot decode the labels of series %d: %w", i, err)
		}
		s.Labels = labelsV2(ls)
		md, err := ts.ToMetadata(req.Symbols)
		if err != nil {
			return nil, fmt.Errorf("cannot decode the metadata of series %d: %w", i, err)
		}
		s.Metadata = Metadata{Type: md.Type, Help: md.Help, Unit: md.Unit}
		for _, sample := range ts.Samples {
			s.Timestamp, s.Start, s.Value = sample.Timestamp, sample.StartTimestamp, sample.Value
		}
		for _, h := range ts.Histograms {
			s.Timestamp, s.Start, s.Histogram = h.Timestamp, h.StartTimestamp, h.ToIntHistogram()
		}
		for _, x := range ts.Exemplars {
			e, err := x.ToExemplar(&b, req.Symbols)
			if err != nil {
				return nil, fmt.Errorf("cannot decode an exemplar of series %d: %w", i, err)
			}
			s.Exemplars = append(s.Exemplars, Exemplar{Labels: labelsV2(e.Labels), Value: e.Value, Timestamp: e.Ts})
		}
		// Where they become classic series nothing looks whether its buckets are right.
		if s.custom() {
			if err := s.Histogram.Validate(); err != nil {
				return nil, fmt.Errorf("cannot decode the histogram of series %d: %w", i, err)
			}
		}
	}
	return out, nil
}

func labelsV2(in labels.Labels) []Label {
	out := make([]Label, 0, in.Len())
	in.Range(func(l labels.Label) { out = append(out, Label{Name: l.Name, Value: l.Value}) })
	return out
}
