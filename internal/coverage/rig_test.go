package coverage

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// rig is a Coverage with a clock that stands still until it is moved.
type rig struct {
	*Coverage
	t      testing.TB
	schema *spanview.Schema
	now    time.Time
	hasSLO map[string]bool
	traces uint64
}

func newRig(t testing.TB, adapt func(*Config)) *rig {
	cfg := DefaultConfig()
	cfg.OpenAfter, cfg.ResolveAfter = 0, 0
	if adapt != nil {
		adapt(&cfg)
	}
	require.NoError(t, cfg.Validate())
	start := time.Unix(1_700_000_000, 0)
	schema := &spanview.Schema{}
	c, err := New(cfg, Options{WriterID: "gateway-0", Lanes: 2, Start: start}, schema)
	require.NoError(t, err)
	return &rig{Coverage: c, t: t, schema: schema, now: start, hasSLO: map[string]bool{}}
}

// hear observes a request of services, each "name" or "namespace/name", and returns their numbers.
func (r *rig) hear(services ...string) []uint32 {
	b := &spanview.Batch{}
	b.Reset(r.schema)
	for _, s := range services {
		i := b.AddResource()
		namespace, name, ok := strings.Cut(s, "/")
		if !ok {
			namespace, name = "", s
		}
		set := func(slot spanview.ResourceSlot, text string) {
			if text != "" {
				*b.ResourceValue(i, slot) = spanview.Value{Type: spanview.String, Str: text}
			}
		}
		set(r.slots.name, name)
		set(r.slots.namespace, namespace)
	}
	r.Observe(int(r.traces)%2, b, r.now)
	var numbers []uint32
	for _, res := range b.Resources {
		numbers = append(numbers, res.Service)
	}
	return numbers
}

// testSpan is a span of a trace: ids count from 1, 0 is no parent.
type testSpan struct {
	id, parent uint64
	service    string
	kind       uint8
	place      Parents
	attributes map[string]string
}

// look has a trace looked at.
func (r *rig) look(spans ...testSpan) {
	r.traces++
	var trace [16]byte
	binary.BigEndian.PutUint64(trace[8:], r.traces)
	var looked []Span
	for _, s := range spans {
		v := Span{Kind: s.kind, Parents: s.place}
		if s.service != "" {
			v.Service = r.hear(s.service)[0]
		}
		binary.BigEndian.PutUint64(v.ID[:], s.id)
		binary.BigEndian.PutUint64(v.Parent[:], s.parent)
		looked = append(looked, v)
	}
	values := make([]spanview.Value, r.PeerSlots())
	require.True(r.t, r.Wants(&trace, len(spans), true))
	r.Look(trace, looked, func(i int) []spanview.Value {
		clear(values)
		for key, value := range spans[i].attributes {
			slot := r.PeerKeys().Lookup([]byte(key))
			require.GreaterOrEqual(r.t, slot, 0, key)
			values[slot] = spanview.Value{Type: spanview.String, Str: value}
		}
		return values
	})
}

// flush moves the clock and returns the points of this moment as "metric{labels}", without the scope's prefix, those
// without a value as -1, and the events.
func (r *rig) flush(after time.Duration) (map[string]float64, []plog.LogRecord) {
	r.now = r.now.Add(after)
	md, ld := pmetric.NewMetrics(), plog.NewLogs()
	r.Turn(r.now)
	r.Flush(r.now, func(service string) bool { return r.hasSLO[service] }, md, ld)
	points := map[string]float64{}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			require.Equal(r.t, ScopeName, sm.Scope().Name())
			for _, m := range sm.Metrics().All() {
				r.collect(points, m)
			}
		}
	}
	var events []plog.LogRecord
	for _, rl := range ld.ResourceLogs().All() {
		for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
			events = append(events, lr)
		}
	}
	return points, events
}

func (r *rig) collect(points map[string]float64, m pmetric.Metric) {
	for _, dp := range flush.PointsOf(m).All() {
		if dp.Timestamp() != pcommon.NewTimestampFromTime(r.now) {
			continue // the zero before
		}
		value := float64(dp.IntValue())
		switch {
		case dp.Flags().NoRecordedValue():
			value = -1
		case dp.ValueType() == pmetric.NumberDataPointValueTypeDouble:
			value = dp.DoubleValue()
		}
		name := strings.TrimPrefix(strings.TrimPrefix(m.Name(), "observability."), "coverage.") + labelsOf(dp.Attributes())
		require.NotContains(r.t, points, name)
		points[name] = value
	}
}

func labelsOf(attributes pcommon.Map) string {
	var labels []string
	for k, v := range attributes.All() {
		labels = append(labels, fmt.Sprintf("%s=%s", k, v.AsString()))
	}
	slices.Sort(labels)
	return "{" + strings.Join(labels, " ") + "}"
}

// only returns the points of a metric.
func only(points map[string]float64, metric string) map[string]float64 {
	out := map[string]float64{}
	for name, v := range points {
		if labels, ok := strings.CutPrefix(name, metric+"{"); ok {
			out[strings.TrimSuffix(labels, "}")] = v
		}
	}
	return out
}
