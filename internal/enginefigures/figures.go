package enginefigures

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// Figures are the instruments of a door for its engine's figures. They are filled when somebody asks, never on the way of
// a request.
type Figures struct {
	table       []figure
	instruments []metric.Int64Observable
}

// New makes the instruments. prefix begins the names of those that contrib has not; red: the engine makes RED metrics.
func New(m metric.Meter, prefix string, red bool) (*Figures, error) {
	f := &Figures{table: ofEngine}
	if red {
		f.table = slices.Concat(ofEngine, ofRED)
	}
	for i := range f.table {
		instrument, err := f.table[i].instrument(m, prefix)
		if err != nil {
			return nil, fmt.Errorf("cannot make own metric %q: %w", f.table[i].name, err)
		}
		f.instruments = append(f.instruments, instrument)
	}
	return f, nil
}

// contribs begins the names of metrics that contrib's tail_sampling has.
const contribs = "otelcol_processor_tail_sampling_"

func (f *figure) instrument(m metric.Meter, prefix string) (metric.Int64Observable, error) {
	name := f.name
	if !strings.HasPrefix(name, contribs) {
		name = prefix + name
	}
	if f.gauge {
		return m.Int64ObservableGauge(name, metric.WithDescription(f.description), metric.WithUnit(f.unit))
	}
	return m.Int64ObservableCounter(name, metric.WithDescription(f.description), metric.WithUnit(f.unit))
}

// Instruments returns them for the registration of a callback that calls Observe.
func (f *Figures) Instruments() []metric.Observable {
	all := make([]metric.Observable, len(f.instruments))
	for i, instrument := range f.instruments {
		all[i] = instrument
	}
	return all
}

// Observe fills the instruments.
func (f *Figures) Observe(o metric.Observer, s *spanpipe.Stats) {
	for i := range f.table {
		f.table[i].observe(s, func(v int64, attributes ...attribute.KeyValue) {
			o.ObserveInt64(f.instruments[i], v, metric.WithAttributes(attributes...))
		})
	}
}
