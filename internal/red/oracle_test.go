package red

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// oracle counts the same spans in maps, with labels put together by the rules of docs/metrics.md.
type oracle struct {
	cfg    Config
	writer string
	sets   map[string]map[string]string // labels by their text
	calls  map[string]uint64            // by labels
	spans  map[string][]time.Duration   // by labels: of the duration metric
}

func newOracle(cfg Config) *oracle {
	return &oracle{
		cfg: cfg, writer: "gateway-0", sets: map[string]map[string]string{},
		calls: map[string]uint64{}, spans: map[string][]time.Duration{},
	}
}

func (o *oracle) observe(spans []span) {
	for _, s := range spans {
		o.calls[o.labels(s, o.cfg.CallsDimensions)]++
		labels := o.labels(s, o.cfg.Histogram.Dimensions)
		o.spans[labels] = append(o.spans[labels], max(s.duration, 0))
	}
}

func (o *oracle) labels(s span, own []Dimension) string {
	resource := maps.Clone(s.resource)
	if resource == nil {
		resource = map[string]any{}
	}
	if s.service != "" {
		resource["service.name"] = s.service
	}
	service := text(resource["service.name"])
	if service == "" {
		service = "unknown_service"
	}
	labels := map[string]string{"job": service, "instance": o.writer}
	if ns := text(resource["service.namespace"]); ns != "" {
		labels["job"] = ns + "/" + service
	}
	for k, v := range map[string]string{
		"service.name": service, "span.name": text(s.name),
		"span.kind":   "SPAN_KIND_" + strings.ToUpper(s.kind.String()),
		"status.code": "STATUS_CODE_" + strings.ToUpper(s.status.String()),
	} {
		if !slices.Contains(o.cfg.ExcludeDimensions, k) {
			labels[k] = v
		}
	}
	environment, ok := resource["deployment.environment.name"]
	if !ok {
		environment = resource["deployment.environment"]
	}
	labels["deployment.environment.name"] = text(environment)
	for _, k := range o.cfg.ResourceMetricsKeyAttributes {
		labels[k] = text(resource[k])
	}
	for _, d := range slices.Concat(o.cfg.Dimensions, own) {
		v, ok := s.attributes[d.Name]
		if !ok {
			v, ok = resource[d.Name]
		}
		if !ok && d.Default != nil {
			v = *d.Default
		}
		labels[d.Name] = text(v)
	}
	o.sets[labelsText(labels)] = labels
	return labelsText(labels)
}

// text is a value's label.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return clean(v) // has tests of its own
	case []any, map[string]any:
		j, _ := json.Marshal(v)
		return string(j)
	default:
		return fmt.Sprint(v)
	}
}

// check compares everything that was read with everything that was observed.
func (o *oracle) check(t *testing.T, r *reader) {
	t.Helper()
	const name = "traces.span.metrics."
	want := map[string]float64{}
	for labels, n := range o.calls {
		want[name+"calls"+labels] = float64(n)
	}
	unit := time.Millisecond
	if o.cfg.Histogram.Unit == UnitSeconds {
		unit = time.Second
	}
	for labels, durations := range o.spans {
		if o.cfg.Histogram.Disable {
			break
		}
		sum := time.Duration(0)
		for _, d := range durations {
			sum += d
		}
		total := float64(sum) / float64(unit)
		if o.cfg.Histogram.Exponential != nil {
			want[name+"duration"+labels+"#count"] = float64(len(durations))
			want[name+"duration"+labels+"#sum"] = total
			continue
		}
		want[name+"duration_count"+labels] = float64(len(durations))
		want[name+"duration_sum"+labels] = total
		for _, bound := range o.cfg.Histogram.buckets() {
			below := 0
			for _, d := range durations {
				if d <= bound {
					below++
				}
			}
			want[name+"duration_bucket"+o.withBound(labels, strconv.FormatFloat(float64(bound)/float64(unit), 'f', -1, 64))] = float64(below)
		}
		want[name+"duration_bucket"+o.withBound(labels, "+Inf")] = float64(len(durations))
	}
	for key, v := range want {
		require.InDelta(t, v, r.increase(key), 1e-9*v, key)
	}
	for _, key := range r.keys() {
		if _, ok := want[key]; !ok {
			require.Fail(t, "not observed", key)
		}
	}
}

// withBound returns labels with le among them.
func (o *oracle) withBound(labels, le string) string {
	m := maps.Clone(o.sets[labels])
	m["le"] = le
	return labelsText(m)
}

// pick returns one of a few values.
func pick[T any](rnd *rand.Rand, values ...T) T { return values[rnd.IntN(len(values))] }

