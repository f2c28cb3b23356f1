package slo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

const (
	remote = spanview.FlagHasIsRemote | spanview.FlagIsRemote
	local  = spanview.FlagHasIsRemote
)

// TestWords has a row for every word and override that docs/slis.md defines. slo is what an SLO of service "shop" with
// a declaration of its own adds; what is not an event is neither good nor bad nor excluded.
func TestWords(t *testing.T) {
	const errors, latency = "errors: {}", "latency: {threshold: 300ms}"
	http := func(code any) attrs { return attrs{"http.response.status_code": code} }
	rows := []struct {
		name      string
		slo       string
		spans     []span
		good, bad int
		excluded  string // reason of one excluded request
		skew      int
		unknown   int // parents
	}{
		// request: the kind
		{name: "a SERVER span without a parent is a request", slo: errors, spans: []span{{}}, good: 1},
		{name: "a CONSUMER span without a parent is a request", slo: errors, spans: []span{{kind: 5}}, good: 1},
		{
			name: "CLIENT, PRODUCER, INTERNAL and unspecified spans are not", slo: errors,
			spans: []span{{kind: 3}, {kind: 4}, {kind: 1}, {kind: unspecified}, {kind: 77}},
		},
		{
			name: "request.kinds overrides the kinds", slo: errors + ", request: {kinds: [internal, SPAN_KIND_CLIENT]}",
			spans: []span{{kind: 1}, {kind: 3}, {kind: 2}}, good: 2,
		},
		{
			name: "a kind that OTLP does not know counts as unspecified", slo: errors + ", request: {kinds: [unspecified]}",
			spans: []span{{kind: 77}, {kind: unspecified}}, good: 2,
		},
		{name: "another service is not", slo: errors, spans: []span{{service: "cart"}, {service: "sho"}, {service: "shopper"}}},

		// request: the parent
		{name: "flags say that the parent is remote: a request", slo: errors, spans: []span{{parent: 9, flags: remote}}, good: 1},
		{name: "flags say that the parent is local: no request", slo: errors, spans: []span{{parent: 9, flags: local}}},
		{
			name: "flags win over what the request shows", slo: errors,
			spans: []span{{id: 1, kind: 1, parent: 7}, {parent: 1, flags: remote}}, good: 1,
		},
		{
			name: "without flags and parent in sight, the kind decides and the doubt is counted", slo: errors,
			spans: []span{{parent: 9}, {kind: 5, parent: 9}}, good: 2, unknown: 2,
		},
		{name: "W3C trace flags alone are no answer", slo: errors, spans: []span{{parent: 9, flags: 1}}, good: 1, unknown: 1},
		{
			name: "without flags, a parent of the same service in the same request is local: nested SERVER spans count once", slo: errors,
			spans: []span{{parent: 1}, {id: 1}}, good: 1,
		},
		{
			name: "without flags, a parent of another service in the same request is remote", slo: errors,
			spans: []span{{parent: 1}, {service: "cart", id: 1, kind: 1}}, good: 1,
		},
		{
			name: "the same service in another resource of the request is the same service", slo: errors,
			spans: []span{{parent: 1, resource: attrs{"host.name": "a"}}, {id: 1, kind: 1, resource: attrs{"host.name": "b"}}},
		},
		{
			name: "a service that calls itself: a CLIENT parent is remote", slo: errors,
			spans: []span{{parent: 1}, {id: 1, kind: 3}}, good: 1,
		},
		{name: "a PRODUCER parent is remote", slo: errors, spans: []span{{kind: 5, parent: 1}, {id: 1, kind: 4}}, good: 1},
		{
			name: "a span of that id in another trace is not the parent", slo: errors,
			spans: []span{{parent: 1}, {trace: 2, id: 1, kind: 1}}, good: 1, unknown: 1,
		},
		{
			name: "parent any counts nested spans too", slo: errors + ", request: {parent: any}",
			spans: []span{{parent: 1}, {id: 1}, {parent: 9, flags: local}}, good: 3,
		},
		{
			name: "parent none wants roots", slo: errors + ", request: {parent: none}",
			spans: []span{{parent: 9, flags: remote}, {parent: 9}, {}}, good: 1,
		},

		// bad: HTTP
		{name: "HTTP 500 and above are bad", slo: errors, spans: []span{{attrs: http(500)}, {attrs: http(503)}, {attrs: http(599)}, {attrs: http(600)}}, bad: 4},
		{
			name: "HTTP 4xx is good: 400, 401, 404, 429 and 499", slo: errors,
			spans: []span{{attrs: http(400)}, {attrs: http(401)}, {attrs: http(404)}, {attrs: http(429)}, {attrs: http(499)}}, good: 5,
		},
		{name: "HTTP 1xx to 3xx are good", slo: errors, spans: []span{{attrs: http(101)}, {attrs: http(200)}, {attrs: http(302)}}, good: 3},
		{name: "a good HTTP code outweighs span status ERROR", slo: errors, spans: []span{{attrs: http(404), status: 2}}, good: 1},
		{name: "a bad HTTP code outweighs span status OK", slo: errors, spans: []span{{attrs: http(500), status: 1}}, bad: 1},
		{name: "the old name http.status_code is understood", slo: errors, spans: []span{{attrs: attrs{"http.status_code": 500}}}, bad: 1},
		{
			name: "the current name goes before the old one", slo: errors,
			spans: []span{{attrs: attrs{"http.status_code": 500, "http.response.status_code": 200}}}, good: 1,
		},
		{name: "a code written as text counts", slo: errors, spans: []span{{attrs: http("503")}, {attrs: http("200")}}, good: 1, bad: 1},
		{
			name: "what is no code leaves the span status: 0, 99, 1000, negative, text, floats, bytes", slo: errors,
			spans: []span{
				{attrs: http(0), status: 2},
				{attrs: http(99)},
				{attrs: http(1000), status: 2},
				{attrs: http(-500), status: 2},
				{attrs: http("5xx"), status: 2},
				{attrs: http(""), status: 2},
				{attrs: http(500.0)},
				{attrs: http([]byte("500"))},
			}, good: 3, bad: 5,
		},
		{
			name: "http_status_codes overrides the codes: 429 and 5xx", slo: "errors: {http_status_codes: [429, 500-599]}",
			spans: []span{{attrs: http(429)}, {attrs: http(500)}, {attrs: http(428)}, {attrs: http(600)}}, good: 2, bad: 2,
		},
		{
			name: "an empty http_status_codes makes no code bad", slo: "errors: {http_status_codes: []}",
			spans: []span{{attrs: http(500), status: 2}}, good: 1,
		},

		// bad: gRPC
		{name: "gRPC 2, 4, 12, 13, 14 and 15 are bad", slo: errors, spans: grpc(2, 4, 12, 13, 14, 15), bad: 6},
		{name: "the other gRPC codes are good, cancelled (1) among them", slo: errors, spans: grpc(0, 1, 3, 5, 6, 7, 8, 9, 10, 11, 16), good: 11},
		{name: "rpc.response.status_code with a name counts", slo: errors, spans: []span{
			{attrs: attrs{"rpc.response.status_code": "UNAVAILABLE"}},
			{attrs: attrs{"rpc.response.status_code": "DEADLINE_EXCEEDED"}},
			{attrs: attrs{"rpc.response.status_code": "DeadlineExceeded"}},
			{attrs: attrs{"rpc.response.status_code": "OK"}},
			{attrs: attrs{"rpc.response.status_code": "14"}},
		}, good: 1, bad: 4},
		{
			name: "grpc.status_code as proxies write it, in text, counts", slo: errors,
			spans: []span{{attrs: attrs{"grpc.status_code": "13"}}, {attrs: attrs{"grpc.status_code": "0"}, status: 2}}, good: 1, bad: 1,
		},
		{name: "codes of other RPC systems are no code", slo: errors, spans: []span{
			{attrs: attrs{"rpc.response.status_code": "-32602"}, status: 2},
			{attrs: attrs{"rpc.grpc.status_code": 17}, status: 2},
			{attrs: attrs{"rpc.grpc.status_code": -1}, status: 2},
			{attrs: attrs{"rpc.response.status_code": "UNAVAILABLE_"}},
			{attrs: attrs{"rpc.response.status_code": "UNAVAIL"}},
		}, good: 2, bad: 3},
		{name: "with both codes, either makes it bad", slo: errors, spans: []span{
			{attrs: attrs{"http.response.status_code": 200, "rpc.grpc.status_code": 14}},
			{attrs: attrs{"http.response.status_code": 503, "rpc.grpc.status_code": 0}},
			{attrs: attrs{"http.response.status_code": 200, "rpc.grpc.status_code": 5}},
		}, good: 1, bad: 2},
		{
			name: "grpc_status_codes overrides the codes, by number or name", slo: "errors: {grpc_status_codes: [CANCELLED, 8]}",
			spans: grpc(1, 8, 14), good: 1, bad: 2,
		},

		// bad: status
		{name: "without a code, span status ERROR is bad", slo: errors, spans: []span{{status: 2}, {status: 1}, {status: 0}}, good: 2, bad: 1},
		{
			name: "span_status always makes ERROR bad beside a good code", slo: "errors: {span_status: always}",
			spans: []span{{attrs: http(200), status: 2}, {attrs: http(200)}}, good: 1, bad: 1,
		},
		{name: "span_status never leaves it to the codes", slo: "errors: {span_status: never}", spans: []span{{status: 2}}, good: 1},
		{name: "without errors nothing that failed is bad", slo: latency, spans: []span{{status: 2, attrs: http(500)}}, good: 1},

		// slow
		{
			name: "a duration of the threshold is good, a nanosecond more is bad", slo: latency,
			spans: []span{{duration: 300 * time.Millisecond}, {duration: 300*time.Millisecond + 1}}, good: 1, bad: 1,
		},
		{name: "a negative duration is 0 and counted as clock skew", slo: latency, spans: []span{{duration: -time.Hour}}, good: 1, skew: 1},
		{name: "slow and failed is bad once", slo: errors + ", " + latency, spans: []span{{status: 2, duration: time.Second}}, bad: 1},
		{
			name: "slow or failed is bad", slo: errors + ", " + latency,
			spans: []span{{status: 2}, {duration: time.Second}, {duration: time.Millisecond}}, good: 1, bad: 2,
		},
		{name: "a cancelled call or a 499 that was slow is bad by its latency", slo: errors + ", " + latency, spans: []span{
			{attrs: http(499), duration: time.Second}, {attrs: attrs{"rpc.grpc.status_code": 1}, duration: time.Second},
		}, bad: 2},

		// excluded
		{name: "health checks are excluded by route", slo: errors, spans: []span{{attrs: attrs{"http.route": "/healthz"}, status: 2}}, excluded: "health_route"},
		{name: "health checks are excluded by path", slo: errors, spans: []span{{attrs: attrs{"url.path": "/livez/ping"}}}, excluded: "health_route"},
		{
			name: "health checks are excluded by target, without its query", slo: errors,
			spans: []span{{attrs: attrs{"http.target": "/readyz/?verbose=1"}}}, excluded: "health_route",
		},
		{name: "gRPC health checks are excluded by name", slo: errors, spans: []span{{name: "grpc.health.v1.Health/Check"}}, excluded: "health_route"},
		{name: "gRPC health checks are excluded by path", slo: errors, spans: []span{{attrs: attrs{"url.path": "/grpc.health.v1.Health/Watch"}}}, excluded: "health_route"},
		{name: "probes are excluded by user agent", slo: errors, spans: []span{{attrs: attrs{"user_agent.original": "kube-probe/1.34"}}}, excluded: "probe_agent"},
		{name: "probes are excluded by the old name of the user agent", slo: errors, spans: []span{{attrs: attrs{"http.user_agent": "ELB-HealthChecker/2.0"}}}, excluded: "probe_agent"},
		{name: "routes and user agents that only look alike are events", slo: errors, spans: []span{
			{attrs: attrs{"http.route": "/health/insurance"}},
			{attrs: attrs{"http.route": "/healthy"}},
			{attrs: attrs{"url.path": "/shop/metrics"}},
			{attrs: attrs{"user_agent.original": "Mozilla/5.0 kube-probe/1"}},
			{name: "grpc.health.v1"},
		}, good: 5},
		{
			name: "exclude_probes: false counts them", slo: errors + ", exclude_probes: false",
			spans: []span{{attrs: attrs{"http.route": "/healthz"}}, {attrs: attrs{"user_agent.original": "kube-probe/1.34"}}}, good: 2,
		},
		{
			name: "an exclude entry takes out the requests for which all its conditions hold", slo: errors + ", exclude: [{attributes: {http.route: /a}, span_name: x}]",
			spans: []span{{attrs: attrs{"http.route": "/a"}, name: "x"}, {attrs: attrs{"http.route": "/a"}}, {name: "x"}}, good: 2, excluded: "rule",
		},
		{
			name: "an exclude entry can name a resource", slo: errors + ", exclude: [{span_name: never}, {resource_attributes: {deployment.environment.name: test}}]",
			spans: []span{{resource: attrs{"deployment.environment": "test"}}, {}}, good: 1, excluded: "rule",
		},
		{name: "what is no request is not excluded either", slo: errors, spans: []span{{kind: 3, attrs: attrs{"http.route": "/healthz"}}, {parent: 9, flags: local, name: "grpc.health.v1.Health/Check"}}},

		// how the rest counts
		{name: "a retry is a request of its own", slo: errors, spans: []span{{parent: 1, flags: remote, attrs: http(503)}, {parent: 2, flags: remote, attrs: http(200)}}, good: 1, bad: 1},
		{name: "a stream is one request, as long as it lives", slo: latency, spans: []span{{name: "chat.Chat/Stream", duration: time.Hour}}, bad: 1},
		{
			name: "a websocket can be excluded by its code", slo: latency + ", exclude: [{attributes: {http.response.status_code: 101}}]",
			spans: []span{{attrs: http(101), duration: time.Hour}}, excluded: "rule",
		},
		{name: "a request that was sent twice counts twice", slo: errors, spans: []span{{id: 1}, {id: 1}}, good: 2},
		{name: "a sidecar alone can be counted", slo: errors + ", match: {attributes: {component: proxy}}", spans: sidecar()[:1], good: 1},
		{name: "a sidecar under the service's name counts beside the service", slo: errors, spans: sidecar(), good: 2},
		{name: "a sidecar can be excluded", slo: errors + ", exclude: [{attributes: {component: proxy}}]", spans: sidecar(), good: 1, excluded: "rule"},
		{
			name: "a consumer's batch is one event, its messages' spans inside are none", slo: errors,
			spans: []span{{kind: 5, id: 1, attrs: attrs{"messaging.batch.message_count": 100}}, {kind: 5, parent: 1}, {kind: 5, parent: 1, flags: local}}, good: 1,
		},
		{
			name: "a message processed under its producer's context is an event", slo: errors,
			spans: []span{{kind: 5, parent: 1, flags: remote}, {kind: 5, parent: 2, flags: remote}}, good: 2,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "- {name: a, service: shop, objective: 99, "+row.slo+"}", 1, nil)
			for i := range row.spans {
				if row.spans[i].service == "" {
					row.spans[i].service = "shop"
				}
			}
			r.observe(0, row.spans...)
			want := map[string]any{
				"events{outcome=good service=shop slo=a}": row.good, "events{outcome=bad service=shop slo=a}": row.bad,
				"objective.ratio{service=shop slo=a}": 0.99,
				"events.clock_skew{slo=a}":            row.skew, "events.parent_unknown{slo=a}": row.unknown,
			}
			for _, reason := range reasonNames[1:] {
				want["events.excluded{reason="+reason+" slo=a}"] = 0
			}
			if row.excluded != "" {
				want["events.excluded{reason="+row.excluded+" slo=a}"] = 1
			}
			assert.Equal(t, want, r.flush(time.Minute))
		})
	}
}

