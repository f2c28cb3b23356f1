package red

import "time"

// Units of the duration metric.
const (
	UnitMilliseconds = "ms"
	UnitSeconds      = "s"
)

// TemporalityCumulative is the one value that aggregation_temporality may have.
const TemporalityCumulative = "AGGREGATION_TEMPORALITY_CUMULATIVE"

// Config is the `red:` block. Its keys mean what they mean in contrib's span_metrics connector unless their comment says
// otherwise; keys of span_metrics that are not here are refused with what replaces them.
type Config struct {
	// Namespace is put before the metrics' names, with a dot. Default "traces.span.metrics". "": the names are bare.
	Namespace string `mapstructure:"namespace"`

	// Histogram is the duration metric.
	Histogram HistogramConfig `mapstructure:"histogram"`

	// Dimensions are attributes that calls and durations are told apart by, beside service.name, span.name, span.kind and
	// status.code. Default: none.
	Dimensions []Dimension `mapstructure:"dimensions"`
	// CallsDimensions are further dimensions of calls alone. Default: none. With any of these, or of
	// histogram.dimensions, calls and durations are counted as two series, each taking room in the limit below, and
	// exemplars are on durations only.
	CallsDimensions []Dimension `mapstructure:"calls_dimensions"`
	// ExcludeDimensions leaves out some of service.name, span.name, span.kind and status.code. Default: none.
	ExcludeDimensions []string `mapstructure:"exclude_dimensions"`

	// ResourceMetricsKeyAttributes are resource attributes that series are told apart by, beside service.name,
	// service.namespace and deployment.environment.name, which always are. Default: none. (In span_metrics an empty list
	// stands for all attributes of the resource.)
	ResourceMetricsKeyAttributes []string `mapstructure:"resource_metrics_key_attributes"`

	// Exemplars says whether series carry the ids of kept traces.
	Exemplars ExemplarsConfig `mapstructure:"exemplars"`

	// MetricsFlushInterval is the time between flushes. Default 15s; must be above 0. Whoever calls Flush keeps it.
	MetricsFlushInterval time.Duration `mapstructure:"metrics_flush_interval"`

	// SeriesExpiration is how long a series may go without a span before it is marked stale and forgotten. Default 15m.
	// 0: never, its room in the limit is never free again.
	SeriesExpiration time.Duration `mapstructure:"series_expiration"`
	// MetricsExpiration is the same for all series of a resource together: it runs from the last span of any of them.
	// Default 0: never.
	MetricsExpiration time.Duration `mapstructure:"metrics_expiration"`

	// AggregationCardinalityLimit bounds the series of the process, overflow series apart. Default 100,000; 1 to
	// 10,000,000. (In span_metrics it is by resource and metric, and 0 means no limit.)
	AggregationCardinalityLimit int `mapstructure:"aggregation_cardinality_limit"`

	// WriterID tells the series of this process from those of other gateways; it must be unique among them and the same
	// after a restart. Default "": the receiver's, which is the host's name.
	WriterID string `mapstructure:"writer_id"`

	// AggregationTemporality must be "" or AGGREGATION_TEMPORALITY_CUMULATIVE.
	AggregationTemporality string `mapstructure:"aggregation_temporality"`

	// Others takes all keys that are not above, so that Validate can say what replaces them.
	Others map[string]any `mapstructure:",remain"`
}

// HistogramConfig is the `histogram:` block.
type HistogramConfig struct {
	// Disable leaves out the duration metric. Default false.
	Disable bool `mapstructure:"disable"`
	// Unit of the duration metric: "ms" (default) or "s".
	Unit string `mapstructure:"unit"`
	// Explicit gives the bounds of an explicit histogram. Default: 16 bounds from 2ms to 15s.
	Explicit *ExplicitConfig `mapstructure:"explicit"`
	// Exponential makes the histogram an exponential one. Default: explicit.
	Exponential *ExponentialConfig `mapstructure:"exponential"`
	// Dimensions are further dimensions of durations alone; see [Config.CallsDimensions]. Default: none.
	Dimensions []Dimension `mapstructure:"dimensions"`
}

// ExplicitConfig is the `explicit:` block.
type ExplicitConfig struct {
	// Buckets are the upper bounds, ascending, above 0, at most 256; a duration equal to a bound lies in its bucket.
	// Default (and none): 2, 4, 6, 8, 10, 50, 100, 200, 400, 800 ms, 1, 1.4, 2, 5, 10, 15 s.
	Buckets []time.Duration `mapstructure:"buckets"`
}

// ExponentialConfig is the `exponential:` block.
type ExponentialConfig struct {
	// MaxSize bounds the buckets of a series: the histogram's scale falls until all durations fit. Default (and 0) 160;
	// 8 to 16384.
	MaxSize int32 `mapstructure:"max_size"`
}

// Dimension is an attribute that becomes a label: of the span or, where the span has none, of the resource.
type Dimension struct {
	// Name is the attribute's key. Required.
	Name string `mapstructure:"name"`
	// Default is the label where neither span nor resource has the attribute. Default: no label.
	Default *string `mapstructure:"default"`
	// Others takes all other keys, so that Validate can say what replaces them.
	Others map[string]any `mapstructure:",remain"`
}

// ExemplarsConfig is the `exemplars:` block.
type ExemplarsConfig struct {
	// Enabled puts ids of kept traces on the series that counted their spans. Default true. (In span_metrics: false.)
	Enabled bool `mapstructure:"enabled"`
	// MaxPerDataPoint bounds the exemplars of a series and flush. Default 5; 1 to 100.
	MaxPerDataPoint int `mapstructure:"max_per_data_point"`
}

const (
	defaultNamespace = "traces.span.metrics"
	defaultMaxSize   = 160
)

var defaultBuckets = []time.Duration{
	2 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond, 8 * time.Millisecond, 10 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
	1000 * time.Millisecond, 1400 * time.Millisecond, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second,
}

// DefaultConfig returns the defaults that the field comments name.
func DefaultConfig() Config {
	return Config{
		Namespace:                   defaultNamespace,
		Histogram:                   HistogramConfig{Unit: UnitMilliseconds},
		Exemplars:                   ExemplarsConfig{Enabled: true, MaxPerDataPoint: 5},
		MetricsFlushInterval:        15 * time.Second,
		SeriesExpiration:            15 * time.Minute,
		AggregationCardinalityLimit: 100_000,
		AggregationTemporality:      TemporalityCumulative,
	}
}

// buckets returns the bounds in use.
func (h *HistogramConfig) buckets() []time.Duration {
	if h.Explicit == nil || len(h.Explicit.Buckets) == 0 {
		return defaultBuckets
	}
	return h.Explicit.Buckets
}

// maxSize returns the bound of an exponential histogram's buckets, 0 where the histogram is explicit.
func (h *HistogramConfig) maxSize() int32 {
	switch {
	case h.Exponential == nil:
		return 0
	case h.Exponential.MaxSize == 0:
		return defaultMaxSize
	default:
		return h.Exponential.MaxSize
	}
}
