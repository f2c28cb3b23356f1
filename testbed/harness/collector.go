package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// Collector is the binary under test, running.
type Collector struct {
	*Program
	telemetry string
}

// StartCollector writes a configuration to the test's directory, starts the binary with it and waits until it listens.
// telemetry is the host:port on which the configuration shows own metrics, empty where it does not.
func StartCollector(t testing.TB, config, telemetry string, listens ...string) *Collector {
	t.Helper()
	o := proc.Options{Args: []string{"--config", WriteFile(t, "config.yaml", config)}}
	return RunCollector(t, o, telemetry, listens...)
}

// RunCollector starts the binary with arguments and environment of the test's own and waits until it listens.
func RunCollector(t testing.TB, o proc.Options, telemetry string, listens ...string) *Collector {
	t.Helper()
	o.Path = Binary(t)
	if telemetry != "" {
		listens = append(listens, telemetry)
	}
	return &Collector{Program: StartProgram(t, o, listens...), telemetry: telemetry}
}

// RefusedConfig starts the binary with a configuration that it must refuse, and returns what it said.
func RefusedConfig(t testing.TB, config string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, Binary(t), "--config", WriteFile(t, "config.yaml", config)).CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the configuration was not refused; the output is:\n%s", out)
	}
	return string(out)
}

// WriteFile writes a file into a directory of the test's own.
func WriteFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Metric is one of the collector's own metrics.
type Metric struct {
	Labels map[string]string
	Value  float64
}

// Metrics reads the collector's own metrics by name: counters and gauges with their values, histograms with their counts.
func (c *Collector) Metrics() map[string][]Metric {
	c.t.Helper()
	body := Get(c.t, "http://"+c.telemetry+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		c.t.Fatalf("cannot read own metrics: %v", err)
	}
	out := map[string][]Metric{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue() + float64(m.GetHistogram().GetSampleCount())
			out[name] = append(out[name], Metric{Labels: labels, Value: v})
		}
	}
	return out
}

// Sum adds up one of the collector's own metrics over all series that have these labels, given as name, value, name, value.
func (c *Collector) Sum(name string, labels ...string) float64 {
	c.t.Helper()
	sum := 0.0
	for _, m := range c.Metrics()[name] {
		matches := true
		for i := 0; i+1 < len(labels); i += 2 {
			matches = matches && m.Labels[labels[i]] == labels[i+1]
		}
		if matches {
			sum += m.Value
		}
	}
	return sum
}

// Get returns the body of a URL that must answer 200.
func Get(t testing.TB, url string) string {
	t.Helper()
	body, err := get(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", url, resp.Status, body)
	}
	return string(body), err
}
