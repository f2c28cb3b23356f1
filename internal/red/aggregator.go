package red

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Options are what the aggregator is not configured with.
type Options struct {
	// WriterID is used where Config.WriterID is empty.
	WriterID string
	// Lanes is how many lanes [Aggregator.Observe] may be called with; 0 counts as 1.
	Lanes int
	// Start is when counting starts: no series is older.
	Start time.Time
}

// Aggregator counts spans.
type Aggregator struct {
	families []*family
	bounds   *bounds // nil where the histogram is exponential or off
	unit     float64 // nanoseconds in the duration metric's unit
	names    metricNames
	expiry   expiry
	seed     maphash.Seed

	registry  *registry
	lanes     []lane
	exemplars *exemplars // nil where they are off

	flushing  sync.Mutex // protects all below
	spare     [2]*table  // by family, empty
	peak      [2]int     // by family: the most entries a lane's table had lately
	last      pcommon.Timestamp
	resources []*resource // that have series, in the order they were first flushed
	idle      []*series   // scratch
	counters  counters
	bytes     atomic.Int64
}

// metricNames are the metrics' names and the duration's unit.
type metricNames struct{ calls, duration, unit string }

// expiry is after how many nanoseconds a series, or all series of a resource, are forgotten; 0: never.
type expiry struct{ series, resource pcommon.Timestamp }

// New returns an aggregator and adds the attributes it observes to the schema. It fails where cfg is not valid, where there
// is no writer id, and where the schema is full.
func New(cfg Config, opts Options, s *spanview.Schema) (*Aggregator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	writer := clean(cfg.WriterID)
	if writer == "" {
		writer = clean(opts.WriterID)
	}
	if writer == "" {
		return nil, errors.New("writer_id must be set where the host has no name: give each gateway one of its own")
	}
	families, err := newFamilies(&cfg, s)
	if err != nil {
		return nil, fmt.Errorf("cannot observe the dimensions: %w", err)
	}
	a := &Aggregator{
		families: families,
		unit:     nanosPerUnit(cfg.Histogram.Unit),
		names:    newMetricNames(&cfg),
		expiry:   expiry{series: pcommon.Timestamp(cfg.SeriesExpiration), resource: pcommon.Timestamp(cfg.MetricsExpiration)},
		seed:     maphash.MakeSeed(),
		registry: newRegistry(writer, cfg.AggregationCardinalityLimit),
		lanes:    make([]lane, max(opts.Lanes, 1)),
		last:     millisecond(opts.Start) - pcommon.Timestamp(time.Millisecond),
	}
	if !cfg.Histogram.Disable && cfg.Histogram.Exponential == nil {
		a.bounds = newBounds(cfg.Histogram.buckets(), a.unit)
	}
	for _, f := range families {
		f.shape(a.bounds, cfg.Histogram.maxSize())
		for i := range a.lanes {
			a.lanes[i].tables[f.index] = newTable(f.stride, f.maxSize)
		}
		a.spare[f.index] = newTable(f.stride, f.maxSize)
	}
	if cfg.Exemplars.Enabled {
		a.exemplars = newExemplars(cfg.Exemplars.MaxPerDataPoint, a.registry.seriesMax(), a.bounds)
	}
	return a, nil
}

// shape sets the size of a family's cells.
func (f *family) shape(b *bounds, maxSize int32) {
	switch f.durations {
	case durationsExplicit:
		f.stride = cellBuckets + len(b.nanos) + 1
	case durationsExponential:
		f.stride, f.maxSize = cellBuckets, maxSize
	default:
		f.stride = 1
	}
}

func newMetricNames(c *Config) metricNames {
	prefix := ""
	if c.Namespace != "" {
		prefix = c.Namespace + "."
	}
	return metricNames{calls: prefix + metricCalls, duration: prefix + metricDuration, unit: c.Histogram.Unit}
}

// millisecond cuts a time to milliseconds, which is all that Prometheus keeps of it.
func millisecond(t time.Time) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(t.Truncate(time.Millisecond))
}
