package spanpipe

import "github.com/otelcol-slo/otelcol-slo/internal/coverage"

// Service is what came of a service, and the series that it has.
type Service struct {
	coverage.Service
	Series int
}

// Services returns all services that are known to coverage or have RED series, in no order. Where coverage is off, only series are
// known.
func (e *Engine) Services() []Service {
	type key struct{ namespace, name string }
	at := map[key]int{}
	var out []Service
	for _, s := range e.coverage.Services() {
		at[key{s.Namespace, s.Name}] = len(out)
		out = append(out, Service{Service: s})
	}
	if e.red == nil {
		return out
	}
	for _, s := range e.red.Services() {
		i, known := at[key{s.Namespace, s.Name}]
		if !known {
			i = len(out)
			out = append(out, Service{Service: coverage.Service{Namespace: s.Namespace, Name: s.Name}})
		}
		out[i].Series = s.Series
	}
	return out
}
