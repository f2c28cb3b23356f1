//go:build integration

package configs_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/kubernetes"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

type object = kubernetes.Object

const agentNode = "node-1"

// cluster is what an agent has around it: an API, the disk of its node, and two gateways behind a service.
type cluster struct {
	api                     *kubernetes.Server
	kubeconfig, logs, state string
	port                    string // of the gateways, which have an address each
	gateways                []*tracedGateway
}

func newCluster(t *testing.T, bounds ...time.Duration) *cluster {
	t.Helper()
	c := &cluster{logs: t.TempDir(), state: filepath.Join(t.TempDir(), "state")}
	c.api, c.kubeconfig = harness.Kubernetes(t)
	_, c.port, _ = net.SplitHostPort(harness.FreeAddress(t))
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		c.gateways = append(c.gateways, startGateway(t, net.JoinHostPort(address, c.port), bounds))
	}
	c.announce(t, "127.0.0.1", "127.0.0.2")
	return c
}

// announce says which addresses are behind the gateways' service.
func (c *cluster) announce(t *testing.T, addresses ...string) {
	t.Helper()
	endpoints := make([]object, len(addresses))
	for i, address := range addresses {
		endpoints[i] = object{"addresses": []string{address}, "conditions": object{"ready": true}}
	}
	c.put(t, object{
		"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "IPv4", "endpoints": endpoints,
		"metadata": object{
			"name": "gateway-x1", "namespace": "observability", "labels": object{"kubernetes.io/service-name": "gateway"},
		},
	})
}

func (c *cluster) put(t *testing.T, o object) {
	t.Helper()
	require.NoError(t, c.api.Put(o))
}

// agent is the shipped file, but for its addresses.
type agent struct {
	*harness.Collector
	grpc string
}

func (c *cluster) startAgent(t *testing.T) agent {
	t.Helper()
	grpc, http, health, telemetry := harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
	site := harness.WriteFile(t, "site.yaml", fmt.Sprintf(`
receivers: {otlp: {protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}}}
extensions: {health_check: {endpoint: %s}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}}
`, grpc, http, health, telemetry[len("127.0.0.1:"):]))
	a := agent{grpc: grpc, Collector: harness.RunCollector(t, proc.Options{
		Args: []string{
			"--config", filepath.Join(harness.Root(t), "configs", "agent.yaml"), "--config", site,
			"--feature-gates=stanza.synchronousLogEmitter",
		},
		Env: []string{
			"K8S_NODE_NAME=" + agentNode, "K8S_AUTH_TYPE=kubeConfig", "KUBECONFIG=" + c.kubeconfig,
			"GATEWAY_SERVICE=gateway.observability", "GATEWAY_PORT=" + c.port, "GATEWAY_ENDPOINT=" + c.gateways[0].address,
			"LOG_DIR=" + c.logs, "STATE_DIR=" + c.state, "SCRAPE_INTERVAL=1s", "MEMORY_LIMIT_MIB=512",
		},
	}, telemetry, grpc, http)}
	harness.Wait(t, 60*time.Second, "the health check says yes", func() bool { return healthy(health) })
	return a
}

// tracedGateway is the shipped gateway, with addresses and times of the test's, which keeps every trace, and its sinks.
type tracedGateway struct {
	*harness.Program
	address string
	otlp    *sink.OTLP
	remote  *sink.RemoteWrite

	mu           sync.Mutex // protects what follows
	spans, lines []record
}

// record is a span's name or a log record's body, with the attributes of its resource.
type record struct {
	text     string
	resource map[string]any
	// time and attributes are a log record's.
	time       time.Time
	attributes map[string]any
}

