package translate

import (
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

func (t *Translator) summaries(b *Buffer, f *family, points pmetric.SummaryDataPointSlice) {
	for _, in := range points.All() {
		p, ok := enterPoint(t, b, f, in)
		if !ok {
			continue
		}
		b.sample(f, &p, f.count, remotewrite.Label{}, float64(in.Count()))
		b.sample(f, &p, f.sum, remotewrite.Label{}, in.Sum())
		p.start = 0 // quantiles don't accumulate
		for _, q := range in.QuantileValues().All() {
			b.sample(f, &p, f.name, remotewrite.Label{Name: model.QuantileLabel, Value: b.bound(q.Quantile())}, q.Value())
		}
	}
}
