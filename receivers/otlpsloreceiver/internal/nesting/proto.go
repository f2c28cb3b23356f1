package nesting

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Max is how deep the values of attributes and log bodies may be nested, as in internal/otlpwire.
const Max = 128

// ErrTooDeep says that a value is nested deeper than Max.
var ErrTooDeep = fmt.Errorf("value is nested deeper than %d", Max)

// shape says which fields of a message lead to values: the field numbers of opentelemetry-proto, and the messages that
// they hold.
type shape map[protowire.Number]*shape

var (
	value         = &shape{}
	attribute     = &shape{2: value}
	resource      = &shape{1: attribute}
	scope         = &shape{3: attribute}
	logRecord     = &shape{5: value, 6: attribute}
	exemplar      = &shape{7: attribute}
	number        = &shape{5: exemplar, 7: attribute}
	histogram     = &shape{8: exemplar, 9: attribute}
	exponential   = &shape{1: attribute, 11: exemplar}
	summary       = &shape{7: attribute}
	metric        = &shape{5: points(number), 7: points(number), 9: points(histogram), 10: points(exponential), 11: points(summary), 12: attribute}
	logsRequest   = request(logRecord)
	metricRequest = request(metric)
)

func init() { // the cycle: a value holds a list of values or of attributes
	(*value)[5] = &shape{1: value}
	(*value)[6] = &shape{1: attribute}
}

func points(point *shape) *shape { return &shape{1: point} }

func request(item *shape) *shape { return &shape{1: {1: resource, 2: {1: scope, 2: item}}} }

// CheckLogs refuses an ExportLogsServiceRequest with a value nested deeper than Max, and one whose fields can't be told
// apart on the way there, as nobody could say how deep it is. All else that is malformed is for the decoder to refuse.
func CheckLogs(body []byte) error { return check(body, logsRequest, 0) }

// CheckMetrics is CheckLogs for an ExportMetricsServiceRequest.
func CheckMetrics(body []byte) error { return check(body, metricRequest, 0) }

// check follows the fields of a message that lead to values. values is how many values the message lies in; it bounds
// the recursion.
func check(body []byte, s *shape, values int) error {
	if s == value {
		if values++; values > Max {
			return ErrTooDeep
		}
	}
	for len(body) > 0 {
		number, wireType, n := protowire.ConsumeTag(body)
		if n < 0 {
			return protowire.ParseError(n)
		}
		body = body[n:]
		if wireType == protowire.BytesType {
			inner, n := protowire.ConsumeBytes(body)
			if n < 0 {
				return protowire.ParseError(n)
			}
			if next := (*s)[number]; next != nil {
				if err := check(inner, next, values); err != nil {
					return err
				}
			}
			body = body[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, wireType, body); n < 0 {
			return protowire.ParseError(n)
		}
		body = body[n:]
	}
	return nil
}
