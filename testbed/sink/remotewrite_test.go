package sink

import (
	"bytes"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

func newRemoteWrite(t *testing.T) *RemoteWrite {
	s, err := NewRemoteWrite("")
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// post sends one remote-write request and returns the answer's status and headers.
func post(t *testing.T, s *RemoteWrite, contentType string, body []byte) (int, http.Header) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), bytes.NewReader(snappy.Encode(nil, body)))
	require.NoError(t, err)
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", contentType)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, resp.Header
}

const (
	type1 = "application/x-protobuf"
	type2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

func post1(t *testing.T, s *RemoteWrite, req *prompb.WriteRequest) int {
	body, err := req.Marshal()
	require.NoError(t, err)
	status, _ := post(t, s, type1, body)
	return status
}

func floats1(name string, samples ...prompb.Sample) *prompb.WriteRequest {
	return &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels: []prompb.Label{{Name: "__name__", Value: name}}, Samples: samples,
	}}}
}

func TestRemoteWrite1KeepsSamplesExemplarsAndMetadata(t *testing.T) {
	s := newRemoteWrite(t)
	req := floats1("a_total", prompb.Sample{Timestamp: 1000, Value: 2})
	req.Timeseries[0].Exemplars = []prompb.Exemplar{{Labels: []prompb.Label{{Name: "trace_id", Value: "ab"}}, Value: 7, Timestamp: 900}}
	req.Metadata = []prompb.MetricMetadata{{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "a_total", Help: "h"}}
	require.Equal(t, http.StatusNoContent, post1(t, s, req))
	require.Equal(t, http.StatusNoContent, post1(t, s, floats1("a_total", prompb.Sample{Timestamp: 2000, Value: 5})))

	series := s.Series()[`__name__="a_total",`]
	last, ok := series.Last()
	require.True(t, ok)
	assert.Equal(t, Sample{Millis: 2000, Value: 5}, last)
	assert.Equal(t, []Exemplar{{TraceID: "ab", Value: 7, Millis: 900}}, series.Exemplars)
	assert.Equal(t, map[string]Metadata{"a_total": {Type: "counter", Help: "h"}}, s.Metadata())
	assert.Equal(t, RemoteWriteStats{Requests1: 2, Samples: 2, Exemplars: 1}, s.Stats())
}

func TestRemoteWriteSeesViolationsOfOrderAndStaleMarkers(t *testing.T) {
	s := newRemoteWrite(t)
	stale := math.Float64frombits(value.StaleNaN)
	for _, sample := range []prompb.Sample{{Timestamp: 3000, Value: 1}, {Timestamp: 3000, Value: 1}, {Timestamp: 2000, Value: 1}, {Timestamp: 4000, Value: stale}} {
		require.Equal(t, http.StatusNoContent, post1(t, s, floats1("a", sample)))
	}
	st := s.Stats()
	assert.EqualValues(t, 1, st.OutOfOrder)
	assert.EqualValues(t, 1, st.Repeated)
	series := s.Series()[`__name__="a",`]
	assert.True(t, series.Ended())
	last, ok := series.Last()
	require.True(t, ok)
	assert.False(t, last.Stale())
}

func TestRemoteWrite2KeepsHistogramsStartTimesAndMetadata(t *testing.T) {
	s := newRemoteWrite(t)
	h := &histogram.Histogram{Schema: 0, Count: 3, Sum: 5, PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{3}}
	req := writev2.Request{
		Symbols: []string{"", "__name__", "d", "help"},
		Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2},
			Histograms: []writev2.Histogram{writev2.FromIntHistogram(500, 1000, h)},
			Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM, HelpRef: 3},
		}},
	}
	body, err := req.Marshal()
	require.NoError(t, err)
	status, header := post(t, s, type2, body)
	require.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, "1", header.Get("X-Prometheus-Remote-Write-Histograms-Written"))
	series := s.Series()[`__name__="d",`]
	last, ok := series.Last()
	require.True(t, ok)
	assert.EqualValues(t, 500, last.StartMillis)
	assert.EqualValues(t, 3, last.Histogram.Count)
	assert.Equal(t, Metadata{Type: "histogram", Help: "help"}, s.Metadata()["d"])
}

func TestRemoteWriteRefusesWhatItCannotRead(t *testing.T) {
	s := newRemoteWrite(t)
	for name, c := range map[string]struct {
		contentType string
		body        []byte
	}{
		"not a message":         {type1, []byte{0x0a, 0x7f}},
		"symbols without empty": {type2, must(t, (&writev2.Request{Symbols: []string{"a"}}).Marshal)},
		"reference too high": {type2, must(t, (&writev2.Request{
			Symbols: []string{""}, Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}}},
		}).Marshal)},
		"another type": {"text/plain", nil},
	} {
		status, _ := post(t, s, c.contentType, c.body)
		assert.Equal(t, http.StatusBadRequest, status, name)
	}
	assert.EqualValues(t, 4, s.Stats().Invalid)
}

func must(t *testing.T, marshal func() ([]byte, error)) []byte {
	b, err := marshal()
	require.NoError(t, err)
	return b
}

func TestRemoteWriteRefusesAsItsFaultSays(t *testing.T) {
	s := newRemoteWrite(t)
	s.SetFault(Fault{Refuse: true, RetryAfter: 2 * time.Second})
	status, header := post(t, s, type1, nil)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "2", header.Get("Retry-After"))
	s.SetFault(Fault{})
	require.Equal(t, http.StatusNoContent, post1(t, s, floats1("a", prompb.Sample{Timestamp: 1, Value: 1})))
}

func TestREDIsReadFromSpanMetrics(t *testing.T) {
	s := newRemoteWrite(t)
	at := func(name, le string, v float64) prompb.TimeSeries {
		labels := []prompb.Label{
			{Name: "__name__", Value: name},
			{Name: "service_name", Value: "a"},
			{Name: "span_name", Value: "op"},
			{Name: "span_kind", Value: "SPAN_KIND_SERVER"},
			{Name: "status_code", Value: "STATUS_CODE_UNSET"},
			{Name: "http_route", Value: "/r"},
		}
		if le != "" {
			labels = append(labels, prompb.Label{Name: "le", Value: le})
		}
		return prompb.TimeSeries{Labels: labels, Samples: []prompb.Sample{{Timestamp: 1, Value: v}}}
	}
	require.Equal(t, http.StatusNoContent, post1(t, s, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{
		at(callsName, "", 3), at(durationName+"_count", "", 3), at(durationName+"_sum", "", 10.5),
		at(durationName+"_bucket", "2.5", 1), at(durationName+"_bucket", "5", 2), at(durationName+"_bucket", "+Inf", 3),
	}}))
	bounds := []time.Duration{2500 * time.Microsecond, 5 * time.Millisecond}
	got, err := s.RED(bounds)
	require.NoError(t, err)
	want := truth.NewRED(bounds)
	*want.At(truth.Series{Service: "a", Operation: "op", Kind: "SERVER", Status: "UNSET", Route: "/r"}) = truth.Counts{
		Calls: 3, Observations: 3, SumNanos: 10.5e6, Cumulative: []uint64{1, 2, 3},
	}
	require.NoError(t, want.Diff(got, 0))
	assert.EqualValues(t, 3, s.Calls())
	_, err = s.RED(bounds[:1])
	require.ErrorContains(t, err, `le="5" is none of the bounds`)
}
