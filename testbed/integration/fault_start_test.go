//go:build integration

package integration

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// refused runs the binary with the shipped gateway and a site's file, and returns what it said before it refused.
func refused(t *testing.T, site string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	arguments = append(arguments, "--config", filepath.Join(harness.Root(t), "configs", "gateway.yaml"), "--config", harness.WriteFile(t, "site.yaml", site))
	cmd := exec.CommandContext(ctx, harness.Binary(t), arguments...)
	cmd.Env = append(os.Environ(), "DATA_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "it runs:\n%s", out)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	return string(out)
}

// Each configuration is refused by `validate` and at start, with the key's path, the rule and the value.
func TestABadConfigurationIsRefused(t *testing.T) {
	for _, c := range []struct{ receiver, path, rule, value string }{
		{`{memory: {limit_mib: 32}}`, "memory: limit_mib", "must be 0 or at least 64", "32"},
		{`{sampling: {decision_wait: -1s}}`, "sampling: decision_wait", "must be above 0s", "-1s"},
		{`{sampling: {policies: [{name: x, type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 4}}]}}`, "sampling: policies[0].latency.upper_threshold_ms", "must be above threshold_ms, 5", "4"},
		{`{sampling: {policies: [{name: x, type: bogus}]}}`, "sampling: policies[0].type", "must be a known policy type", `"bogus"`},
		{`{sampling: {policies: [{name: x, type: slo, slo: {burning: {sampling_percentage: 101}}}]}}`, "sampling: policies[0].slo.burning.sampling_percentage", "must be between 0 and 100", "101"},
		{`{red: {metrics_flush_interval: 0s}}`, "red: metrics_flush_interval", "must be above 0s", "0s"},
		{`{red: {histogram: {explicit: {buckets: [5ms, 1ms]}}}}`, "red: histogram.explicit.buckets[1]", "must be above the bound before it, 5ms", "1ms"},
		{`{slo: {slos: [{name: a, service: b, objective: 101%, errors: {}}]}}`, "slo: slos[0].objective", "must lie between 0 and 100 percent", "101%"},
		{`{output: {senders: 0}}`, "output: senders", "must be at least 1", "0"},
		{`{shutdown_timeout: 0s}`, "otlp_slo: shutdown_timeout", "must be a positive duration", "0s"},
	} {
		t.Run(c.path, func(t *testing.T) {
			site := "receivers: {otlp_slo: " + c.receiver + "}\n"
			for _, out := range []string{refused(t, site, "validate"), refused(t, site)} {
				for _, want := range []string{"receivers::otlp_slo", c.path, c.rule, "(got " + c.value + ")"} {
					assert.Contains(t, out, want)
				}
			}
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	out := refused(t, "receivers: {otlp_slo: {memory: {limit_mib: 32}, output: {senders: 0}, shutdown_timeout: 0s}}\n", "validate")
	for _, want := range []string{"limit_mib must", "senders must", "shutdown_timeout must"} {
		assert.Contains(t, out, want)
	}
}

// The Collector logs it as well; the last line says all.
func TestATakenPortIsToldInOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s := shipped{memoryMiB: 128}
	s.grpc, s.http = taken.Addr().String(), harness.FreeAddress(t)
	out := refused(t, s.site(harness.FreeAddress(t), harness.FreeAddress(t)))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := lines[len(lines)-1]
	t.Log(last)
	assert.Contains(t, last, `cannot listen for OTLP/gRPC on "`+s.grpc+`"`)
	assert.Contains(t, last, "address already in use")
	assert.NotContains(t, out, "goroutine ")
}

func TestAnIdleGatewayEndsAtOnceAndStartsAgain(t *testing.T) {
	for range 2 {
		s := shipped{memoryMiB: 512, decisionWait: 10 * time.Second}
		s.start(t)
		began := time.Now()
		a := s.stop(t, 5*time.Second)
		t.Logf("ended after %v", time.Since(began))
		assert.Equal(t, account{}, a)
	}
}

// Whatever listens first, receivers take spans before the Collector says that it runs.
func TestSIGTERMWhileItStartsDoesNotKillIt(t *testing.T) {
	for range 5 {
		s := shipped{memoryMiB: 128}
		s.otlp, s.remote = harness.OTLPSink(t, sink.OTLPOptions{}), harness.RemoteWriteSink(t)
		s.grpc, s.http = harness.FreeAddress(t), harness.FreeAddress(t)
		telemetry := harness.FreeAddress(t)
		o := s.options(t, harness.FreeAddress(t), telemetry)
		o.Path, o.Log = harness.Binary(t), filepath.Join(t.TempDir(), "log")
		o.Env = append(o.Env, "DATA_DIR="+t.TempDir())
		process, err := proc.Start(o)
		require.NoError(t, err)
		require.NoError(t, process.WaitListening(t.Context(), telemetry)) // the first port that it opens
		require.NoError(t, process.Stop(20*time.Second))
		assert.Zero(t, process.ExitCode(), process.Output())
	}
}
