package sink

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTally(t *testing.T) *Tally {
	s, err := NewTally()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// tallied sends one message and returns the answer's status and headers, and how long its body was.
func tallied(t *testing.T, s *Tally, contentType string, message []byte) (int, http.Header, int) {
	body := snappy.Encode(nil, message)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, resp.Header, len(body)
}

var (
	up     = labels.FromStrings("__name__", "up", "job", "a")
	down   = labels.FromStrings("__name__", "down", "job", "a")
	target = labels.FromStrings("__name__", "target_info", "job", "a")
)

// message1 has one sample of each series at each of the times.
func message1(t *testing.T, series []labels.Labels, times ...int64) []byte {
	var req prompb.WriteRequest
	for _, ls := range series {
		ts := prompb.TimeSeries{Labels: prompb.FromLabels(ls, nil)}
		for _, at := range times {
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: at, Value: float64(at)})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	return must(t, req.Marshal)
}

func message2(t *testing.T, series []labels.Labels, times ...int64) []byte {
	symbols := writev2.NewSymbolTable()
	var req writev2.Request
	for _, ls := range series {
		ts := writev2.TimeSeries{LabelsRefs: symbols.SymbolizeLabels(ls, nil)}
		for _, at := range times {
			ts.Samples = append(ts.Samples, writev2.Sample{Timestamp: at, Value: float64(at), StartTimestamp: 1})
		}
		ts.Exemplars = []writev2.Exemplar{{Value: 1, Timestamp: 2}}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = symbols.Symbols()
	return must(t, req.Marshal)
}

func TestTallyCountsWhatComesAndSaysSo(t *testing.T) {
	s := newTally(t)
	status, header, sent1 := tallied(t, s, type1, message1(t, []labels.Labels{up, down, target}, 1, 2))
	assert.Equal(t, http.StatusNoContent, status)
	assert.Empty(t, header.Get("X-Prometheus-Remote-Write-Samples-Written"))
	status, header, sent2 := tallied(t, s, type2, message2(t, []labels.Labels{up, target}, 3))
	assert.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, "2", header.Get("X-Prometheus-Remote-Write-Samples-Written"))
	assert.Equal(t, "0", header.Get("X-Prometheus-Remote-Write-Histograms-Written"))
	assert.Equal(t, "2", header.Get("X-Prometheus-Remote-Write-Exemplars-Written"))
	assert.Equal(t, TallyCounts{Samples: 5, Bytes: uint64(sent1 + sent2), Requests: 2}, s.Counts())
}

func TestAuditFindsWhatIsMissingAndWhatCameTwice(t *testing.T) {
	s := newTally(t)
	tallied(t, s, type1, message1(t, []labels.Labels{up, down, target}, 10, 20))
	tallied(t, s, type2, message2(t, []labels.Labels{up}, 20, 30, 99))
	got, err := s.Audit([]int64{10, 20, 30})
	require.NoError(t, err)
	assert.Equal(t, Audit{Series: 2, Set: got.Set, Distinct: 5, Repeated: 1, Stray: 1, Missing: []uint64{0, 0, 1}}, got)
}

func TestASetOfSeriesIsTheSameInBothVersionsAndAnyOrder(t *testing.T) {
	set := func(contentType string, message []byte) uint64 {
		s := newTally(t)
		status, _, _ := tallied(t, s, contentType, message)
		require.Equal(t, http.StatusNoContent, status)
		a, err := s.Audit(nil)
		require.NoError(t, err)
		return a.Set
	}
	one := set(type1, message1(t, []labels.Labels{up, down}, 1))
	assert.Equal(t, one, set(type2, message2(t, []labels.Labels{down, up, target}, 5)))
	assert.NotEqual(t, one, set(type1, message1(t, []labels.Labels{up}, 1)))
	swapped := labels.FromStrings("__name__", "a", "job", "up")
	assert.NotEqual(t, one, set(type1, message1(t, []labels.Labels{swapped, down}, 1)))
}

func TestTallyRefusesWhatItCannotRead(t *testing.T) {
	s := newTally(t)
	for name, c := range map[string]struct {
		contentType string
		body        []byte
	}{
		"not a message":         {type1, []byte{0x0a, 0x7f}},
		"symbols without empty": {type2, must(t, (&writev2.Request{Symbols: []string{"a"}}).Marshal)},
		"reference too high": {type2, must(t, (&writev2.Request{
			Symbols: []string{""}, Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}}},
		}).Marshal)},
	} {
		status, _, _ := tallied(t, s, c.contentType, c.body)
		assert.Equal(t, http.StatusBadRequest, status, name)
	}
	assert.EqualValues(t, 3, s.Counts().Invalid)
	_, err := s.Audit(make([]int64, 65))
	require.ErrorContains(t, err, "at most 64")
}
