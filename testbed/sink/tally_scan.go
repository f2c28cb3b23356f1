package sink

import (
	"errors"
	"fmt"
	"hash/maphash"

	"google.golang.org/protobuf/encoding/protowire"
)

// scanned is what one request holds; info are samples of target_info.
type scanned struct {
	samples, info, histograms, exemplars int
}

// sampleVisitor is told of every sample but target_info's. series is the same for equal label sets, whatever their order.
type sampleVisitor func(series uint64, millis int64)

// Field numbers of the two messages.
type wireFields struct {
	symbols, timeseries, labels, samples, histograms, exemplars protowire.Number
}

var (
	fields1 = wireFields{timeseries: 1, labels: 1, samples: 2, exemplars: 3, histograms: 4}
	fields2 = wireFields{symbols: 4, timeseries: 5, labels: 1, samples: 2, histograms: 3, exemplars: 4}
)

const targetInfo = "target_info"

var (
	labelSeed  = maphash.MakeSeed()
	errMessage = errors.New("the request is no valid message")
)

// scan walks over a request without making anything of it. With no visitor it does not look at labels beyond the name.
func scan(body []byte, version2 bool, visit sampleVisitor) (scanned, error) {
	s := scanner{fields: fields1, visit: visit}
	if version2 {
		s.fields = fields2
		if err := s.readSymbols(body); err != nil {
			return s.counts, err
		}
	}
	err := each(body, func(num protowire.Number, value []byte, _ uint64) error {
		if num == s.fields.timeseries {
			return s.series(value)
		}
		return nil
	})
	return s.counts, err
}

type scanner struct {
	fields  wireFields
	visit   sampleVisitor
	counts  scanned
	symbols [][]byte
	hashes  []uint64 // of symbols; only with a visitor
	times   []int64
}

func (s *scanner) readSymbols(body []byte) error {
	err := each(body, func(num protowire.Number, value []byte, _ uint64) error {
		if num == s.fields.symbols {
			s.symbols = append(s.symbols, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(s.symbols) == 0 || len(s.symbols[0]) != 0 {
		return fmt.Errorf("the first symbol must be empty")
	}
	if s.visit != nil {
		for _, symbol := range s.symbols {
			s.hashes = append(s.hashes, maphash.Bytes(labelSeed, symbol))
		}
	}
	return nil
}

// series walks over one TimeSeries.
func (s *scanner) series(body []byte) error {
	samples, info, key := 0, false, uint64(0)
	s.times = s.times[:0]
	err := each(body, func(num protowire.Number, value []byte, _ uint64) error {
		switch num {
		case s.fields.labels:
			if s.symbols != nil {
				return s.references(value, &info, &key)
			}
			return s.label(value, &info, &key)
		case s.fields.samples:
			samples++
			if s.visit != nil {
				return s.sample(value)
			}
		case s.fields.histograms:
			s.counts.histograms++
		case s.fields.exemplars:
			s.counts.exemplars++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if info {
		s.counts.info += samples
		return nil
	}
	s.counts.samples += samples
	for _, at := range s.times {
		s.visit(key, at)
	}
	return nil
}

// label reads one Label of 1.0.
func (s *scanner) label(body []byte, info *bool, key *uint64) error {
	var name, text []byte
	err := each(body, func(num protowire.Number, value []byte, _ uint64) error {
		switch num {
		case 1:
			name = value
		case 2:
			text = value
		}
		return nil
	})
	*info = *info || string(name) == "__name__" && string(text) == targetInfo
	if s.visit != nil {
		*key += pairKey(maphash.Bytes(labelSeed, name), maphash.Bytes(labelSeed, text))
	}
	return err
}

// references reads the labels of 2.0: pairs of symbols.
func (s *scanner) references(packed []byte, info *bool, key *uint64) error {
	for len(packed) > 0 {
		var pair [2]uint64
		for i := range pair {
			ref, n := protowire.ConsumeVarint(packed)
			if n < 0 || ref >= uint64(len(s.symbols)) {
				return errMessage
			}
			pair[i], packed = ref, packed[n:]
		}
		*info = *info || string(s.symbols[pair[0]]) == "__name__" && string(s.symbols[pair[1]]) == targetInfo
		if s.visit != nil {
			*key += pairKey(s.hashes[pair[0]], s.hashes[pair[1]])
		}
	}
	return nil
}

// sample reads a Sample's time, field 2 of both versions; a time of 0 is not there.
func (s *scanner) sample(body []byte) error {
	millis := uint64(0)
	err := each(body, func(num protowire.Number, _ []byte, number uint64) error {
		if num == 2 {
			millis = number
		}
		return nil
	})
	s.times = append(s.times, int64(millis))
	return err
}

// pairKey makes one number of a label's name and value, such that their sum over a label set tells sets apart.
func pairKey(name, value uint64) uint64 {
	x := name ^ (value*0x9e3779b97f4a7c15 + 0x7f4a7c15)
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	return x * 0xd6e8feb86659fd93
}

// each calls visit for every field of a message: with its bytes, or its number where it is one.
func each(body []byte, visit func(num protowire.Number, value []byte, number uint64) error) error {
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeTag(body)
		if n < 0 {
			return errMessage
		}
		body = body[n:]
		var value []byte
		var number uint64
		switch typ {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(body)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(body)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(body)
		default:
			n = protowire.ConsumeFieldValue(num, typ, body)
		}
		if n < 0 {
			return errMessage
		}
		body = body[n:]
		if err := visit(num, value, number); err != nil {
			return err
		}
	}
	return nil
}
