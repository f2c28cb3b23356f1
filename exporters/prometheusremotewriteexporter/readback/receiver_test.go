//go:build integration

package readback

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

// maxDifferences is how many are told one by one.
const maxDifferences = 10

// differences counts what a receiver has otherwise than it must, and tells the first.
type differences struct {
	t *testing.T
	n int
}

func (d *differences) add(format string, args ...any) {
	d.t.Helper()
	if d.n++; d.n <= maxDifferences {
		d.t.Errorf(format, args...)
	}
}

func (d *differences) done(what string, compared int) {
	d.t.Helper()
	d.t.Logf("%d %s read back, %d differences", compared, what, d.n)
}

// checkSamples compares all samples that Prometheus has with those it must have, by remote read: streamed chunks, which
// are as stored, stale markers too.
func checkSamples(t *testing.T, expected map[string]*series, p *harness.Prometheus) {
	t.Helper()
	address, err := url.Parse(p.RemoteReadURL())
	require.NoError(t, err)
	client, err := remote.NewReadClient("readback", &remote.ClientConfig{
		URL: &commonconfig.URL{URL: address}, Timeout: model.Duration(time.Minute), ChunkedReadLimit: 64 << 20,
		AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{prompb.ReadRequest_STREAMED_XOR_CHUNKS},
	})
	require.NoError(t, err)
	matcher := labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")
	query, err := remote.ToQuery(math.MinInt32, time.Now().Add(time.Hour).UnixMilli(), []*labels.Matcher{matcher}, nil)
	require.NoError(t, err)
	set, err := client.Read(t.Context(), query, false)
	require.NoError(t, err)

	got := map[string][]sample{}
	var iterator chunkenc.Iterator
	for set.Next() {
		one := set.At()
		iterator = one.Iterator(iterator)
		samples, err := readSamples(iterator)
		require.NoError(t, err)
		key := one.Labels().String()
		got[key] = append(got[key], samples...)
	}
	require.NoError(t, set.Err())
	compare(t, expected, got)
}

func readSamples(it chunkenc.Iterator) ([]sample, error) {
	var all []sample
	for {
		switch it.Next() {
		case chunkenc.ValNone:
			return all, it.Err()
		case chunkenc.ValFloat:
			at, v := it.At()
			all = append(all, sample{millis: at, bits: math.Float64bits(v)})
		case chunkenc.ValHistogram:
			at, h := it.AtHistogram(nil)
			all = append(all, sample{millis: at, native: readNative(h)})
		default:
			return nil, fmt.Errorf("a sample of a kind that nobody sent")
		}
	}
}

func readNative(h *histogram.Histogram) *buckets {
	b := &buckets{
		schema: h.Schema, zeroWidth: math.Float64bits(h.ZeroThreshold), sum: math.Float64bits(h.Sum), zero: h.ZeroCount, count: h.Count,
		positive: readSide(h.PositiveSpans, h.PositiveBuckets), negatives: readSide(h.NegativeSpans, h.NegativeBuckets),
	}
	return b
}

func readSide(spans []histogram.Span, deltas []int64) map[int]int64 {
	out := map[int]int64{}
	index, at, count := 0, 0, int64(0)
	for _, span := range spans {
		index += int(span.Offset)
		for range span.Length {
			count += deltas[at]
			if count != 0 {
				out[index] = count
			}
			index, at = index+1, at+1
		}
	}
	return out
}

// compare compares all samples of all series.
func compare(t *testing.T, expected map[string]*series, got map[string][]sample) {
	t.Helper()
	d, compared := &differences{t: t}, 0
	for key, samples := range got {
		s, ok := expected[key]
		if !ok {
			d.add("%s was never sent, it has %d samples", key, len(samples))
			continue
		}
		i, length := 0, s.length()
		for want := range s.samples() {
			if i < len(samples) && want.equal(samples[i]) {
				i, compared = i+1, compared+1
				continue
			}
			have := "nothing more"
			if i < len(samples) {
				have = samples[i].String()
			}
			d.add("%s: sample %d must be %v, is %s", key, i, want, have)
			break
		}
		if extra := len(samples) - i; i == length && extra > 0 {
			d.add("%s has %d samples too many, the first is %v", key, extra, samples[i])
		}
	}
	for key := range expected {
		if _, ok := got[key]; !ok {
			d.add("%s is not there", key)
		}
	}
	d.done("samples", compared)
}

