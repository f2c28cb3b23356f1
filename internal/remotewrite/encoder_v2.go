package remotewrite

import (
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// Fields of io.prometheus.write.v2.Request.
const (
	v2Symbols    = 4
	v2Timeseries = 5
)

type encoderV2 struct {
	// symbols holds field 4, timeseries field 5. They are apart because both grow, and receivers that decode as they
	// read want all symbols first.
	symbols    []byte
	timeseries []byte
	refs       map[string]uint32

	// last and lastRefs are the series before: neighbours share most labels, and comparing is cheaper than looking up.
	last     []Label
	lastRefs []uint32

	// Reused for every series.
	series     writev2.TimeSeries
	labelsRefs []uint32
	samples    [1]writev2.Sample
	histogram  [1]writev2.Histogram
}

func newEncoderV2() *encoderV2 {
	e := &encoderV2{refs: map[string]uint32{}}
	e.ref("") // symbol 0 is the empty string
	return e
}

func (e *encoderV2) message() Message { return V2 }

func (e *encoderV2) size() int { return len(e.symbols) + len(e.timeseries) }

func (e *encoderV2) take() []byte {
	e.symbols = append(e.symbols, e.timeseries...)
	body := compress(e.symbols)
	e.symbols, e.timeseries = e.symbols[:0], e.timeseries[:0]
	clear(e.refs)
	// last holds strings of the series before, no longer in the table.
	clear(e.last)
	e.last, e.lastRefs = e.last[:0], e.lastRefs[:0]
	e.ref("")
	return body
}

func (e *encoderV2) add(s *Series) {
	ts := &e.series
	*ts = writev2.TimeSeries{}
	e.labelsRefs = e.appendSeriesRefs(e.labelsRefs[:0], s.Labels)
	ts.LabelsRefs = e.labelsRefs
	if s.Histogram != nil {
		e.histogram[0] = writev2.FromIntHistogram(s.Start, s.Timestamp, s.Histogram)
		ts.Histograms = e.histogram[:]
	} else {
		e.samples[0] = writev2.Sample{Value: s.Value, Timestamp: s.Timestamp, StartTimestamp: s.Start}
		ts.Samples = e.samples[:]
	}
	for i := range s.Exemplars {
		x := &s.Exemplars[i]
		ts.Exemplars = append(ts.Exemplars, writev2.Exemplar{
			LabelsRefs: e.appendRefs(nil, x.Labels), Value: x.Value, Timestamp: x.Timestamp,
		})
	}
	ts.Metadata = writev2.Metadata{
		Type:    writev2.FromMetadataType(s.Metadata.Type),
		HelpRef: e.ref(s.Metadata.Help),
		UnitRef: e.ref(s.Metadata.Unit),
	}
	var field []byte
	e.timeseries, field = appendField(e.timeseries, v2Timeseries, ts.Size())
	_, _ = ts.OptimizedMarshalToSizedBuffer(field)
}

// appendSeriesRefs appends the references of a series' labels, and remembers both for the next series.
func (e *encoderV2) appendSeriesRefs(dst []uint32, labels []Label) []uint32 {
	at := 0
	for i := range labels {
		for at < len(e.last) && e.last[at].Name < labels[i].Name {
			at++
		}
		switch {
		case at == len(e.last) || e.last[at].Name != labels[i].Name:
			dst = append(dst, e.ref(labels[i].Name), e.ref(labels[i].Value))
		case e.last[at].Value != labels[i].Value:
			dst = append(dst, e.lastRefs[2*at], e.ref(labels[i].Value))
		default:
			dst = append(dst, e.lastRefs[2*at], e.lastRefs[2*at+1])
		}
	}
	e.last = append(e.last[:0], labels...)
	e.lastRefs = append(e.lastRefs[:0], dst...)
	return dst
}

func (e *encoderV2) appendRefs(dst []uint32, labels []Label) []uint32 {
	for i := range labels {
		dst = append(dst, e.ref(labels[i].Name), e.ref(labels[i].Value))
	}
	return dst
}

// ref returns the number of a symbol, a new one where the request doesn't have it yet.
func (e *encoderV2) ref(s string) uint32 {
	if ref, ok := e.refs[s]; ok {
		return ref
	}
	ref := uint32(len(e.refs))
	e.refs[s] = ref
	var field []byte
	e.symbols, field = appendField(e.symbols, v2Symbols, len(s))
	copy(field, s)
	return ref
}
