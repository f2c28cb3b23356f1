package slo

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// attrs are attributes; values are string, int, float64, bool or []byte.
type attrs map[string]any

// span is one span of a test, with its resource. Zero ids: the trace is 1, the span gets an id of its own.
type span struct {
	service  string
	resource attrs
	name     string
	kind     int32 // 0: SERVER; use unspecified for 0
	status   int32
	flags    uint32
	trace    uint64
	id       uint64
	parent   uint64
	duration time.Duration
	attrs    attrs
}

const unspecified = -1

func value(v any) spanview.Value {
	switch v := v.(type) {
	case string:
		return spanview.Value{Type: spanview.String, Str: v}
	case []byte:
		return spanview.Value{Type: spanview.Bytes, Str: string(v)}
	case int:
		return spanview.Value{Type: spanview.Int, Num: uint64(v)}
	case int64:
		return spanview.Value{Type: spanview.Int, Num: uint64(v)}
	case float64:
		return spanview.Value{Type: spanview.Double, Num: math.Float64bits(v)}
	case bool:
		if v {
			return spanview.Value{Type: spanview.Bool, Num: 1}
		}
		return spanview.Value{Type: spanview.Bool}
	}
	return spanview.Value{Type: spanview.Empty}
}

// fill puts spans into a batch; neighbours of the same resource share one.
func fill(b *spanview.Batch, schema *spanview.Schema, spans []span) {
	b.Reset(schema)
	var last attrs
	resource := -1
	for i, t := range spans {
		of := maps.Clone(t.resource)
		if of == nil {
			of = attrs{}
		}
		if t.service != "" {
			of["service.name"] = t.service
		}
		if resource < 0 || !reflect.DeepEqual(of, last) {
			resource, last = b.AddResource(), of
			for key, v := range of {
				if slot := schema.LookupResource([]byte(key)); slot >= 0 {
					*b.ResourceValue(resource, spanview.ResourceSlot(slot)) = value(v)
				}
			}
		}
		n := b.AddSpan()
		s := &b.Spans[n]
		s.Resource, s.Name, s.Status, s.Flags = int32(resource), t.name, t.status, t.flags
		switch t.kind {
		case 0:
			s.Kind = spanview.KindServer
		case unspecified:
		default:
			s.Kind = t.kind
		}
		s.TraceID = [16]byte{15: 1}
		if t.trace != 0 {
			s.TraceID = pack[[16]byte](t.trace)
		}
		s.SpanID = pack[[8]byte](uint64(1_000_000 + i))
		if t.id != 0 {
			s.SpanID = pack[[8]byte](t.id)
		}
		s.ParentID = pack[[8]byte](t.parent)
		s.Start = uint64(start.UnixNano())
		s.End = uint64(start.Add(t.duration).UnixNano())
		for key, v := range t.attrs {
			if slot := schema.LookupSpan([]byte(key)); slot >= 0 {
				*b.SpanValue(n, spanview.SpanSlot(slot)) = value(v)
			}
		}
	}
}

func pack[T [8]byte | [16]byte](n uint64) (id T) {
	for i := range 8 {
		id[len(id)-1-i] = byte(n >> (8 * i))
	}
	return id
}

// spansOf turns a pdata request into spans of a test.
func spansOf(td ptrace.Traces) []span {
	var out []span
	for _, rs := range td.ResourceSpans().All() {
		of := attrs(rs.Resource().Attributes().AsRaw())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				kind := int32(s.Kind())
				if kind == 0 {
					kind = unspecified
				}
				out = append(out, span{
					resource: of, name: s.Name(), kind: kind, status: int32(s.Status().Code()), flags: s.Flags(),
					trace: unpack(s.TraceID()), id: unpack([16]byte(append(make([]byte, 8), idBytes(s.SpanID())...))),
					parent:   unpack([16]byte(append(make([]byte, 8), idBytes(s.ParentSpanID())...))),
					duration: time.Duration(s.EndTimestamp() - s.StartTimestamp()), attrs: s.Attributes().AsRaw(),
				})
			}
		}
	}
	return out
}

func idBytes(id pcommon.SpanID) []byte { return id[:] }

// unpack folds an id into a number; its low half is enough to tell the ids of a test's data apart.
func unpack(id [16]byte) (n uint64) {
	for _, c := range id[8:] {
		n = n<<8 | uint64(c)
	}
	return n
}

// parse reads SLOs from the YAML of a list.
func parse(t testing.TB, list string) Config {
	t.Helper()
	slos, err := decodeFile("test.yaml", []byte("slos:\n"+list))
	require.NoError(t, err)
	return Config{SLOs: slos}
}

// rig is a counter with its schema.
type rig struct {
	*Counter
	schema *spanview.Schema
	batch  spanview.Batch
}

func newRig(t testing.TB, list string, lanes int, prev *rig) *rig {
	t.Helper()
	r := &rig{schema: &spanview.Schema{}}
	var old *Counter
	if prev != nil {
		old = prev.Counter
	}
	c, err := Compile(parse(t, list), Options{WriterID: "gw-0", Lanes: lanes, Start: start}, r.schema, old)
	require.NoError(t, err)
	r.Counter = c
	return r
}

func (r *rig) observe(lane int, spans ...span) {
	fill(&r.batch, r.schema, spans)
	r.Observe(lane, &r.batch, start)
}

// flush returns the points of a flush by metric and labels: the last value of each, "none" for a point without one.
func (r *rig) flush(at time.Duration) map[string]any {
	out := map[string]any{}
	for _, p := range r.flushPoints(at) {
		out[p.key] = p.value
	}
	return out
}

type flushed struct {
	key       string
	value     any
	at, start time.Duration // since the beginning of the test
}

func (r *rig) flushPoints(at time.Duration) []flushed {
	md := pmetric.NewMetrics()
	r.Flush(start.Add(at), md)
	var out []flushed
	for _, rm := range md.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			for _, dp := range flush.PointsOf(m).All() {
				p := flushed{key: key(m.Name(), dp.Attributes()), at: dp.Timestamp().AsTime().Sub(start)}
				if dp.StartTimestamp() != 0 {
					p.start = dp.StartTimestamp().AsTime().Sub(start)
				}
				switch {
				case dp.Flags().NoRecordedValue():
					p.value = "none"
				case dp.ValueType() == pmetric.NumberDataPointValueTypeInt:
					p.value = int(dp.IntValue())
				default:
					p.value = dp.DoubleValue()
				}
				out = append(out, p)
			}
		}
	}
	return out
}

// key writes a point as in "events{outcome=good service=shop slo=a}".
func key(metric string, labels pcommon.Map) string {
	raw := labels.AsRaw()
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(raw)) {
		parts = append(parts, fmt.Sprintf("%s=%v", k, raw[k]))
	}
	return strings.TrimPrefix(metric, "slo.") + "{" + strings.Join(parts, " ") + "}"
}

// only keeps the points of one metric.
func only(points map[string]any, metric string) map[string]any {
	out := map[string]any{}
	for k, v := range points {
		if strings.HasPrefix(k, metric+"{") {
			out[k] = v
		}
	}
	return out
}
