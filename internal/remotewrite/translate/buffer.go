package translate

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/histogram"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// maxRemembered bounds each of the things a buffer remembers between payloads.
const maxRemembered = 4096

// Buffer holds one translated payload, and the memory for the next.
type Buffer struct {
	// Series are the payload's, in time order; those of one data point stay together. They hold strings of the payload
	// that was translated, and are valid until the buffer is used again.
	Series []remotewrite.Series
	// Points is how many data points the payload had.
	Points int
	// Dropped counts those of them that were left out.
	Dropped Dropped

	arena     []remotewrite.Label // memory of the series' labels
	exemplars []remotewrite.Exemplar
	ids       hexText
	base      []remotewrite.Label // labels of the current data point
	attrs     []remotewrite.Label // its attributes, by their own keys

	names    map[string]labelName                 // attribute key -> label name
	bounds   map[float64]string                   // bound or quantile -> label value
	integers map[int64]string                     // value of an attribute -> label value
	metrics  map[otlptranslator.Metric]metricName // as the payload names it -> as Prometheus does

	// Of the current resource and scope.
	resource  resourceLabels
	overrides []remotewrite.Label
	latest    int64 // newest recorded value, Unix milliseconds
}

// Memory returns how many bytes the buffer holds for payloads, and how many of them the current one uses.
func (b *Buffer) Memory() (held, used int) {
	const series, label, exemplar = unsafe.Sizeof(remotewrite.Series{}), unsafe.Sizeof(remotewrite.Label{}), unsafe.Sizeof(remotewrite.Exemplar{})
	held = cap(b.Series)*int(series) + cap(b.arena)*int(label) + cap(b.exemplars)*int(exemplar)
	used = len(b.Series)*int(series) + len(b.arena)*int(label) + len(b.exemplars)*int(exemplar)
	return held, used
}

type labelName struct {
	name string
	ok   bool
}

// Reset empties the buffer and lets go of the payload's strings.
func (b *Buffer) Reset() {
	clear(b.Series)
	clear(b.arena)
	clear(b.exemplars)
	b.Series, b.arena, b.exemplars = b.Series[:0], b.arena[:0], b.exemplars[:0]
	b.Points, b.Dropped = 0, Dropped{}
	startMemory(&b.names)
	startMemory(&b.bounds)
	startMemory(&b.integers)
	startMemory(&b.metrics)
}

// startMemory empties what is remembered where that is full.
func startMemory[K comparable, V any](m *map[K]V) {
	if *m == nil || len(*m) > maxRemembered {
		*m = make(map[K]V)
	}
}

// point is the data point that is being translated.
type point struct {
	timestamp int64 // Unix milliseconds
	start     int64 // Unix milliseconds, 0: unknown
	stale     bool
	key       uint64
	emitted   bool
}

// sample appends a float series of the point to the payload: its labels are the buffer's base, the name, and extra
// where that has a name.
func (b *Buffer) sample(f *family, p *point, name string, extra remotewrite.Label, v float64) *remotewrite.Series {
	if p.stale {
		v = staleMarker
	}
	s := b.emit(f, p, name, extra)
	s.Value = v
	return s
}

// native appends a native histogram of the point.
func (b *Buffer) native(f *family, p *point, h *histogram.Histogram) *remotewrite.Series {
	s := b.emit(f, p, f.name, remotewrite.Label{})
	s.Histogram = h
	return s
}

func (b *Buffer) emit(f *family, p *point, name string, extra remotewrite.Label) *remotewrite.Series {
	points := 0
	if !p.emitted {
		p.emitted, points = true, 1
		if !p.stale {
			b.latest = max(b.latest, p.timestamp)
		}
	}
	b.Series = append(b.Series, remotewrite.Series{
		Labels: b.seriesLabels(name, extra), Metadata: f.meta, Timestamp: p.timestamp, Start: p.start, Key: p.key, Points: points,
	})
	return &b.Series[len(b.Series)-1]
}

// seriesLabels returns base with the name and extra in their places, in the arena. They win over labels of their name.
func (b *Buffer) seriesLabels(name string, extra remotewrite.Label) []remotewrite.Label {
	from := len(b.arena)
	added := [2]remotewrite.Label{{Name: model.MetricNameLabel, Value: name}, extra}
	next := added[:]
	if extra.Name == "" {
		next = added[:1]
	} else if extra.Name < model.MetricNameLabel {
		added[0], added[1] = added[1], added[0]
	}
	rest := b.base
	for _, l := range next {
		at, found := slices.BinarySearchFunc(rest, l, byName)
		b.arena = append(append(b.arena, rest[:at]...), l)
		if found {
			at++
		}
		rest = rest[at:]
	}
	b.arena = append(b.arena, rest...)
	return b.arena[from:len(b.arena):len(b.arena)]
}

// order sorts the payload by time where it isn't. Series of one data point, and points of one time, stay as they came.
func (b *Buffer) order() {
	for i := 1; i < len(b.Series); i++ {
		if b.Series[i].Timestamp < b.Series[i-1].Timestamp {
			slices.SortStableFunc(b.Series, func(x, y remotewrite.Series) int { return cmp.Compare(x.Timestamp, y.Timestamp) })
			return
		}
	}
}

// valid returns s as valid UTF-8, which Prometheus insists on and protobuf decoders don't.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