func randomSpan(rnd *rand.Rand) span {
	s := span{
		service:  pick(rnd, "cart", "checkout", "payment", "payment", ""),
		name:     pick(rnd, "GET /", "POST /orders", "", "caf\xc3", "\xffodd\x00", strings.Repeat("long", 400)),
		kind:     pick(rnd, ptrace.SpanKindServer, ptrace.SpanKindUnspecified),
		status:   ptrace.StatusCode(rnd.IntN(3)),
		duration: time.Duration(rnd.ExpFloat64() * float64(pick(rnd, time.Microsecond, time.Millisecond, time.Minute))),
		resource: map[string]any{}, attributes: map[string]any{},
	}
	if rnd.IntN(20) == 0 {
		s.duration = pick(rnd, -time.Second, 0, 2*time.Millisecond, 15*time.Second)
	}
	maybe := func(m map[string]any, key string, values ...any) {
		if i := rnd.IntN(len(values) + 2); i < len(values) {
			m[key] = values[i]
		}
	}
	maybe(s.resource, "service.namespace", "shop", "", 7)
	maybe(s.resource, "deployment.environment", "production", "staging")
	maybe(s.resource, "deployment.environment.name", "production", "")
	maybe(s.resource, "k8s.pod.name", "pod-1", "pod-2")
	maybe(s.resource, "http.route", "from-resource")
	maybe(s.attributes, "http.route", "/orders/{id}", "", "/")
	maybe(s.attributes, "code", 200, "200", 200.0, true, "true", 404, []any{"a", 1}, map[string]any{"k": "v"})
	maybe(s.attributes, "service.name", "ignored")
	return s
}

func randomConfig(rnd *rand.Rand) Config {
	fallback := "none"
	cfg := DefaultConfig()
	cfg.SeriesExpiration = pick(rnd, 0, time.Minute, 10*time.Second)
	cfg.MetricsExpiration = pick(rnd, 0, 0, 30*time.Second)
	cfg.Histogram.Unit = pick(rnd, UnitMilliseconds, UnitSeconds)
	cfg.Histogram.Disable = rnd.IntN(6) == 0
	if rnd.IntN(3) == 0 {
		cfg.Histogram.Exponential = &ExponentialConfig{MaxSize: pick[int32](rnd, 0, 8, 20)}
	} else if rnd.IntN(2) == 0 {
		cfg.Histogram.Explicit = &ExplicitConfig{Buckets: []time.Duration{1, 1000, 2 * time.Millisecond, time.Hour}}
	}
	cfg.Dimensions = pick(rnd, nil, []Dimension{{Name: "http.route"}}, []Dimension{{Name: "http.route", Default: &fallback}, {Name: "code"}})
	cfg.CallsDimensions = pick(rnd, nil, nil, []Dimension{{Name: "host"}, {Name: "k8s.node.name", Default: &fallback}})
	cfg.Histogram.Dimensions = pick(rnd, nil, nil, []Dimension{{Name: "k8s.container.name"}})
	if len(cfg.Dimensions) == 0 {
		cfg.Histogram.Dimensions = pick(rnd, nil, []Dimension{{Name: "code"}})
	}
	cfg.ExcludeDimensions = pick(rnd, nil, []string{"span.kind"}, []string{"span.name", "status.code"}, []string{"service.name"})
	cfg.ResourceMetricsKeyAttributes = pick(rnd, nil, []string{"k8s.pod.name"})
	return cfg
}

// TestWhatPrometheusReadsIsWhatWasObserved runs random histories: batches over several lanes, flushes, clocks that stand
// still or step back, pauses in which series expire, and restarts.
func TestWhatPrometheusReadsIsWhatWasObserved(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 1))
			cfg := randomConfig(rnd)
			truth, read := newOracle(cfg), newReader(t)
			now := time.Duration(0)
			opts := Options{Lanes: 1 + rnd.IntN(3), Start: testStart}
			r := newRig(t, cfg, opts)
			for range 50 {
				switch rnd.IntN(10) {
				case 0, 1, 2:
					now += pick(rnd, 0, time.Microsecond, time.Second, 15*time.Second, -3*time.Second)
					read.read(r.flush(now))
				case 3:
					now += 2 * time.Minute
				case 4:
					if rnd.IntN(4) == 0 {
						read.read(r.flush(now))
						now += time.Minute // beyond what the clock was set back
						opts.Start = testStart.Add(now)
						r = newRig(t, cfg, opts)
					}
				default:
					spans := make([]span, 1+rnd.IntN(12))
					for i := range spans {
						spans[i] = randomSpan(rnd)
					}
					truth.observe(spans)
					for _, id := range r.observe(t, rnd.IntN(opts.Lanes), tracesOf(t, spans...)) {
						require.NotZero(t, id)
					}
				}
			}
			read.read(r.flush(now + time.Second))
			truth.check(t, read)
		})
	}
}
