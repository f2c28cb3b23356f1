package sink

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// The names under which span metrics reach Prometheus.
const (
	callsName     = "traces_span_metrics_calls_total"
	durationName  = "traces_span_metrics_duration_milliseconds"
	bucketSuffix  = "_bucket"
	sumSuffix     = "_sum"
	countSuffix   = "_count"
	infinityLabel = "+Inf"
)

// RED reads calls and durations out of the series' last samples, added up over all labels that are not part of
// [truth.Series]. It fails where a bucket is not one of bounds.
func (s *RemoteWrite) RED(bounds []time.Duration) (*truth.RED, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	red := truth.NewRED(bounds)
	for _, series := range s.series {
		last, ok := series.Last()
		if !ok {
			continue
		}
		if err := AddRED(red, series.Labels, last.Value); err != nil {
			return nil, err
		}
	}
	return red, nil
}

// Calls returns the number of calls in all series' last samples.
func (s *RemoteWrite) Calls() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n uint64
	for _, series := range s.series {
		if last, ok := series.Last(); ok && series.Name() == callsName {
			n += uint64(last.Value)
		}
	}
	return n
}

// AddRED adds one series' value to a RED, be it from remote write or from a query's answer; other metrics are left out.
func AddRED(red *truth.RED, labels map[string]string, value float64) error {
	name := labels["__name__"]
	if name != callsName && !strings.HasPrefix(name, durationName) {
		return nil
	}
	c := red.At(REDSeries(labels))
	switch name {
	case callsName:
		c.Calls += uint64(value)
	case durationName + countSuffix:
		c.Observations += uint64(value)
	case durationName + sumSuffix:
		c.SumNanos += value * float64(time.Millisecond)
	case durationName + bucketSuffix:
		i, err := bucketIndex(red.Bounds, labels["le"])
		if err != nil {
			return err
		}
		c.Cumulative[i] += uint64(value)
	}
	return nil
}

// REDSeries reads the identity of a span-metrics series from its labels.
func REDSeries(labels map[string]string) truth.Series {
	return truth.Series{
		Service:   labels["service_name"],
		Operation: labels["span_name"],
		Kind:      strings.TrimPrefix(labels["span_kind"], "SPAN_KIND_"),
		Status:    strings.TrimPrefix(labels["status_code"], "STATUS_CODE_"),
		Method:    labels["http_request_method"],
		Route:     labels["http_route"],
		Code:      labels["http_response_status_code"],
	}
}

func bucketIndex(bounds []time.Duration, le string) (int, error) {
	if le == infinityLabel {
		return len(bounds), nil
	}
	millis, err := strconv.ParseFloat(le, 64)
	if err != nil {
		return 0, fmt.Errorf("le=%q is no number: %w", le, err)
	}
	i, found := slices.BinarySearch(bounds, time.Duration(math.Round(millis*float64(time.Millisecond))))
	if !found {
		return 0, fmt.Errorf("le=%q is none of the bounds %v", le, bounds)
	}
	return i, nil
}
