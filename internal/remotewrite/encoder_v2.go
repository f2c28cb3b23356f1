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

	// The series and the exemplar before, and the metadata before: neighbours share most of theirs, and comparing is
	// cheaper than looking up.
	series, exemplar neighbour
	metadata         Metadata
	help, unit       uint32 // references of metadata

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
	e.reset()
	return body
}

func (e *encoderV2) since(symbols, rest int) (newSymbols, newRest []byte) {
	return e.symbols[symbols:], e.timeseries[rest:]
}

func (e *encoderV2) reset() {
	e.symbols, e.timeseries = e.symbols[:0], e.timeseries[:0]
	clear(e.refs)
	// Neighbours hold strings that are no longer in the table.
	e.series.forget()
	e.exemplar.forget()
	e.metadata, e.help, e.unit = Metadata{}, 0, 0
	e.ref("")
}

func (e *encoderV2) add(s *Series) Counts {
	// The order in which symbols get their numbers: labels, exemplars, metadata.
	buf, at := beginField(e.timeseries, v2Timeseries)
	buf = appendPacked(buf, v2LabelsRefs, e.series.next(e, s.Labels, s.Differs))
	if s.Histogram == nil {
		buf = appendSampleV2(buf, s)
	} else {
		buf = appendHistogramV2(buf, s)
	}
	for i := range s.Exemplars {
		buf = e.appendExemplar(buf, &s.Exemplars[i])
	}
	e.timeseries = endField(e.appendMetadata(buf, &s.Metadata), at)
	return s.counts()
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
	buf = appendPacked(buf, v2ExemplarLabelsRefs, e.exemplar.next(e, x.Labels, 0))
	buf = appendDouble(buf, v2ExemplarValue, x.Value)
	buf = appendVarint(buf, v2ExemplarTimestamp, uint64(x.Timestamp))
	return endField(buf, at)
}

func (e *encoderV2) appendMetadata(buf []byte, md *Metadata) []byte {
	if e.metadata != *md {
		e.metadata, e.help = *md, e.ref(md.Help)
		e.unit = e.ref(md.Unit)
	}
	buf, at := beginField(buf, v2Metadata)
	buf = appendVarint(buf, v2MetadataType, uint64(writev2.FromMetadataType(md.Type)))
	buf = appendVarint(buf, v2MetadataHelp, uint64(e.help))
	buf = appendVarint(buf, v2MetadataUnit, uint64(e.unit))
	return endField(buf, at)
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
