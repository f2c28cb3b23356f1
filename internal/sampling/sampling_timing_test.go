package sampling

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// reference are the policies of the reference job.
const reference = `{policies: [
	{name: errors, type: status_code, status_code: {status_codes: [ERROR]}},
	{name: slow, type: latency, latency: {threshold_ms: 499}},
	{name: baseline, type: probabilistic, probabilistic: {sampling_percentage: 1}}]}`

// everything has a policy of every type.
const everything = `{policies: [
	{name: errors, type: status_code, status_code: {status_codes: [ERROR]}},
	{name: slow, type: latency, latency: {threshold_ms: 499, upper_threshold_ms: 60000}},
	{name: routes, type: string_attribute, string_attribute: {key: http.route, values: [/pay, /refund]}},
	{name: paths, type: string_attribute, string_attribute: {key: url.path, values: ["^/orders/[0-9]+/pay$", "^/admin/"], enabled_regex_matching: true}},
	{name: server, type: numeric_attribute, numeric_attribute: {key: http.response.status_code, min_value: 500, max_value: 599}},
	{name: vip, type: boolean_attribute, boolean_attribute: {key: vip, value: true}},
	{name: some, type: and, and: {and_sub_policy: [
		{type: string_attribute, string_attribute: {key: service.name, values: [cart]}},
		{type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: salt}}]}},
	{name: health, type: drop, drop: {drop_sub_policy: [
		{type: string_attribute, string_attribute: {key: http.route, values: [/health]}}]}},
	{name: fair, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 100}},
	{name: storms, type: adaptive_throughput, adaptive_throughput: {bytes_per_second: 100000, key: error_signature, method: windowed}},
	{name: baseline, type: probabilistic, probabilistic: {sampling_percentage: 1}}]}`

// request is a batch of 256 spans of 32 traces from 4 resources. All have one path: two would share a place of the regex
// cache by chance, and then what is measured is package regexp, whose pools forget at random under the race detector.
func request(s *spanview.Schema, traceState string) *spanview.Batch {
	b := &spanview.Batch{}
	b.Reset(s)
	for range 4 {
		r := b.AddResource()
		setValue(s.LookupResource, "service.name", "checkout", func(slot int) *spanview.Value { return b.ResourceValue(r, spanview.ResourceSlot(slot)) })
	}
	for i := range 256 {
		b.AddSpan()
		span := func(slot int) *spanview.Value { return b.SpanValue(i, spanview.SpanSlot(slot)) }
		setValue(s.LookupSpan, "http.route", "/orders/{id}", span)
		setValue(s.LookupSpan, "url.path", "/orders/7/items", span)
		setValue(s.LookupSpan, "http.response.status_code", int64(200), span)
		out := &b.Spans[i]
		out.Resource, out.TraceState = int32(i/64), traceState
		binary.BigEndian.PutUint64(out.TraceID[8:], uint64(i/8)*0x9E3779B97F4A7C15)
		out.Start, out.End = 1000*milli, 1020*milli
	}
	return b
}

func setValue(lookup func([]byte) int, key string, v any, at func(int) *spanview.Value) {
	if slot := lookup([]byte(key)); slot >= 0 {
		*at(slot) = value(v)
	}
}

func TestNothingIsAllocatedForASpanATraceOrAThreshold(t *testing.T) {
	for _, yaml := range []string{reference, everything} {
		p, s := mustCompile(t, yaml)
		b := request(s, "")
		var sc Scratch
		p.Match(b, &sc)
		assert.Zero(t, testing.AllocsPerRun(100, func() { p.Match(b, &sc) }), "Match")

		var r tracebuf.Record
		r.TraceID = b.Spans[0].TraceID
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			for i := range b.Spans {
				r.Fold(&b.Spans[i])
				p.Decide(&r)
				p.Rescues(&tracebuf.Record{}, &r)
				p.RescuesAlone(&b.Spans[i])
				p.Decisive(&r)
			}
		}), "deciding")
	}

	out := make([]byte, 0, 64)
	v := tracebuf.Verdict{Keep: true, Known: true, Threshold: 0xfd70a3d70a3d71}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		var changed bool
		_, changed = AppendTraceState(out, "", v)
		require.True(t, changed)
	}), "AppendTraceState")
}

func BenchmarkMatch(b *testing.B) {
	f := func(name, yaml, traceState string) {
		b.Run(name, func(b *testing.B) {
			p, s := mustCompile(b, yaml)
			batch := request(s, traceState)
			var sc Scratch
			b.ReportAllocs()
			for b.Loop() {
				p.Match(batch, &sc)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/span")
		})
	}
	f("reference", reference, "")
	f("everything", everything, "")
	f("reference with one tracestate", reference, "ot=rv:12345678901234;th:8")
	f("default", `{}`, "vendor=1")
}

func BenchmarkDecide(b *testing.B) {
	for _, c := range []struct{ name, yaml string }{{"reference", reference}, {"everything", everything}} {
		b.Run(c.name, func(b *testing.B) {
			p, _ := mustCompile(b, c.yaml)
			r := tracebuf.Record{TraceID: [16]byte{9: 0x12}, MinStart: 5, MaxEnd: 5 + 20*milli}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(&r)
			}
		})
	}
}

func BenchmarkAppendTraceState(b *testing.B) {
	for _, incoming := range []string{"", "vendor=1,ot=rv:12345678901234"} {
		b.Run("incoming="+incoming, func(b *testing.B) {
			out := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				AppendTraceState(out, incoming, tracebuf.Verdict{Keep: true, Known: true, Threshold: 0xfd70a3d70a3d71})
			}
		})
	}
}
