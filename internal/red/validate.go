package red

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	limitMax        = 10_000_000
	exemplarsMax    = 100
	bucketsMax      = 256
	histogramMinMax = 8 // below it the scale of garbage durations falls under -4, which Prometheus has not
	histogramMaxMax = 16384
)

// refused are the keys of span_metrics that have no meaning here, and what to do instead.
var refused = map[string]string{
	"dimensions_cache_size":          "aggregation_cardinality_limit bounds the series",
	"resource_metrics_cache_size":    "aggregation_cardinality_limit bounds the series; resources are never evicted",
	"metric_timestamp_cache_size":    "metrics are cumulative",
	"events":                         "span events are not counted; add an attribute of the span to dimensions",
	"include_instrumentation_scope":  "series are not told apart by scope",
	"add_resource_attributes":        "list the resource attributes in resource_metrics_key_attributes or dimensions",
	"enable_metrics_sampling_method": "every span counts as one",
}

// reserved are names that a dimension or key attribute can't have, and why.
var reserved = map[string]string{
	attrServiceName: "is on every series",
	attrSpanName:    "is on every series",
	attrSpanKind:    "is on every series",
	attrStatusCode:  "is on every series",
	attrEnvironment: "is on every series whose resource has it",
	attrOverflow:    "marks overflow series",
	"job":           "is a label that Prometheus sets from service.namespace and service.name",
	"instance":      "is a label that Prometheus sets from service.instance.id, the writer's id",
	"le":            "is the label of histogram buckets",
	"__name__":      "is the label of the metric's name",
}

// problems collects everything that is wrong with a configuration.
type problems struct{ list []error }

func (p *problems) addf(path, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s "+format, append([]any{path}, args...)...))
}

// Validate reports every mistake of the block at once, each with the path of its key, the rule and the value given.
func (c *Config) Validate() error {
	var p problems
	p.others("", c.Others)
	if t := c.AggregationTemporality; t != "" && t != TemporalityCumulative {
		p.addf("aggregation_temporality", "must be %s (got %q): put a cumulativetodelta processor behind the metrics "+
			"where a backend wants deltas", TemporalityCumulative, t)
	}
	if c.MetricsFlushInterval <= 0 {
		p.addf("metrics_flush_interval", "must be above 0s (got %s): 15s is the default", c.MetricsFlushInterval)
	}
	if c.SeriesExpiration < 0 {
		p.addf("series_expiration", "must be at least 0s (got %s): 0s stands for never", c.SeriesExpiration)
	}
	if c.MetricsExpiration < 0 {
		p.addf("metrics_expiration", "must be at least 0s (got %s): 0s stands for never", c.MetricsExpiration)
	}
	if n := c.AggregationCardinalityLimit; n < 1 || n > limitMax {
		p.addf("aggregation_cardinality_limit", "must be 1 to %d (got %d): 100000 is the default; there is no \"no limit\"",
			limitMax, n)
	}
	if n := c.Exemplars.MaxPerDataPoint; c.Exemplars.Enabled && (n < 1 || n > exemplarsMax) {
		p.addf("exemplars.max_per_data_point", "must be 1 to %d (got %d): set exemplars.enabled to false for none",
			exemplarsMax, n)
	}
	p.histogram(&c.Histogram)
	p.names(c)
	return errors.Join(p.list...)
}

func (p *problems) others(path string, keys map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if instead, ok := refused[key]; ok {
			p.addf(path+key, "of span_metrics is not supported here: %s; remove the key", instead)
		} else {
			p.addf(path+key, "is not a key of this block: remove it")
		}
	}
}

func (p *problems) histogram(h *HistogramConfig) {
	if h.Unit != UnitMilliseconds && h.Unit != UnitSeconds {
		p.addf("histogram.unit", "must be %q or %q (got %q)", UnitMilliseconds, UnitSeconds, h.Unit)
	}
	if h.Explicit != nil && h.Exponential != nil {
		p.addf("histogram", "must have explicit or exponential, not both: remove one")
	}
	if h.Exponential != nil {
		if n := h.maxSize(); n < histogramMinMax || n > histogramMaxMax {
			p.addf("histogram.exponential.max_size", "must be %d to %d (got %d): 160 is the default",
				histogramMinMax, histogramMaxMax, n)
		}
	}
	buckets := h.buckets()
	if len(buckets) > bucketsMax {
		p.addf("histogram.explicit.buckets", "must be at most %d (got %d)", bucketsMax, len(buckets))
	}
	for i, b := range buckets {
		if b <= 0 {
			p.addf(fmt.Sprintf("histogram.explicit.buckets[%d]", i), "must be above 0s (got %s)", b)
		} else if i > 0 && b <= buckets[i-1] {
			p.addf(fmt.Sprintf("histogram.explicit.buckets[%d]", i), "must be above the bound before it, %s (got %s)",
				buckets[i-1], b)
		}
	}
}

// names checks everything that becomes a label: no label may come from two places.
func (p *problems) names(c *Config) {
	for i, name := range c.ExcludeDimensions {
		path := fmt.Sprintf("exclude_dimensions[%d]", i)
		switch name {
		case attrServiceName, attrSpanName, attrSpanKind, attrStatusCode:
		case "collector.instance.id":
			p.addf(path, "must not be %q: the writer's id is the resource attribute %s here, which keeps the series of two "+
				"gateways apart; remove the entry", name, attrInstance)
		default:
			p.addf(path, "must be %s, %s, %s or %s (got %q): take other names out of dimensions",
				attrServiceName, attrSpanName, attrSpanKind, attrStatusCode, name)
		}
	}
	keys := map[string]string{}
	for i, name := range c.ResourceMetricsKeyAttributes {
		path := fmt.Sprintf("resource_metrics_key_attributes[%d]", i)
		switch {
		case isBaseIdentity(name):
		case name == attrInstance:
			p.addf(path, "must not be %q, which is the writer's id on the metrics: list it in dimensions to tell "+
				"instances apart", name)
		default:
			p.label(path, name, keys)
		}
	}
	calls, durations := maps.Clone(keys), maps.Clone(keys)
	p.dimensions("dimensions", c.Dimensions, calls)
	for _, d := range c.Dimensions {
		durations[d.Name] = "dimensions"
	}
	p.dimensions("calls_dimensions", c.CallsDimensions, calls)
	p.dimensions("histogram.dimensions", c.Histogram.Dimensions, durations)
}

func (p *problems) dimensions(path string, dims []Dimension, taken map[string]string) {
	for i, d := range dims {
		at := fmt.Sprintf("%s[%d]", path, i)
		if glob, ok := d.Others["glob"]; ok {
			p.addf(at+".glob", "of span_metrics is not supported here (got %q): list the attributes one by one with name", glob)
			continue
		}
		p.others(at+".", d.Others)
		p.label(at+".name", d.Name, taken)
	}
}

func (p *problems) label(path, name string, taken map[string]string) {
	switch before, twice := taken[name]; {
	case strings.TrimSpace(name) == "":
		p.addf(path, "must be the key of an attribute (got %q)", name)
	case reserved[name] != "":
		p.addf(path, "must not be %q, which %s: remove it", name, reserved[name])
	case twice:
		p.addf(path, "must be listed once (got %q, which %s has too): remove one", name, before)
	default:
		taken[name] = path
	}
}
