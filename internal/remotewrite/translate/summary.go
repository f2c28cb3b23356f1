package translate

import "go.opentelemetry.io/collector/pdata/pmetric"

func (t *Translator) summaries(b *Buffer, f *family, points pmetric.SummaryDataPointSlice) {
	for _, in := range points.All() {
		p, ok := enterPoint(t, b, f, in)
		if !ok {
			continue
		}
		b.sample(f, &p, partCount, "", float64(in.Count()))
		b.sample(f, &p, partSum, "", in.Sum())
		for _, q := range in.QuantileValues().All() {
			b.sample(f, &p, partQuantile, b.bound(q.Quantile()), q.Value())
		}
	}
}
