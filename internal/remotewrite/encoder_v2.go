package remotewrite

import (
	"encoding/binary"

	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// Fields of io.prometheus.write.v2.Request and of what it holds.
const (
	v2Symbols    = 4
	v2Timeseries = 5

	v2LabelsRefs = 1
	v2Samples    = 2
	v2Histograms = 3
	v2Exemplars  = 4
	v2Metadata   = 5

	v2SampleValue     = 1
	v2SampleTimestamp = 2
	v2SampleStart     = 3

	v2ExemplarLabelsRefs = 1
	v2ExemplarValue      = 2
	v2ExemplarTimestamp  = 3

	v2MetadataType = 1
	v2MetadataHelp = 3
	v2MetadataUnit = 4
)

// encoderV2 writes what the generated marshallers would, but without a copy of each series in their types.
type encoderV2 struct {
	// symbols holds field 4, timeseries field 5. They are apart because both grow, and receivers that decode as they
	// read want all symbols first.
	symbols    []byte
	timeseries []byte
	refs       map[string]uint32

	// last and lastRefs are the series before: neighbours share most labels, and comparing is cheaper than looking up.
	last     []Label
	lastRefs []uint32

	refsOf  []uint32 // scratch: references of a series' or exemplar's labels
	scratch *scratch
}

func newEncoderV2(s *scratch) *encoderV2 {
	e := &encoderV2{refs: map[string]uint32{}, scratch: s}
	e.ref("") // symbol 0 is the empty string
	return e
}

func (e *encoderV2) message() Message { return V2 }

func (e *encoderV2) size() int { return len(e.symbols) + len(e.timeseries) }

func (e *encoderV2) take() []byte {
	e.symbols = append(e.symbols, e.timeseries...)
	body := e.scratch.compress(e.symbols)
	e.symbols, e.timeseries = e.symbols[:0], e.timeseries[:0]
	clear(e.refs)
	// last holds strings of the series before, no longer in the table.
	clear(e.last)
	e.last, e.lastRefs = e.last[:0], e.lastRefs[:0]
	e.ref("")
	return body
}

func (e *encoderV2) add(s *Series) {
	// The order in which symbols get their numbers: labels, exemplars, metadata.
	buf, at := beginField(e.timeseries, v2Timeseries)
	e.refsOf = e.appendSeriesRefs(e.refsOf[:0], s.Labels)
	buf = appendPacked(buf, v2LabelsRefs, e.refsOf)
	if s.Histogram == nil {
		buf = appendSampleV2(buf, s)
	} else {
		buf = appendHistogramV2(buf, s)
	}
	for i := range s.Exemplars {
		buf = e.appendExemplar(buf, &s.Exemplars[i])
	}
	e.timeseries = endField(e.appendMetadata(buf, &s.Metadata), at)
}

// appendPacked appends references unless there are none.
func appendPacked(buf []byte, field int, refs []uint32) []byte {
	if len(refs) == 0 {
		return buf
	}
	buf, at := beginField(buf, field)
	for _, ref := range refs {
		buf = binary.AppendUvarint(buf, uint64(ref))
	}
	return endField(buf, at)
}

func appendSampleV2(buf []byte, s *Series) []byte {
	buf, at := beginField(buf, v2Samples)
	buf = appendDouble(buf, v2SampleValue, s.Value)
	buf = appendVarint(buf, v2SampleTimestamp, uint64(s.Timestamp))
	buf = appendVarint(buf, v2SampleStart, uint64(s.Start))
	return endField(buf, at)
}

func appendHistogramV2(buf []byte, s *Series) []byte {
	h := writev2.FromIntHistogram(s.Start, s.Timestamp, s.Histogram)
	buf, field := appendField(buf, v2Histograms, h.Size())
	_, _ = h.MarshalToSizedBuffer(field)
	return buf
}

func (e *encoderV2) appendExemplar(buf []byte, x *Exemplar) []byte {
	buf, at := beginField(buf, v2Exemplars)
	e.refsOf = e.appendRefs(e.refsOf[:0], x.Labels)
	buf = appendPacked(buf, v2ExemplarLabelsRefs, e.refsOf)
	buf = appendDouble(buf, v2ExemplarValue, x.Value)
	buf = appendVarint(buf, v2ExemplarTimestamp, uint64(x.Timestamp))
	return endField(buf, at)
}

func (e *encoderV2) appendMetadata(buf []byte, md *Metadata) []byte {
	buf, at := beginField(buf, v2Metadata)
	buf = appendVarint(buf, v2MetadataType, uint64(writev2.FromMetadataType(md.Type)))
	buf = appendVarint(buf, v2MetadataHelp, uint64(e.ref(md.Help)))
	buf = appendVarint(buf, v2MetadataUnit, uint64(e.ref(md.Unit)))
	return endField(buf, at)
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
	e.symbols = appendString(e.symbols, v2Symbols, s)
	return ref
}
