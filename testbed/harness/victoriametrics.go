package harness

import (
	"bufio"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// VictoriaMetrics is a single-node VictoriaMetrics. It takes remote write 1.0, and answers PromQL.
type VictoriaMetrics struct {
	*Prometheus
}

// StartVictoriaMetrics starts the server that is at a path.
func StartVictoriaMetrics(t testing.TB, path string) *VictoriaMetrics {
	t.Helper()
	address := FreeAddress(t)
	o := proc.Options{Path: path, Args: []string{
		"-storageDataPath=" + filepath.Join(t.TempDir(), "data"), "-httpListenAddr=" + address, "-retentionPeriod=100y",
	}}
	return &VictoriaMetrics{&Prometheus{Program: StartProgram(t, o, address), address: address}}
}

// ExportedSeries is samples of a series as they are stored: all that were written, the same one twice where it came twice.
type ExportedSeries struct {
	Metric     map[string]string `json:"metric"`
	Values     []*float64        `json:"values"` // nil: not a number
	Timestamps []int64           `json:"timestamps"`
}

// Export returns what is stored; a series may be in several pieces.
func (v *VictoriaMetrics) Export() []ExportedSeries {
	v.t.Helper()
	Get(v.t, "http://"+v.address+"/internal/force_flush")
	body := Get(v.t, "http://"+v.address+"/api/v1/export?"+url.Values{"match[]": {`{__name__!=""}`}}.Encode())
	var all []ExportedSeries
	lines := bufio.NewScanner(strings.NewReader(body))
	lines.Buffer(nil, len(body)+1)
	for lines.Scan() {
		var s ExportedSeries
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			v.t.Fatalf("cannot read VictoriaMetrics' export: %v\n%s", err, lines.Text())
		}
		all = append(all, s)
	}
	return all
}
