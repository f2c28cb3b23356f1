package flush

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// ended is a series that is over.
type ended struct {
	metric Metric
	labels []string
}

// End ends a series, unless another goes on under its labels in this flush.
func (m Metric) End(labels ...string) {
	m.writer.ended = append(m.writer.ended, ended{m, labels})
}

// EndCount is End for a counter, which then can begin anew.
func (m Metric) EndCount(a *Announced, labels ...string) {
	a.live = false
	m.End(labels...)
}

func (w *Writer) writeEnds() {
	if len(w.ended) == 0 {
		return
	}
	sent := map[string]bool{}
	for _, m := range w.scope.Metrics().All() {
		for _, dp := range PointsOf(m).All() {
			sent[identity(m.Name(), dp.Attributes())] = true
		}
	}
	for _, e := range w.ended {
		attributes := pcommon.NewMap()
		putLabels(attributes, e.labels)
		if id := identity(e.metric.name, attributes); !sent[id] {
			sent[id] = true
			dp := e.metric.append(w.now, e.labels)
			dp.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		}
	}
}

// identity is what tells a series from others.
func identity(metric string, labels pcommon.Map) string {
	raw := labels.AsRaw()
	var id strings.Builder
	id.WriteString(metric)
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		fmt.Fprintf(&id, "%q%q", name, raw[name])
	}
	return id.String()
}
