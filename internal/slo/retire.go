package slo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// retire writes points without a value, which end their series in a backend; series that other groups or SLOs go on with
// under the same labels are left alone.
func (e *emitter) retire(points []point) {
	if len(points) == 0 {
		return
	}
	sent := map[string]bool{}
	for i := range e.scope.Metrics().Len() {
		m := e.scope.Metrics().At(i)
		for _, dp := range pointsOf(m).All() {
			sent[identity(m.Name(), dp.Attributes())] = true
		}
	}
	for _, p := range points {
		attributes := pcommon.NewMap()
		p.putLabels(attributes)
		if id := identity(p.metric, attributes); !sent[id] {
			sent[id] = true
			dp := p.append(e.now)
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
