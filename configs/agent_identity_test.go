//go:build integration

package configs_test

import (
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

const (
	shopUID  = "038e2267-b473-489b-b48c-46bafdb852eb"
	cartUID  = "5c1e8b7a-0f3d-4b52-9a57-2f6f0a7c1d11"
	adminUID = "9e0d4a51-7c2b-4f0e-8d36-1b2c3d4e5f60"
)

// Whatever comes to the agent says which pod of its node it is from: by the address that it was sent from, by the one that
// its resource names, or by what was scraped. And this is all that the agent asks the API for.
func TestTheAgentSaysWhichPod(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	scraped := startScraped(t, "127.0.0.1", "127.0.0.3")
	annotations := object{"prometheus.io/scrape": "true", "prometheus.io/port": scraped.port, "prometheus.io/path": "/stats"}
	shop := object{"resource.opentelemetry.io/deployment.environment.name": "staging"}
	maps.Copy(shop, annotations)
	c.put(t, pod("shop", shopUID, agentNode, "127.0.0.1", shop))
	c.put(t, pod("cart", cartUID, agentNode, "127.0.0.9", nil))
	c.put(t, pod("admin", adminUID, "node-2", "127.0.0.3", annotations))
	a := c.startAgent(t)

	sender := harness.Sender(t, "grpc://"+a.grpc, "")
	for name, resource := range map[string]map[string]string{
		"connection": nil,
		"pod_ip":     {"k8s.pod.ip": "127.0.0.9"},
		"named":      {"service.name": "till", "k8s.pod.ip": "127.0.0.9"},
		"other_node": {"k8s.pod.ip": "127.0.0.3"},
	} {
		for signal, request := range named(t, name, resource) {
			require.Equal(t, send.OK, sender.Send(t.Context(), signal, request).Code, "%v of %s", signal, name)
		}
	}
	instance := net.JoinHostPort("127.0.0.1", scraped.port)
	harness.Wait(t, 30*time.Second, "scraped metrics arrive", func() bool {
		return len(c.series("jobs_done_total", map[string]string{"job": "store/shop", "instance": instance})) == 1
	})
	a.StopWithin(20 * time.Second)
	for _, g := range c.gateways {
		g.StopWithin(20 * time.Second)
		require.Zero(t, g.remote.Stats().OutOfOrder)
	}

	fromShop := identity("shop", shopUID)
	fromShop["deployment.environment.name"] = "staging"
	till := identity("cart", cartUID)
	till["service.name"] = "till"
	for name, want := range map[string]map[string]any{
		"connection": fromShop, "pod_ip": identity("cart", cartUID), "named": till,
	} {
		c.requireIdentity(t, name, want)
	}
	for _, of := range []func(*tracedGateway) *[]record{spans, lines} {
		found := c.received(of, "other_node")
		require.Len(t, found, 1)
		require.NotContains(t, found[0].resource, "k8s.pod.name", "the agent knows the pods of its own node alone")
	}

	done := c.series("target_info", map[string]string{"job": "store/shop", "instance": instance})
	require.Len(t, done, 1)
	requireLabels(t, done[0].Labels, fromShop, "what was scraped")
	require.Equal(t, []string{"127.0.0.1/stats"}, scraped.asked())
	require.Equal(t, []string{
		"/api/v1/pods fieldSelector spec.nodeName=" + agentNode,
		"/apis/discovery.k8s.io/v1/namespaces/observability/endpointslices labelSelector kubernetes.io/service-name=gateway",
	}, c.api.Asked())
}

// requireIdentity fails the test unless the span, the log record and the gauge of a name came once, from the pod.
func (c *cluster) requireIdentity(t *testing.T, name string, want map[string]any) {
	t.Helper()
	for _, of := range []func(*tracedGateway) *[]record{spans, lines} {
		found := c.received(of, name)
		require.Len(t, found, 1, name)
		requireSubset(t, want, found[0].resource, name)
	}
	gauges := c.series(name, nil)
	require.Len(t, gauges, 1, name)
	job := map[string]string{"job": gauges[0].Labels["job"], "instance": gauges[0].Labels["instance"]}
	require.Equal(t, map[string]string{
		"job": "store/" + want["service.name"].(string), "instance": want["service.instance.id"].(string),
	}, job)
	info := c.series("target_info", job)
	require.Len(t, info, 1, name)
	requireLabels(t, info[0].Labels, want, name)
}

// requireLabels fails the test unless target_info has the attributes that are not in job and instance.
func requireLabels(t *testing.T, labels map[string]string, want map[string]any, of string) {
	t.Helper()
	for key, label := range map[string]string{
		"k8s.namespace.name": "k8s_namespace_name", "k8s.node.name": "k8s_node_name", "k8s.pod.name": "k8s_pod_name",
		"k8s.pod.uid": "k8s_pod_uid", "k8s.deployment.name": "k8s_deployment_name", "k8s.container.name": "k8s_container_name",
		"service.version": "service_version", "deployment.environment.name": "deployment_environment_name",
	} {
		if value, ok := want[key]; ok {
			require.Equal(t, value, labels[label], "%s of %s", label, of)
		}
	}
}

// named returns a request of each signal with one span, gauge and log record of this name.
func named(t *testing.T, name string, resource map[string]string) map[send.Signal][]byte {
	t.Helper()
	now := pcommon.NewTimestampFromTime(time.Now())

	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	putAll(rs.Resource().Attributes(), resource)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1, name[0]})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetName(name)
	span.SetStartTimestamp(now)
	span.SetEndTimestamp(now + 1e6)
	traces, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)

	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	putAll(rm.Resource().Attributes(), resource)
	gauge := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	gauge.SetName(name)
	point := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(now)
	point.SetIntValue(7)
	metrics, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	putAll(rl.Resource().Attributes(), resource)
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(name)
	logs, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)

	return map[send.Signal][]byte{send.Traces: traces, send.Metrics: metrics, send.Logs: logs}
}

// scraped is the metrics of pods: one server, at the same port of several addresses.
type scraped struct {
	port string
	mu   sync.Mutex // protects what follows
	seen []string
}

func startScraped(t *testing.T, addresses ...string) *scraped {
	t.Helper()
	s := &scraped{}
	_, s.port, _ = net.SplitHostPort(harness.FreeAddress(t))
	for _, address := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(address, s.port))
		require.NoError(t, err)
		server := &http.Server{Handler: s}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		t.Cleanup(func() {
			require.NoError(t, server.Close())
			require.ErrorIs(t, <-served, http.ErrServerClosed)
		})
	}
	return s
}

func (s *scraped) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	host, _, _ := net.SplitHostPort(req.Host)
	s.mu.Lock()
	s.seen = append(s.seen, host+req.URL.Path)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	// An error means that the client has gone.
	_, _ = w.Write([]byte("# TYPE jobs_done counter\njobs_done_total 42\n"))
}

// asked returns the addresses and paths that were asked for, each once.
func (s *scraped) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var once []string
	for _, path := range s.seen {
		if len(once) == 0 || once[len(once)-1] != path {
			once = append(once, path)
		}
	}
	return once
}
