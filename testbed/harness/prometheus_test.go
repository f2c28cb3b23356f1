//go:build integration

package harness

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrometheusTakesRemoteWriteAndAnswersQueries(t *testing.T) {
	p := StartPrometheus(t)
	now := time.Now()
	body, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:    []prompb.Label{{Name: "__name__", Value: "a_total"}, {Name: "service_name", Value: "x"}},
		Samples:   []prompb.Sample{{Timestamp: now.UnixMilli(), Value: 42}},
		Exemplars: []prompb.Exemplar{{Labels: []prompb.Label{{Name: "trace_id", Value: "ab"}}, Value: 1, Timestamp: now.UnixMilli()}},
	}}}).Marshal()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.RemoteWriteURL(), bytes.NewReader(snappy.Encode(nil, body)))
	require.NoError(t, err)
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)

	got := p.Query(`a_total`, now)
	require.Len(t, got, 1)
	assert.EqualValues(t, 42, got[0].Value)
	assert.Equal(t, "x", got[0].Labels["service_name"])
	exemplars := p.QueryExemplars(`a_total`, now.Add(-time.Minute), now.Add(time.Minute))
	require.Len(t, exemplars, 1)
	assert.Equal(t, "ab", exemplars[0].Exemplars[0].Labels["trace_id"])
	p.StopWithin(10 * time.Second)
}
