package harness

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// Prometheus is a real Prometheus server that takes remote write, 1.0 and 2.0, and exemplars.
type Prometheus struct {
	*Program
	address string
}

// PrometheusOptions says which Prometheus is started, and how.
type PrometheusOptions struct {
	// Path is of the server's program; "": the one that is built here (testbed/servers/prometheus, minutes the first time).
	Path string
	// Features of --enable-feature, besides exemplar-storage.
	Features []string
	// Exemplars is how many exemplars of all series it keeps; 0: Prometheus' default, 100,000.
	Exemplars int
	// Message is the only remote-write message that it accepts; "": all that it knows.
	Message string
}

// StartPrometheus starts the server that is built here, with further features of --enable-feature where a test names them.
func StartPrometheus(t testing.TB, features ...string) *Prometheus {
	t.Helper()
	return StartPrometheusWith(t, PrometheusOptions{Features: features})
}

// StartPrometheusWith starts a server.
func StartPrometheusWith(t testing.TB, o PrometheusOptions) *Prometheus {
	t.Helper()
	if o.Path == "" {
		const program = "github.com/prometheus/prometheus/cmd/prometheus"
		o.Path = buildModule(t, "testbed/servers/prometheus", "bin/servers/prometheus", "-tags=remove_all_sd", program)
	}
	config := "global: {}\n"
	if o.Exemplars > 0 {
		config += fmt.Sprintf("storage: {exemplars: {max_exemplars: %d}}\n", o.Exemplars)
	}
	address := FreeAddress(t)
	args := []string{
		"--config.file=" + WriteFile(t, "prometheus.yml", config),
		"--storage.tsdb.path=" + filepath.Join(t.TempDir(), "tsdb"),
		"--web.listen-address=" + address,
		"--web.enable-remote-write-receiver",
		"--enable-feature=" + strings.Join(append(o.Features, "exemplar-storage"), ","),
	}
	if o.Message != "" {
		args = append(args, "--web.remote-write-receiver.accepted-protobuf-messages="+o.Message)
	}
	p := &Prometheus{Program: StartProgram(t, proc.Options{Path: o.Path, Args: args}, address), address: address}
	Wait(t, startTimeout, "Prometheus is ready", func() bool {
		_, err := get(t.Context(), "http://"+address+"/-/ready")
		return err == nil
	})
	return p
}

// PrometheusAt is one that somebody else runs.
func PrometheusAt(t testing.TB, address string) *Prometheus {
	return &Prometheus{Program: &Program{t: t}, address: address}
}

// RemoteWriteURL is where the server takes remote write.
func (p *Prometheus) RemoteWriteURL() string { return "http://" + p.address + "/api/v1/write" }

// RemoteReadURL is where the server answers remote read.
func (p *Prometheus) RemoteReadURL() string { return "http://" + p.address + "/api/v1/read" }

// Sample is one element of an instant vector.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates PromQL at a time and returns the instant vector.
func (p *Prometheus) Query(promql string, at time.Time) []Sample {
	p.t.Helper()
	var vector []struct {
		Metric map[string]string `json:"metric"`
		Value  [2]any            `json:"value"`
	}
	p.api("query", url.Values{"query": {promql}, "time": {seconds(at)}}, &vector)
	out := make([]Sample, len(vector))
	for i, v := range vector {
		text, _ := v.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			p.t.Fatalf("%q is no value: %v", text, err)
		}
		out[i] = Sample{Labels: v.Metric, Value: value}
	}
	return out
}

// ExemplarSeries is a series that has exemplars.
type ExemplarSeries struct {
	Labels    map[string]string `json:"seriesLabels"`
	Exemplars []struct {
		Labels    map[string]string `json:"labels"`
		Value     string            `json:"value"`
		Timestamp float64           `json:"timestamp"`
	} `json:"exemplars"`
}

// QueryExemplars returns the exemplars of all series that a PromQL expression selects, between two times.
func (p *Prometheus) QueryExemplars(promql string, from, to time.Time) []ExemplarSeries {
	p.t.Helper()
	var out []ExemplarSeries
	p.api("query_exemplars", url.Values{"query": {promql}, "start": {seconds(from)}, "end": {seconds(to)}}, &out)
	return out
}

// api calls Prometheus' HTTP API and decodes data, or its result where it has one.
func (p *Prometheus) api(path string, params url.Values, into any) {
	p.t.Helper()
	body := Get(p.t, fmt.Sprintf("http://%s/api/v1/%s?%s", p.address, path, params.Encode()))
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	err := json.Unmarshal([]byte(body), &answer)
	if err == nil && strings.HasPrefix(string(answer.Data), "{") {
		var result struct {
			Result json.RawMessage `json:"result"`
		}
		err = json.Unmarshal(answer.Data, &result)
		answer.Data = result.Result
	}
	if err == nil {
		err = json.Unmarshal(answer.Data, into)
	}
	if err != nil {
		p.t.Fatalf("cannot read Prometheus' answer to %s: %v\n%s", path, err, body)
	}
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
