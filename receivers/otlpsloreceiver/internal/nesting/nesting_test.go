package nesting

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// nest fills a value with lists and maps in turn, so that values are nested so deep.
func nest(v pcommon.Value, depth int) {
	for i := range depth - 1 {
		if i%2 == 0 {
			v = v.SetEmptySlice().AppendEmpty()
		} else {
			v = v.SetEmptyMap().PutEmpty("k")
		}
	}
	v.SetInt(1)
}

// places are all where a log request may have a value.
var logPlaces = map[string]func(plog.Logs) pcommon.Value{
	"resource": func(ld plog.Logs) pcommon.Value {
		return ld.ResourceLogs().AppendEmpty().Resource().Attributes().PutEmpty("a")
	},
	"scope": func(ld plog.Logs) pcommon.Value {
		return ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().Scope().Attributes().PutEmpty("a")
	},
	"body": func(ld plog.Logs) pcommon.Value {
		return ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
	},
	"record": func(ld plog.Logs) pcommon.Value {
		return ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes().PutEmpty("a")
	},
}

func newMetric(md pmetric.Metrics) pmetric.Metric {
	return md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
}

var metricPlaces = map[string]func(pmetric.Metrics) pcommon.Value{
	"resource": func(md pmetric.Metrics) pcommon.Value {
		return md.ResourceMetrics().AppendEmpty().Resource().Attributes().PutEmpty("a")
	},
	"scope": func(md pmetric.Metrics) pcommon.Value {
		return md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Scope().Attributes().PutEmpty("a")
	},
	"metadata": func(md pmetric.Metrics) pcommon.Value { return newMetric(md).Metadata().PutEmpty("a") },
	"gauge": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	},
	"gauge exemplar": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptyGauge().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
	},
	"sum": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptySum().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	},
	"histogram": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptyHistogram().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	},
	"histogram exemplar": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptyHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
	},
	"exponential histogram": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	},
	"exponential histogram exemplar": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
	},
	"summary": func(md pmetric.Metrics) pcommon.Value {
		return newMetric(md).SetEmptySummary().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
	},
}

func TestValuesMayBeNestedSoDeepWhereverTheyStand(t *testing.T) {
	for _, depth := range []int{1, Max, Max + 1, 4 * Max} {
		for place, at := range logPlaces {
			ld := plog.NewLogs()
			nest(at(ld), depth)
			in := plogotlp.NewExportRequestFromLogs(ld)
			proto, err := in.MarshalProto()
			require.NoError(t, err)
			requireDepth(t, place, depth, CheckLogs(proto))
		}
		for place, at := range metricPlaces {
			md := pmetric.NewMetrics()
			nest(at(md), depth)
			in := pmetricotlp.NewExportRequestFromMetrics(md)
			proto, err := in.MarshalProto()
			require.NoError(t, err)
			requireDepth(t, place, depth, CheckMetrics(proto))
		}
	}
}

func requireDepth(t *testing.T, place string, depth int, err error) {
	t.Helper()
	if depth > Max {
		require.ErrorIs(t, err, ErrTooDeep, "%s, %d deep", place, depth)
	} else {
		require.NoError(t, err, "%s, %d deep", place, depth)
	}
}

func TestJSONWithValuesSoDeepIsTaken(t *testing.T) {
	for place, at := range metricPlaces {
		md := pmetric.NewMetrics()
		nest(at(md), Max)
		text, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalJSON()
		require.NoError(t, err)
		require.NoError(t, CheckJSON(text), place)
	}
	// Maps alone take the most brackets.
	ld := plog.NewLogs()
	v := logPlaces["record"](ld)
	for range Max - 1 {
		v = v.SetEmptyMap().PutEmpty("k")
	}
	text, err := plogotlp.NewExportRequestFromLogs(ld).MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, CheckJSON(text))
}

func TestJSONIsRefusedWhereItIsTooDeep(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, bracketsMax)
	for _, tt := range []struct {
		text string
		want error
	}{
		{strings.Repeat("[", bracketsMax), nil},
		{strings.Repeat("[", bracketsMax+1), ErrTooDeep},
		{deep, ErrTooDeep},
		{strings.Repeat("]", 1000) + deep, ErrTooDeep},
		{strings.Repeat("[]", 10_000), nil},
		{`["` + strings.Repeat("[", 10_000) + `"]`, nil},
		{`["\"` + strings.Repeat("[", 10_000) + `"]`, nil},
		{`["\\"` + strings.Repeat("[", 10_000) + `"]`, ErrTooDeep},
		{`"\`, nil},
		{`"`, nil},
		{``, nil},
	} {
		require.Equal(t, tt.want, CheckJSON([]byte(tt.text)), "%.40s", tt.text)
	}
}

// FuzzJSON compares with the depth that the standard library's tokens have.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"a":"[{\"","b":[1,2,{}]}]}`))
	f.Add([]byte(strings.Repeat(`{"a":[`, 300) + strings.Repeat(`]}`, 300)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			_ = CheckJSON(text) // must not panic
			return
		}
		depth, deepest := 0, 0
		for d := json.NewDecoder(bytes.NewReader(text)); ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
				deepest = max(deepest, depth)
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		require.Equal(t, deepest > bracketsMax, CheckJSON(text) != nil)
	})
}

// FuzzLogs checks that what is let through is not nested deeper than it may be, and what is refused either is or can't
// be read.
func FuzzLogs(f *testing.F) {
	for _, depth := range []int{1, 3, Max, Max + 1} {
		for _, at := range logPlaces {
			ld := plog.NewLogs()
			nest(at(ld), depth)
			body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
			require.NoError(f, err)
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		checked := CheckLogs(body)
		in := plogotlp.NewExportRequest()
		if in.UnmarshalProto(body) != nil {
			return
		}
		deepest := deepestOf(in.Logs())
		if checked == nil {
			require.LessOrEqual(t, deepest, Max)
		}
	})
}

// deepestOf returns how deep the values of logs are nested.
func deepestOf(ld plog.Logs) int {
	deepest := 0
	for _, rl := range ld.ResourceLogs().All() {
		deepest = max(deepest, depthOfMap(rl.Resource().Attributes()))
		for _, sl := range rl.ScopeLogs().All() {
			deepest = max(deepest, depthOfMap(sl.Scope().Attributes()))
			for _, record := range sl.LogRecords().All() {
				deepest = max(deepest, depthOf(record.Body()), depthOfMap(record.Attributes()))
			}
		}
	}
	return deepest
}

func depthOfMap(m pcommon.Map) int {
	deepest := 0
	for _, v := range m.All() {
		deepest = max(deepest, depthOf(v))
	}
	return deepest
}

func depthOf(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
	case pcommon.ValueTypeMap:
		deepest = depthOfMap(v.Map())
	case pcommon.ValueTypeSlice:
		for _, inner := range v.Slice().All() {
			deepest = max(deepest, depthOf(inner))
		}
	}
	return 1 + deepest
}