func (s sample) equal(o sample) bool {
	if s.millis != o.millis || s.bits != o.bits || (s.native == nil) != (o.native == nil) {
		return false
	}
	return s.native == nil || s.native.equal(o.native)
}

// equal ignores the schema of stale markers: nothing is counted by it.
func (b *buckets) equal(o *buckets) bool {
	if b.sum != o.sum || b.count != o.count || b.zero != o.zero || !maps.Equal(b.positive, o.positive) || !maps.Equal(b.negatives, o.negatives) {
		return false
	}
	return b.sum == value.StaleNaN || b.schema == o.schema && b.zeroWidth == o.zeroWidth
}

func (s sample) String() string {
	if s.native != nil {
		return fmt.Sprintf("%v at %d", s.native, s.millis)
	}
	return fmt.Sprintf("%v (%#x) at %d", math.Float64frombits(s.bits), s.bits, s.millis)
}

func (b *buckets) String() string { return fmt.Sprintf("%+v", *b) }

// checkExemplars compares all exemplars that Prometheus has with those it must have.
func checkExemplars(t *testing.T, tr *traffic, expected map[string]*series, p *harness.Prometheus) {
	t.Helper()
	d, compared := &differences{t: t}, 0
	seen := map[string]bool{}
	for producer := range tr.producers {
		selector := fmt.Sprintf(`{instance="p%d"}`, producer)
		for _, answer := range p.QueryExemplars(selector, tr.start.Add(-time.Hour), time.Now()) {
			key := labels.FromMap(answer.Labels).String()
			s, ok := expected[key]
			if !ok || seen[key] {
				d.add("exemplars of %s: once more, or never sent", key)
				continue
			}
			seen[key] = true
			var got []exemplar
			for _, x := range answer.Exemplars {
				v, err := strconv.ParseFloat(x.Value, 64)
				require.NoError(t, err)
				got = append(got, exemplar{int64(math.Round(x.Timestamp * 1000)), math.Float64bits(v), labels.FromMap(x.Labels).String()})
			}
			if want := s.allExemplars(); !slices.Equal(want, got) {
				d.add("%s has %d exemplars instead of %d: %v instead of %v", key, len(got), len(want), firstOther(got, want), firstOther(want, got))
			} else {
				compared += len(got)
			}
		}
	}
	for key, s := range expected {
		if !seen[key] && len(s.allExemplars()) > 0 {
			d.add("%s has no exemplars", key)
		}
	}
	d.done("exemplars", compared)
}

// firstOther is the first of a that isn't at its place in b.
func firstOther(a, b []exemplar) any {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return a[i]
		}
	}
	return "nothing"
}

// checkEnds asks, around the steps in which series end and come back, which are there.
func checkEnds(t *testing.T, tr *traffic, expected map[string]*series, p *harness.Prometheus) {
	t.Helper()
	d := &differences{t: t}
	names := []string{"__name__", "instance", "i", "le", "quantile"}
	gap, end, compared := tr.steps/3, 2*tr.steps/3, 0
	for _, step := range []int{gap - 1, gap, gap + pause, gap + pause + 1, end - 1, end, tr.steps - 1} {
		at := tr.start.Add(time.Duration(step)*interval + time.Second)
		live := map[string]bool{}
		for _, s := range p.Query(`count by (__name__, instance, i, le, quantile) ({__name__!=""})`, at) {
			live[fmt.Sprint(labels.FromMap(s.Labels).MatchLabels(true, names...))] = true
		}
		for _, s := range expected {
			key := fmt.Sprint(s.labels.MatchLabels(true, names...))
			if want := s.state(step) == recorded; want != live[key] {
				d.add("step %d: %s is there: %t, must be %t", step, key, live[key], want)
			}
			delete(live, key)
			compared++
		}
		for key := range live {
			d.add("step %d: %s was never sent", step, key)
		}
	}
	d.done("answers of what is live", compared)
}
