package sink

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// Series is what a remote-write sink knows of one series.
type Series struct {
	Labels map[string]string
	// Samples are all samples in the order in which they came, stale markers included.
	Samples   []Sample
	Exemplars []Exemplar
	// OutOfOrder counts samples older than one before, Repeated those of the same time.
	OutOfOrder, Repeated uint64
	newest               int64
}

// Sample is one sample of a series. Times are Unix milliseconds.
type Sample struct {
	Millis int64
	Value  float64
	// Histogram is set for a native histogram, Value is 0 then.
	Histogram *histogram.FloatHistogram
	// StartMillis is when the counter began, 0 where it was not said (always in 1.0).
	StartMillis int64
}

// Stale tells whether the sample is a stale marker.
func (s Sample) Stale() bool {
	if s.Histogram != nil {
		return value.IsStaleNaN(s.Histogram.Sum)
	}
	return value.IsStaleNaN(s.Value)
}

// Exemplar is one exemplar of a series.
type Exemplar struct {
	TraceID, SpanID string // hex, empty where it has none
	Value           float64
	Millis          int64
}

// Name is the series' metric name.
func (s *Series) Name() string { return s.Labels["__name__"] }

// Key writes the labels in order, as PromQL would.
func (s *Series) Key() string { return labelKey(s.Labels) }

// Last returns the newest sample that is no stale marker; false where there is none.
func (s *Series) Last() (Sample, bool) {
	for _, sample := range slices.Backward(s.Samples) {
		if !sample.Stale() {
			return sample, true
		}
	}
	return Sample{}, false
}

// Ended tells whether the series' last sample is a stale marker.
func (s *Series) Ended() bool {
	return len(s.Samples) > 0 && s.Samples[len(s.Samples)-1].Stale()
}

func (s *Series) add(sample Sample) (outOfOrder, repeated uint64) {
	switch {
	case len(s.Samples) == 0 || sample.Millis > s.newest:
		s.newest = sample.Millis
	case sample.Millis == s.newest:
		repeated = 1
	default:
		outOfOrder = 1
	}
	s.OutOfOrder += outOfOrder
	s.Repeated += repeated
	s.Samples = append(s.Samples, sample)
	return outOfOrder, repeated
}

func labelKey(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%s=%q,", name, labels[name])
	}
	return b.String()
}

// received is what one request held of one series.
type received struct {
	labels    map[string]string
	samples   []Sample
	exemplars []Exemplar
}

func decode1(body []byte) ([]received, map[string]Metadata, error) {
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return nil, nil, fmt.Errorf("cannot read a remote-write 1.0 request: %w", err)
	}
	out := make([]received, 0, len(req.Timeseries))
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		r := received{labels: make(map[string]string, len(ts.Labels))}
		for _, l := range ts.Labels {
			if _, twice := r.labels[l.Name]; twice {
				return nil, nil, fmt.Errorf("label %q occurs twice in a series", l.Name)
			}
			r.labels[l.Name] = l.Value
		}
		for _, s := range ts.Samples {
			r.samples = append(r.samples, Sample{Millis: s.Timestamp, Value: s.Value})
		}
		for i := range ts.Histograms {
			r.samples = append(r.samples, Sample{Millis: ts.Histograms[i].Timestamp, Histogram: ts.Histograms[i].ToFloatHistogram()})
		}
		for _, e := range ts.Exemplars {
			labels := map[string]string{}
			for _, l := range e.Labels {
				labels[l.Name] = l.Value
			}
			r.exemplars = append(r.exemplars, newExemplar(labels, e.Value, e.Timestamp))
		}
		out = append(out, r)
	}
	metadata := map[string]Metadata{}
	for _, m := range req.Metadata {
		metadata[m.MetricFamilyName] = Metadata{Type: strings.ToLower(m.Type.String()), Help: m.Help, Unit: m.Unit}
	}
	return out, metadata, nil
}

func decode2(body []byte) ([]received, map[string]Metadata, error) {
	var req writev2.Request
	if err := req.Unmarshal(body); err != nil {
		return nil, nil, fmt.Errorf("cannot read a remote-write 2.0 request: %w", err)
	}
	if len(req.Symbols) == 0 || req.Symbols[0] != "" {
		return nil, nil, fmt.Errorf("the first symbol must be empty")
	}
	out := make([]received, 0, len(req.Timeseries))
	metadata := map[string]Metadata{}
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		labels, err := symbolLabels(ts.LabelsRefs, req.Symbols)
		if err != nil {
			return nil, nil, err
		}
		r := received{labels: labels}
		for _, s := range ts.Samples {
			r.samples = append(r.samples, Sample{Millis: s.Timestamp, Value: s.Value, StartMillis: s.StartTimestamp})
		}
		for i := range ts.Histograms {
			h := &ts.Histograms[i]
			r.samples = append(r.samples, Sample{Millis: h.Timestamp, Histogram: h.ToFloatHistogram(), StartMillis: h.StartTimestamp})
		}
		for _, e := range ts.Exemplars {
			labels, err := symbolLabels(e.LabelsRefs, req.Symbols)
			if err != nil {
				return nil, nil, err
			}
			r.exemplars = append(r.exemplars, newExemplar(labels, e.Value, e.Timestamp))
		}
		m, err := ts.ToMetadata(req.Symbols)
		if err != nil {
			return nil, nil, err
		}
		metadata[labels["__name__"]] = Metadata{Type: string(m.Type), Help: m.Help, Unit: m.Unit}
		out = append(out, r)
	}
	return out, metadata, nil
}

func symbolLabels(refs []uint32, symbols []string) (map[string]string, error) {
	if len(refs)%2 != 0 {
		return nil, fmt.Errorf("%d label references are not pairs", len(refs))
	}
	labels := make(map[string]string, len(refs)/2)
	for i := 0; i < len(refs); i += 2 {
		if int(refs[i]) >= len(symbols) || int(refs[i+1]) >= len(symbols) {
			return nil, fmt.Errorf("a label refers to symbol %d of %d", max(refs[i], refs[i+1]), len(symbols))
		}
		name := symbols[refs[i]]
		if _, twice := labels[name]; twice {
			return nil, fmt.Errorf("label %q occurs twice in a series", name)
		}
		labels[name] = symbols[refs[i+1]]
	}
	return labels, nil
}

func newExemplar(labels map[string]string, v float64, millis int64) Exemplar {
	return Exemplar{TraceID: labels["trace_id"], SpanID: labels["span_id"], Value: v, Millis: millis}
}