func startGateway(t *testing.T, address string, bounds []time.Duration) *tracedGateway {
	t.Helper()
	g := &tracedGateway{address: address, remote: harness.RemoteWriteSink(t)}
	g.otlp = harness.OTLPSink(t, sink.OTLPOptions{OnTraces: g.takeTraces, OnLogs: g.takeLogs})
	buckets := "[2ms, 10ms]"
	if len(bounds) > 0 {
		buckets = strings.ReplaceAll(fmt.Sprint(bounds), " ", ", ")
	}
	http, health, telemetry := harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
	site := harness.WriteFile(t, "site.yaml", fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}
    debug: {http: {endpoint: "127.0.0.1:0"}}
    sampling: {decision_wait: 2s, rescue_window: 10s, policies: [{name: all, type: always_sample}]}
    red: {metrics_flush_interval: 500ms, histogram: {explicit: {buckets: %s}}}
exporters: {otlp_grpc: {timeout: 60s}} # on a busy machine nothing is to be sent twice
extensions: {health_check: {endpoint: %s}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}}
`, address, http, buckets, health, telemetry[len("127.0.0.1:"):]))
	g.Program = harness.StartProgram(t, proc.Options{
		Path: harness.Binary(t),
		Args: []string{"--config", filepath.Join(harness.Root(t), "configs", "gateway.yaml"), "--config", site},
		Env:  []string{"OTLP_ENDPOINT=" + g.otlp.Address(), "PROMETHEUS_URL=" + g.remote.URL(), "MEMORY_LIMIT_MIB=512"},
	}, address, http, telemetry)
	return g
}

func (g *tracedGateway) takeTraces(request []byte) {
	r := ptraceotlp.NewExportRequest()
	if r.UnmarshalProto(request) != nil {
		return // the sink has read it before
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, rs := range r.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				g.spans = append(g.spans, record{text: span.Name(), resource: rs.Resource().Attributes().AsRaw()})
			}
		}
	}
}

func (g *tracedGateway) takeLogs(ld plog.Logs) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				g.lines = append(g.lines, record{
					text: lr.Body().AsString(), resource: rl.Resource().Attributes().AsRaw(),
					time: lr.Timestamp().AsTime(), attributes: lr.Attributes().AsRaw(),
				})
			}
		}
	}
}

// received returns the spans, or the log records, that the gateways' sinks have got with this text.
func (c *cluster) received(of func(*tracedGateway) *[]record, text string) []record {
	var found []record
	for _, g := range c.gateways {
		g.mu.Lock()
		for _, r := range *of(g) {
			if r.text == text {
				found = append(found, r)
			}
		}
		g.mu.Unlock()
	}
	return found
}

func spans(g *tracedGateway) *[]record { return &g.spans }
func lines(g *tracedGateway) *[]record { return &g.lines }

// series returns the series of a name that the gateways have written and that have these labels.
func (c *cluster) series(name string, labels map[string]string) []sink.Series {
	var found []sink.Series
	for _, g := range c.gateways {
		for _, s := range seriesNamed(g.remote, name) {
			matches := true
			for label, value := range labels {
				matches = matches && s.Labels[label] == value
			}
			if matches {
				found = append(found, s)
			}
		}
	}
	return found
}

// pod is a running pod of a deployment, with one container.
func pod(deployment, uid, node, ip string, annotations object) object {
	const hash = "7d4f9c5b6d"
	return object{
		"kind": "Pod", "apiVersion": "v1",
		"metadata": object{
			"name": podName(deployment), "namespace": "store", "uid": uid, "annotations": annotations,
			"labels": object{"pod-template-hash": hash},
			"ownerReferences": []object{{
				"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": deployment + "-" + hash, "uid": "rs-" + uid, "controller": true,
			}},
		},
		"spec": object{"nodeName": node, "containers": []object{{"name": "server", "image": "registry.example/" + deployment + ":1.4.2"}}},
		"status": object{
			"phase": "Running", "podIP": ip, "podIPs": []object{{"ip": ip}}, "startTime": "2026-01-01T00:00:00Z",
			"containerStatuses": []object{{"name": "server", "containerID": "containerd://" + uid, "ready": true}},
		},
	}
}

func podName(deployment string) string { return deployment + "-7d4f9c5b6d-x2x4z" }

// identity is what a resource of such a pod says of it.
func identity(deployment, uid string) map[string]any {
	return map[string]any{
		"k8s.namespace.name": "store", "k8s.node.name": agentNode, "k8s.pod.name": podName(deployment), "k8s.pod.uid": uid,
		"k8s.deployment.name": deployment, "k8s.container.name": "server",
		"service.namespace": "store", "service.name": deployment, "service.version": "1.4.2",
		"service.instance.id": "store." + podName(deployment) + ".server",
	}
}

// requireSubset fails the test unless a resource has all these attributes.
func requireSubset(t *testing.T, want, got map[string]any, of string) {
	t.Helper()
	for key, value := range want {
		require.Equal(t, value, got[key], "%s of %s", key, of)
	}
}

func putAll(to pcommon.Map, attributes map[string]string) {
	for key, value := range attributes {
		to.PutStr(key, value)
	}
}
