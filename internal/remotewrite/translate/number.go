package translate

import (
	"math"

	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// staleMarker is the NaN by which Prometheus knows that a series has ended.
var staleMarker = math.Float64frombits(value.StaleNaN)

// numbers translates the points of a gauge, or of a sum; counter says that they only go up.
func (t *Translator) numbers(b *Buffer, f *family, points pmetric.NumberDataPointSlice, counter bool) {
	for _, in := range points.All() {
		p, ok := enterPoint(t, b, f, in)
		if !ok {
			continue
		}
		v, ok := number(in)
		if !ok && !p.stale {
			b.Dropped[NoValue]++
			continue
		}
		if !counter {
			p.start = 0
		}
		s := b.sample(f, &p, partValue, "", v)
		// Prometheus knows exemplars of counters and histograms only.
		if counter {
			s.exemplars = t.exemplars(b, in.Exemplars(), p.timestamp)
		}
	}
}

func number(p pmetric.NumberDataPoint) (float64, bool) {
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		return float64(p.IntValue()), true
	case pmetric.NumberDataPointValueTypeDouble:
		return p.DoubleValue(), true
	default:
		return 0, false
	}
}
