package sink

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// pair is what tells a span from all others.
type pair struct {
	trace truth.TraceID
	span  spanID
}

// spanIDs reads the ids of all spans of an encoded ExportTraceServiceRequest.
func spanIDs(request []byte) ([]pair, error) {
	var ids []pair
	err := eachMessage(request, 1, func(resourceSpans []byte) error {
		return eachMessage(resourceSpans, 2, func(scopeSpans []byte) error {
			return eachMessage(scopeSpans, 2, func(span []byte) error {
				var id pair
				err := eachMessage(span, 1, func(trace []byte) error { return setID(id.trace[:], trace) })
				if err == nil {
					err = eachMessage(span, 2, func(span []byte) error { return setID(id.span[:], span) })
				}
				ids = append(ids, id)
				return err
			})
		})
	})
	return ids, err
}

// eachMessage calls f with each length-delimited value of one field.
func eachMessage(msg []byte, want protowire.Number, f func([]byte) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return protowire.ParseError(n)
		}
		msg = msg[n:]
		size := protowire.ConsumeFieldValue(num, typ, msg)
		if size < 0 {
			return protowire.ParseError(size)
		}
		if num == want && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(msg)
			if err := f(value); err != nil {
				return err
			}
		}
		msg = msg[size:]
	}
	return nil
}

func setID(id, value []byte) error {
	if len(value) != len(id) && len(value) != 0 {
		return fmt.Errorf("an id has %d bytes, want %d", len(value), len(id))
	}
	copy(id, value)
	return nil
}
