//go:build integration

package readback

import (
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// sample is one of a series.
type sample struct {
	millis int64
	bits   uint64   // of the value, where it is no histogram
	native *buckets // nil: a number
}

// buckets is a native histogram; those that count nothing are left out, because a receiver may add or drop them.
type buckets struct {
	schema              int32
	zeroWidth, sum      uint64 // bits
	zero, count         uint64
	positive, negatives map[int]int64
}

// exemplar is what a receiver has of an example.
type exemplar struct {
	millis int64
	bits   uint64
	labels string
}

// series is one that a receiver must have.
type series struct {
	source
	labels    labels.Labels
	value     func(step int) float64 // nil: of native histograms
	exemplars func(x example) bool   // which of the source's are of this series; nil: none
}

// expected are all series that a receiver must have, by their labels.
func (t *traffic) expected() map[string]*series {
	all := map[string]*series{}
	add := func(s series, name string, more ...string) {
		s.labels = s.identity(name, more...)
		all[s.labels.String()] = &s
	}
	for producer := range t.producers {
		add(series{source: source{t, target, producer, 0}, value: func(int) float64 { return 1 }}, "target_info")
		for _, s := range t.sources(producer) {
			s.eachSeries(add)
		}
	}
	return all
}

// eachSeries calls add for each series of a source.
func (s source) eachSeries(add func(s series, name string, more ...string)) {
	every := func(example) bool { return true }
	sum := func(step int) float64 { v, _ := s.sum(step); return v }
	switch s.kind {
	case counter:
		add(series{source: s, value: s.number, exemplars: every}, "rb_requests_total")
	case gauge:
		add(series{source: s, value: s.number}, "rb_level")
	case native:
		add(series{source: s, exemplars: every}, "rb_size_bytes")
	case summary:
		for i, q := range quantiles {
			add(series{source: s, value: func(step int) float64 { return s.quantile(step, i) }}, "rb_wait_seconds", "quantile", decimal(q))
		}
		add(series{source: s, value: sum}, "rb_wait_seconds_sum")
		add(series{source: s, value: func(step int) float64 { return float64(s.rounds(step)) }}, "rb_wait_seconds_count")
	case classic:
		const name = "rb_latency_milliseconds"
		if _, ok := s.sum(0); ok {
			add(series{source: s, value: sum}, name+"_sum")
		}
		lower := math.Inf(-1)
		for _, bound := range append(s.bounds(), math.Inf(1)) {
			from := lower
			add(series{
				source: s, value: func(step int) float64 { return s.upTo(step, bound) },
				exemplars: func(x example) bool { return x.value > from && x.value <= bound },
			}, name+"_bucket", "le", decimal(bound))
			lower = bound
		}
		add(series{source: s, value: func(step int) float64 { return s.upTo(step, math.Inf(1)) }}, name+"_count")
	}
}

func (s source) number(step int) float64 {
	if n, ok := s.integer(step); ok {
		return float64(n)
	}
	return s.double(step)
}

// upTo is what a classic histogram counts up to a bound.
func (s source) upTo(step int, bound float64) float64 {
	total := uint64(0)
	for i, n := range s.buckets(step) {
		if i == len(s.bounds()) && !math.IsInf(bound, 1) || i < len(s.bounds()) && s.bounds()[i] > bound {
			break
		}
		total += n
	}
	return float64(total)
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func (s source) route() string { return fmt.Sprintf("/käse \"%d\"\n", s.index%7) }

// identity is the labels of a series.
func (s source) identity(name string, more ...string) labels.Labels {
	all := map[string]string{"__name__": name, "job": "shop/readback", "instance": fmt.Sprint("p", s.producer)}
	if s.kind == target {
		all["region"] = "eu"
	} else {
		all["i"], all["http_route"], all["otel_scope_name"] = fmt.Sprint(s.index), s.route(), "lib"
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return labels.FromMap(all)
}

// samples are those of a series, in time order.
func (s *series) samples() iter.Seq[sample] {
	return func(yield func(sample) bool) {
		for step := range s.steps {
			state := s.state(step)
			if state == absent {
				continue
			}
			out := sample{millis: s.millis(step)}
			switch {
			case s.value == nil:
				out.native = s.native(step)
			case state == stale:
				out.bits = value.StaleNaN
			default:
				out.bits = math.Float64bits(s.value(step))
			}
			if !yield(out) {
				return
			}
		}
	}
}

// length is how many samples a series has.
func (s *series) length() int {
	n := 0
	for step := range s.steps {
		if s.state(step) != absent {
			n++
		}
	}
	return n
}

// native is what Prometheus has of a native histogram: at most scale 8, and its buckets are numbered by their upper end.
func (s source) native(step int) *buckets {
	if s.state(step) == stale {
		return &buckets{sum: value.StaleNaN}
	}
	width, zero := s.zero(step)
	if width == 0 {
		width = 1e-128
	}
	sum, _ := s.sum(step)
	b := &buckets{
		schema: int32(min(s.scale(step), 8)), zeroWidth: math.Float64bits(width), sum: math.Float64bits(sum), zero: zero, count: zero,
		positive: map[int]int64{}, negatives: map[int]int64{},
	}
	for side, to := range []map[int]int64{b.positive, b.negatives} {
		first, counts := s.fine(step, side)
		for i, n := range counts {
			if n > 0 {
				to[(first+i)>>(s.finest()-int(b.schema))+1] += int64(n)
				b.count += n
			}
		}
	}
	return b
}

// allExemplars are those of a series, in time order.
func (s *series) allExemplars() []exemplar {
	var all []exemplar
	for step := range s.steps {
		if s.exemplars == nil {
			break
		}
		for _, x := range s.examples(step) {
			if s.exemplars(x) {
				all = append(all, exemplar{x.millis, math.Float64bits(x.value), x.labels().String()})
			}
		}
	}
	return all
}

func (x example) labels() labels.Labels {
	all := map[string]string{"trace_id": hex.EncodeToString(x.trace[:]), "span_id": hex.EncodeToString(x.span[:])}
	if id, ok := x.attributes["user.id"]; ok {
		all["user_id"] = id
	}
	return labels.FromMap(all)
}

// totals counts what a receiver must have.
type totals struct {
	points, samples, histograms, exemplars int
}

func (t *traffic) totals(expected map[string]*series) totals {
	n := totals{}
	for producer := range t.producers {
		for _, s := range t.sources(producer) {
			for step := range t.steps {
				if s.state(step) != absent {
					n.points++
				}
			}
		}
	}
	for _, s := range expected {
		if s.value == nil {
			n.histograms += s.length()
		} else {
			n.samples += s.length()
		}
		n.exemplars += len(s.allExemplars())
	}
	return n
}
