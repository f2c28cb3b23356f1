package translate

import (
	"strings"
	"unicode/utf8"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// maxRemembered bounds each of the things a buffer remembers between payloads.
const maxRemembered = 4096

// Buffer holds one translated payload, and the memory for the next. Samples are held apart from what those of one data
// point share: most series of a payload are buckets, whose labels differ in one. It is a [remotewrite.Source].
type Buffer struct {
	// Series are the payload's where [Translator.Translate] made them.
	Series []remotewrite.Series
	// Points is how many data points the payload had.
	Points int
	// Dropped counts those of them that were left out.
	Dropped Dropped

	samples   []sample // in time order; those of one data point stay together
	placed    []placed
	families  []family
	arena     []remotewrite.Label // memory of the labels of points and exemplars
	exemplars []remotewrite.Exemplar
	ids       hexText
	base      []remotewrite.Label // labels of the current data point
	attrs     []remotewrite.Label // its attributes, by their own keys
	keyText   []byte              // what its key is a hash of
	current   current
	made      []remotewrite.Label // memory of the labels of Series
	deltas    []deltaPoint
	scratch   *pmetric.HistogramDataPoint
	custom    []float64 // bounds of the native histogram with custom buckets made last

	names    map[string]labelName                 // attribute key -> label name
	bounds   map[float64]string                   // bound or quantile -> label value
	integers map[int64]string                     // value of an attribute -> label value
	metrics  map[otlptranslator.Metric]metricName // as the payload names it -> as Prometheus does

	accumulator *Accumulator // nil: delta points are left out
	share       Share

	// Of the current resource and scope.
	resource  resourceLabels
	overrides []remotewrite.Label
	latest    int64 // newest recorded value, Unix milliseconds
}

type labelName struct {
	name string
	ok   bool
}

// Reset empties the buffer and lets go of the payload's strings.
func (b *Buffer) Reset() {
	empty(&b.Series)
	empty(&b.samples)
	empty(&b.placed)
	empty(&b.families)
	empty(&b.arena)
	empty(&b.exemplars)
	empty(&b.deltas)
	empty(&b.made)
	b.current.forget()
	b.Points, b.Dropped = 0, Dropped{}
	startMemory(&b.names)
	startMemory(&b.bounds)
	startMemory(&b.integers)
	startMemory(&b.metrics)
}

func empty[E any](s *[]E) {
	clear(*s)
	*s = (*s)[:0]
}

// startMemory empties what is remembered where that is full.
func startMemory[K comparable, V any](m *map[K]V) {
	if *m == nil || len(*m) > maxRemembered {
		*m = make(map[K]V)
	}
}

// valid returns s as valid UTF-8, which Prometheus insists on and protobuf decoders don't.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