func grpc(codes ...int) (out []span) {
	for _, code := range codes {
		out = append(out, span{attrs: attrs{"rpc.grpc.status_code": code}})
	}
	return out
}

func sidecar() []span {
	return []span{
		{id: 1, parent: 9, flags: remote, attrs: attrs{"component": "proxy", "http.status_code": "200"}},
		{parent: 1, flags: remote, attrs: attrs{"http.response.status_code": 200}},
	}
}

func TestEveryDefaultExclusionIsRecognized(t *testing.T) {
	for _, route := range []string{
		"/health", "/health/", "/health/live", "/health/liveness", "/health/ready", "/health/readiness", "/health/startup", "/healthcheck",
		"/healthz", "/healthz/etcd", "/livez", "/livez/x", "/readyz", "/readyz/x?y", "/metrics", "/metrics?a=b", "/-/healthy", "/-/ready",
		"/actuator/health", "/actuator/health/liveness", "/actuator/prometheus", "/grpc.health.v1.Health/Check",
	} {
		assert.True(t, isHealthRoute(route), route)
	}
	for _, route := range []string{"", "/", "/h", "health", "/Health", "/health/quote", "/healthier", "/metrics/x", "/-/", "/actuator", "/api?x=/healthz", "/v1/healthz"} {
		assert.False(t, isHealthRoute(route), route)
	}
	for _, agent := range probeAgents {
		assert.True(t, hasPrefixOf(agent+"1.0", probeAgents), agent)
	}
	for _, agent := range []string{"", "Go-http-client/1.1", "Mozilla/5.0", "Prometheus-client", "curl/8"} {
		assert.False(t, hasPrefixOf(agent, probeAgents), agent)
	}
}
