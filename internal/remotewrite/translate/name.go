package translate

import (
	"strings"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// family is the metric that is being translated.
type family struct {
	metricName
	meta  remotewrite.Metadata
	index int32 // in the buffer
}

// seriesName returns the name of a metric's series.
func (n *metricName) seriesName(p part) string {
	switch p {
	case partSum:
		return n.sum
	case partCount:
		return n.count
	case partBucket:
		return n.bucket
	default:
		return n.name
	}
}

// metricName is what becomes of the name and unit of a metric.
type metricName struct {
	name               string
	bucket, sum, count string // of its classic histogram or summary
	unit               string
	ok                 bool // otherwise nothing is left of the name
}

func (t *Translator) metricName(b *Buffer, m pmetric.Metric) metricName {
	key := otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: nameType(m)}
	if n, known := b.metrics[key]; known {
		return n
	}
	unit := valid(key.Unit)
	name, err := t.metrics.Build(otlptranslator.Metric{Name: valid(key.Name), Unit: unit, Type: key.Type})
	n := metricName{name: strings.Clone(name), unit: strings.Clone(t.units.Build(unit)), ok: err == nil}
	n.bucket, n.sum, n.count = n.name+"_bucket", n.name+"_sum", n.name+"_count"
	if len(b.metrics) <= maxRemembered {
		key.Name, key.Unit = strings.Clone(key.Name), strings.Clone(key.Unit)
		b.metrics[key] = n
	}
	return n
}
