//go:build integration

package readback

import (
	"maps"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

// installed returns the path of a program of the machine's own, and its version.
func installed(t *testing.T, program, version string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not on PATH (Debian's package %s has it, .ci/run fetches it where it can): an old receiver is not asked", program, program)
	}
	out, _ := exec.Command(path, version).CombinedOutput()
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	t.Logf("%s: %s", path, first)
	return path
}

// An old Prometheus reads a 2.0 request as an empty one of 1.0 and says that all is well. Nothing is lost by it.
func TestAnOldPrometheusHasAMillionSamplesToTheBit(t *testing.T) {
	path := installed(t, "prometheus", "--version")
	tr := newTraffic(million)
	expected := tr.expected()
	n := tr.totals(expected)
	p := harness.StartPrometheusWith(t, harness.PrometheusOptions{Path: path, Features: []string{"native-histograms"}, Exemplars: n.exemplars})
	values, _ := tr.sendToOld(t, n, p)
	values.checkAccount(t, n)
	checkSamples(t, expected, p)
	checkExemplars(t, &tr, expected, p)
	checkEnds(t, &tr, expected, p)
}

// Where native histograms are not switched on, an old Prometheus answers 500 to a request with one of them, whatever else
// it has. All else must arrive.
func TestAnOldPrometheusWithoutNativeHistogramsHasTheRest(t *testing.T) {
	path := installed(t, "prometheus", "--version")
	tr := newTraffic(hundredThousand)
	expected := tr.expected()
	n := tr.totals(expected)
	p := harness.StartPrometheusWith(t, harness.PrometheusOptions{Path: path, Exemplars: n.exemplars})
	values, _ := tr.sendToOld(t, n, p)
	if values["failed_samples{kind=histogram}{reason=rejected}"] == 0 {
		t.Skip("this Prometheus takes native histograms without being asked to")
	}
	rest := withoutNatives(expected)
	m := tr.totals(rest)
	assert.EqualValues(t, m.samples, values["sent_samples{kind=sample}"])
	assert.EqualValues(t, m.exemplars, values["sent_samples{kind=exemplar}"])
	assert.EqualValues(t, n.histograms, values["failed_samples{kind=histogram}{reason=rejected}"])
	assert.EqualValues(t, n.histograms, values["send_failed_metric_points"])
	assert.EqualValues(t, n.points-n.histograms, values["sent_metric_points"])
	assert.Zero(t, values["retries"])
	checkSamples(t, rest, p)
	checkExemplars(t, &tr, rest, p)
}

// VictoriaMetrics is of 1.0 too. What it stores shows whether a sample came twice. It takes native histograms and exemplars
// without a word and has none of them: 1.0 has no way to tell.
func TestVictoriaMetricsHasEverySampleOnce(t *testing.T) {
	path := installed(t, "victoria-metrics", "-version")
	tr := newTraffic(million)
	tr.plain = true
	expected := tr.expected()
	n := tr.totals(expected)
	v := harness.StartVictoriaMetrics(t, path)
	values, _ := tr.sendToOld(t, n, v.Prometheus)
	values.checkAccount(t, n)
	got := map[string][]sample{}
	for _, piece := range v.Export() {
		key := labels.FromMap(piece.Metric).String()
		for i, at := range piece.Timestamps {
			bits := value.StaleNaN
			if piece.Values[i] != nil {
				bits = math.Float64bits(*piece.Values[i])
			}
			got[key] = append(got[key], sample{millis: at, bits: bits})
		}
	}
	expected = withoutNatives(expected)
	compare(t, expected, got)
	checkEnds(t, &tr, expected, v.Prometheus)
}

func withoutNatives(all map[string]*series) map[string]*series {
	rest := maps.Clone(all)
	maps.DeleteFunc(rest, func(_ string, s *series) bool { return s.value == nil })
	return rest
}

// sendToOld sends all traffic to a receiver of 1.0 as the exporter does by default, and checks that it was asked for 2.0
// by each shard once at most.
func (t *traffic) sendToOld(test *testing.T, n totals, p *harness.Prometheus) (own, map[string]int) {
	test.Helper()
	endpoint, proxy := listenBefore(test, p.RemoteWriteURL())
	values := t.send(test, n, map[string]any{"endpoint": endpoint})
	answers := proxy.all()
	for answer, requests := range answers {
		test.Logf("%s: %d times", answer, requests)
		if strings.HasPrefix(answer, "2.0.0") {
			if strings.HasSuffix(answer, "with an account") {
				test.Skip("this receiver understands 2.0")
			}
			assert.LessOrEqual(test, requests, int(values["consumers"]), answer)
		}
	}
	assert.EqualValues(test, 1, values["protocol_fallback"])
	return values, answers
}
