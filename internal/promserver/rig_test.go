package promserver

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server behind HTTP.
type rig struct {
	*Server
	t    *testing.T
	url  string
	api  *remoteapi.API
	from time.Time
}

func open(t *testing.T, adapt func(*Config)) *rig {
	t.Helper()
	return openLogged(t, io.Discard, adapt)
}

func openLogged(t *testing.T, log io.Writer, adapt func(*Config)) *rig {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Directory = t.TempDir()
	if adapt != nil {
		adapt(&cfg)
	}
	require.NoError(t, cfg.Validate())
	s, err := Open(cfg, "localhost:9090", slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, s.Close())
	})
	api, err := remoteapi.NewAPI(server.URL, remoteapi.WithAPIHTTPClient(server.Client()), remoteapi.WithAPIPath("api/v1/write"))
	require.NoError(t, err)
	return &rig{Server: s, t: t, url: server.URL, api: api, from: time.Now().Add(-time.Minute)}
}

// series is a counter at one time, with an exemplar.
type series struct {
	name, id string
	value    float64
}

// write sends the series.
func (r *rig) write(m remoteapi.WriteMessageType, at time.Time, all ...series) (remoteapi.WriteResponseStats, error) {
	if m == remoteapi.WriteV1MessageType {
		return r.api.Write(r.t.Context(), m, requestV1(at, all))
	}
	return r.api.Write(r.t.Context(), m, requestV2(at, all))
}

func requestV1(at time.Time, all []series) *prompb.WriteRequest {
	req := &prompb.WriteRequest{}
	for _, s := range all {
		labels := []prompb.Label{{Name: "__name__", Value: s.name}, {Name: "id", Value: s.id}}
		req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
			Labels:    labels,
			Samples:   []prompb.Sample{{Value: s.value, Timestamp: at.UnixMilli()}},
			Exemplars: []prompb.Exemplar{{Labels: []prompb.Label{{Name: "trace_id", Value: "t" + s.id}}, Value: s.value, Timestamp: at.UnixMilli()}},
		})
	}
	return req
}

func requestV2(at time.Time, all []series) *writev2.Request {
	symbols := writev2.NewSymbolTable()
	refs := func(texts ...string) (out []uint32) {
		for _, text := range texts {
			out = append(out, symbols.Symbolize(text))
		}
		return out
	}
	req := &writev2.Request{}
	for _, s := range all {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{
			LabelsRefs: refs("__name__", s.name, "id", s.id),
			Samples:    []writev2.Sample{{Value: s.value, Timestamp: at.UnixMilli()}},
			Exemplars:  []writev2.Exemplar{{LabelsRefs: refs("trace_id", "t"+s.id), Value: s.value, Timestamp: at.UnixMilli()}},
		})
	}
	req.Symbols = symbols.Symbols()
	return req
}

// answer is the envelope of the API's answers.
type answer struct {
	Status string          `json:"status"`
	Data   json.RawMessage `json:"data"`
	Error  string          `json:"error"`
}

// call makes a call of the API, as a form where form is set.
func (r *rig) call(path string, values url.Values, form bool) (int, answer) {
	r.t.Helper()
	var resp *http.Response
	var err error
	if form {
		resp, err = http.PostForm(r.url+path, values)
	} else {
		resp, err = http.Get(r.url + path + "?" + values.Encode())
	}
	require.NoError(r.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	var a answer
	require.NoError(r.t, json.Unmarshal(body, &a), "%s", body)
	return resp.StatusCode, a
}

// query returns the value of an instant query by the label id.
func (r *rig) query(expression string) map[string]string {
	r.t.Helper()
	status, a := r.call("/api/v1/query", url.Values{"query": {expression}}, true)
	require.Equal(r.t, http.StatusOK, status, a.Error)
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  []any
		}
	}
	require.NoError(r.t, json.Unmarshal(a.Data, &data))
	out := map[string]string{}
	for _, s := range data.Result {
		out[s.Metric["id"]] = fmt.Sprint(s.Value[1])
	}
	return out
}
