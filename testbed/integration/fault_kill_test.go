//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// killedWait is the decision_wait: by it what is undecided has to be sent, and the process killed and started again.
const killedWait = 10 * time.Second

// The keys of what samples are the same in both components.
const killedSampling = `
      decision_wait: %v
      decision_wait_after_root_received: 200ms
      rescue_window: 5m
      storage: {directory: %q}
      policies:
        - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
        - {name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}
`

const killedReceiver = `
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %q}}
    memory: {limit_mib: 128}
    sampling:%s
service:
  pipelines:
    traces: {receivers: [otlp_slo], exporters: [otlp_grpc]}
    metrics: {receivers: [otlp_slo], exporters: [nop]}
`

const killedProcessor = `
receivers:
  otlp: {protocols: {grpc: {endpoint: %q, include_metadata: true}}}
processors:
  attributes: {actions: [{key: tenant, action: insert, from_context: metadata.x-tenant}]} # what a tenant's exporter would see
  tail_sampling:
      metadata_keys: [X-Tenant]
      memory: {limit_mib: 128}%s
service:
  pipelines:
    traces: {receivers: [otlp], processors: [tail_sampling, attributes], exporters: [otlp_grpc]}
`

const killedOutput = `
exporters:
  nop: {}
  otlp_grpc:
    endpoint: %q
    tls: {insecure: true}
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
`

func killedConfig(component, otlp, sink, telemetry, directory string) string {
	host, port, _ := strings.Cut(telemetry, ":")
	return fmt.Sprintf(component, otlp, fmt.Sprintf(killedSampling, killedWait, directory)) +
		fmt.Sprintf("  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: %s, port: %s}}}}]}}\n", host, port) +
		fmt.Sprintf(killedOutput, sink)
}

// A process is killed while it holds traces that are decided and others that are not. The next one on its directory
// goes on as if nothing had happened: what comes out in the end is what had to, each span once, as it was sent and
// with the tenant that sent it.
func TestAKillLeavesSamplingWhereItWas(t *testing.T) {
	for _, c := range []struct {
		name, prefix, component string
		tenants                 bool // it holds metadata
	}{
		{"the receiver otlp_slo", "otelcol_otlp_slo_", killedReceiver, false},
		{"the processor tail_sampling", "otelcol_processor_tail_sampling_", killedProcessor, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKilled(t, c.prefix, c.component, c.tenants)
			k.start()
			k.sendDecided()
			k.sendUndecided()
			require.Equal(t, k.expected, k.arrived(), "the kill comes before the deadline")
			k.Crash()
			k.start()
			k.goesOn()
		})
	}
}

// Traces of the test, by their first byte. The last seven bytes decide on a share: those of sampled are in, all others out.
const (
	keptBefore = iota + 1
	droppedBefore
	rescued
	sampledBefore
	marker
	failed
	failedAndEnded
	plain
	failsAfterwards
	sampled
)

// sendDecided sends traces that are decided soon, as their roots come, and returns once that is on the disk.
func (k *killed) sendDecided() {
	k.t.Helper()
	k.send(killedSpan{trace: keptBefore, n: 1}, killedSpan{trace: droppedBefore, n: 1}, killedSpan{trace: rescued, n: 1, tenant: "b"})
	k.send(
		killedSpan{trace: keptBefore, n: 2, failed: true}, killedSpan{trace: keptBefore, root: true, tenant: "a"},
		killedSpan{trace: droppedBefore, root: true}, killedSpan{trace: rescued, root: true, tenant: "a"},
		killedSpan{trace: sampledBefore, root: true, tenant: "b"},
	)
	k.wait("two are dropped", func() bool { return k.decided(false) == 2 })
	// The round that decides this one begins after that of the two has written them down.
	k.send(killedSpan{trace: marker, failed: true, root: true})
	k.expect(keptBefore, sampledBefore, marker)
	k.delivered()
	k.send(killedSpan{trace: keptBefore, n: 3, tenant: "b"})
	k.expect(keptBefore, sampledBefore, marker)
	k.delivered()
}

// sendUndecided sends traces whose roots do not come.
func (k *killed) sendUndecided() {
	k.t.Helper()
	for n := byte(1); n < 4; n++ {
		k.send(
			killedSpan{trace: failed, n: n, failed: n == 2, tenant: "a"}, killedSpan{trace: failedAndEnded, n: n, failed: n == 1},
			killedSpan{trace: plain, n: n}, killedSpan{trace: failsAfterwards, n: n, tenant: "b"}, killedSpan{trace: sampled, n: n, tenant: "a"},
		)
	}
}

// goesOn checks the process after the kill.
func (k *killed) goesOn() {
	k.t.Helper()
	const dropped, undecided = 2 + 2, 5 * 3
	assert.EqualValues(k.t, dropped+undecided, k.Sum(k.prefix+"recovered_spans"))
	assert.Zero(k.t, k.Sum(k.prefix+"storage_failures"))
	if k.tenants {
		assert.EqualValues(k.t, 2, k.Sum(k.prefix+"metadata_cardinality"))
	}
	k.send(
		killedSpan{trace: failedAndEnded, root: true}, killedSpan{trace: failsAfterwards, n: 4, failed: true, tenant: "a"},
		killedSpan{trace: keptBefore, n: 4}, killedSpan{trace: droppedBefore, n: 4}, killedSpan{trace: rescued, n: 4, failed: true},
	)
	k.expect(keptBefore, sampledBefore, marker, rescued, failed, failedAndEnded, failsAfterwards, sampled)
	k.wait("all arrives", func() bool { return len(k.arrived()) >= len(k.expected) })
	k.wait("all is decided", func() bool { return k.Sum(k.prefix+"oldest_undecided") == 0 })
	assert.EqualValues(k.t, 1, k.decided(false), "those dropped before the kill are not decided again")
	assert.EqualValues(k.t, 4, k.decided(true), "nor those kept")
	assert.EqualValues(k.t, 1, k.Sum(k.prefix+"rescued_traces", "completeness", "whole"))
	assert.Zero(k.t, k.Sum(k.prefix+"rescued_traces", "completeness", "partial"))
	k.StopWithin(20 * time.Second)
	assert.Equal(k.t, k.expected, k.arrived())
}
