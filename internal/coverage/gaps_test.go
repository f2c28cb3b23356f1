package coverage

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func named(events []plog.LogRecord) []string {
	var out []string
	for _, e := range events {
		kind, _ := e.Attributes().Get("gap.kind")
		subject, _ := e.Attributes().Get("gap.subject")
		out = append(out, e.EventName()+" "+kind.Str()+" "+subject.Str())
	}
	return out
}

// call is a trace of a shop that calls something; answered: by a service of that name.
func (r *rig) call(to map[string]string, answered string) {
	trace := []testSpan{
		{id: 1, service: "shop", kind: spanview.KindServer},
		{id: 2, parent: 1, service: "shop", kind: spanview.KindClient, attributes: to},
	}
	if answered != "" {
		trace = append(trace, testSpan{id: 3, parent: 2, service: answered, kind: spanview.KindServer})
	}
	r.look(trace...)
}

func TestASilentPeerIsAGapUntilItIsHeard(t *testing.T) {
	r := newRig(t, func(c *Config) { c.OpenAfter, c.ResolveAfter = time.Minute, 2*time.Minute })
	r.hasSLO["shop"], r.hasSLO["payments"] = true, true
	payments := map[string]string{"server.address": "payments.prod.svc.cluster.local"}
	r.call(payments, "")
	points, events := r.flush(15 * time.Second)
	require.Empty(t, events)
	require.Empty(t, only(points, "gap.open"))
	require.Equal(t, map[string]float64{"coverage.kind=services": 2, "coverage.kind=slos": 1}, only(points, "known"))
	require.Equal(t, map[string]float64{"coverage.kind=services": 1, "coverage.kind=slos": 1}, only(points, "covered"))

	r.call(payments, "")
	points, events = r.flush(time.Minute)
	require.Equal(t, []string{"observability.gap.opened silent_peer payments"}, named(events))
	require.Equal(t, "payments is called by shop, and no span of it ever came", events[0].Body().Str())
	require.NotEmpty(t, events[0].TraceID())
	require.Equal(t, map[string]float64{"gap.kind=silent_peer gap.subject=payments": 1}, only(points, "gap.open"))
	require.Equal(t, 2.0, points["unanswered_calls{peer.class=service peer.name=payments}"])

	_, events = r.flush(time.Minute)
	require.Empty(t, events, "told once")

	r.hear("Payments")
	for range 2 {
		points, events = r.flush(50 * time.Second)
		require.Empty(t, events)
		require.Equal(t, map[string]float64{"gap.kind=silent_peer gap.subject=payments": 1}, only(points, "gap.open"), "not at once")
	}
	points, events = r.flush(time.Minute)
	require.Equal(t, []string{"observability.gap.resolved silent_peer payments"}, named(events))
	require.Equal(t, map[string]float64{"gap.kind=silent_peer gap.subject=payments": -1}, only(points, "gap.open"))
	points, _ = r.flush(time.Minute)
	require.Empty(t, only(points, "gap.open"))
}

func TestAPeerThatAnswersUnderAnotherNameIsNotSilent(t *testing.T) {
	r := newRig(t, nil)
	r.hasSLO["shop"], r.hasSLO["billing"] = true, true
	to := map[string]string{"server.address": "payments"}
	r.call(to, "")
	r.call(to, "billing")
	points, events := r.flush(time.Second)
	require.Empty(t, events)
	require.Empty(t, only(points, "gap.open"))
	require.Equal(t, 2.0, points["known{coverage.kind=services}"])
}

func TestAnInnerCallsAnswerIsTheOutersToo(t *testing.T) {
	r := newRig(t, nil)
	r.hasSLO["shop"], r.hasSLO["payments"] = true, true
	r.look(
		testSpan{id: 1, service: "shop", kind: spanview.KindServer},
		testSpan{id: 2, parent: 1, service: "shop", kind: spanview.KindClient, attributes: map[string]string{"peer.service": "payments-api"}},
		testSpan{id: 3, parent: 2, service: "shop", kind: spanview.KindInternal},
		testSpan{id: 4, parent: 3, service: "shop", kind: spanview.KindClient},
		testSpan{id: 5, parent: 4, service: "payments", kind: spanview.KindServer},
		testSpan{id: 6, parent: 7, service: "shop", kind: spanview.KindClient}, // in a circle
		testSpan{id: 7, parent: 6, service: "shop", kind: spanview.KindClient},
	)
	points, events := r.flush(time.Second)
	require.Empty(t, events)
	require.Equal(t, map[string]float64{"peer.class=unknown": 2}, only(points, "unanswered_calls"))
}

func TestManyHostsOutsideLeaveRoomForServices(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ServicesMax = 2 })
	r.hasSLO["shop"] = true
	for i := range othersMax + 10 {
		r.call(map[string]string{"server.address": fmt.Sprintf("host-%d.example.com", i)}, "")
	}
	points, _ := r.flush(time.Second)
	require.Equal(t, map[string]float64{"coverage.kind=services": 0, "coverage.kind=peers": 1}, only(points, "full"))
	r.call(map[string]string{"server.address": "payments"}, "")
	r.hear("a", "b", "c")
	points, events := r.flush(time.Second)
	require.Equal(t, []string{"observability.gap.opened silent_peer payments"}, named(events))
	require.Equal(t, map[string]float64{"coverage.kind=services": 1, "coverage.kind=peers": 0}, only(points, "full"))
	require.Equal(t, []uint32{1, 2, 0}, r.hear("shop", "a", "c"))
}

func TestWhatIsNoServiceIsNotSilent(t *testing.T) {
	r := newRig(t, nil)
	r.hasSLO["shop"] = true
	for _, to := range []map[string]string{
		{},
		{"db.system": "mysql", "server.address": "mysql"},
		{"messaging.system": "kafka", "messaging.destination.name": "orders"},
		{"server.address": "api.example.com"},
		{"server.address": "10.0.0.7"},
		{"url.full": "http://localhost:8087/logs"},
		{"peer.service": "shop"},
	} {
		r.call(to, "")
	}
	points, events := r.flush(time.Second)
	require.Empty(t, events)
	require.Equal(t, map[string]float64{
		"peer.class=unknown": 1, "peer.class=service": 1, "peer.class=datastore": 1, "peer.class=broker": 1, "peer.class=external": 1,
	}, only(points, "peers"))
}

func TestWhomACallGoesTo(t *testing.T) {
	slots, schema := &peerSlots{}, &spanview.Schema{}
	require.NoError(t, slots.bind(schema))
	for _, c := range []struct {
		attributes map[string]string
		want       peerKey
	}{
		{map[string]string{"service.peer.name": "cart", "peer.service": "old", "server.address": "x"}, peerKey{classService, "cart"}},
		{map[string]string{"peer.service": "cart"}, peerKey{classService, "cart"}},
		{map[string]string{"server.address": "cart"}, peerKey{classService, "cart"}},
		{map[string]string{"net.peer.name": "CART:8080"}, peerKey{classService, "cart"}},
		{map[string]string{"server.address": "cart.shop.svc"}, peerKey{classService, "cart"}},
		{map[string]string{"url.full": "https://cart.shop.svc.cluster.local:8443/x?y"}, peerKey{classService, "cart"}},
		{map[string]string{"http.url": "http://cart.corp/"}, peerKey{classService, "cart.corp"}},
		{map[string]string{"server.address": "api.example.com."}, peerKey{classExternal, "api.example.com"}},
		{map[string]string{"server.address": "localhost"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "10.1.2.3:80"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "fe80::1"}, peerKey{classUnknown, ""}},
		{map[string]string{"url.full": "http://[fe80::1]:80/"}, peerKey{classUnknown, ""}},
		{map[string]string{"url.full": "http://[::1]/x"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "[fe80::1]"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "2001:db8::1"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "/tmp/sock"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "unix:/tmp/sock"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "dns:///payments:50051"}, peerKey{classUnknown, ""}},
		{map[string]string{"server.address": "ingester-0.ingester.prod.svc.cluster.local"}, peerKey{classService, "ingester"}},
		{map[string]string{"server.address": "ingester.svc"}, peerKey{classService, "ingester"}},
		{map[string]string{"server.address": "3scale"}, peerKey{classService, "3scale"}},
		{map[string]string{"url.full": ":not a URL"}, peerKey{classUnknown, ""}},
		{map[string]string{"db.system.name": "postgresql", "db.namespace": "orders", "server.address": "db-1"}, peerKey{classDatastore, "postgresql/orders@db-1"}},
		{map[string]string{"db.system": "redis"}, peerKey{classDatastore, "redis"}},
		{map[string]string{"db.system": "redis", "peer.service": "cache"}, peerKey{classDatastore, "cache"}},
		{map[string]string{"messaging.system": "kafka", "messaging.destination.name": "orders"}, peerKey{classBroker, "kafka/orders"}},
		{map[string]string{"peer.service": "\xff"}, peerKey{classService, "\uFFFD"}},
	} {
		values := make([]spanview.Value, schema.SpanSlots())
		for key, value := range c.attributes {
			values[schema.LookupSpan([]byte(key))] = spanview.Value{Type: spanview.String, Str: value}
		}
		require.Equal(t, c.want, slots.resolve(values), "%v", c.attributes)
	}
}

func TestOrphansAreAGapWhereTheyAreMoreThanAFew(t *testing.T) {
	r := newRig(t, nil)
	whole := []testSpan{{id: 1, service: "a"}, {id: 2, parent: 1, service: "b"}}
	broken := []testSpan{{id: 1, service: "a"}, {id: 2, parent: 9, service: "b", place: ParentRemote}}
	r.look(broken...)
	_, events := r.flush(time.Second)
	require.Empty(t, events, "one of one tells nothing")
	for range 300 {
		r.look(whole...)
	}
	_, events = r.flush(time.Second)
	require.Empty(t, events, "single ones get lost everywhere")
	for range 20 {
		r.look(broken...)
	}
	_, events = r.flush(time.Second)
	require.Equal(t, []string{"observability.gap.opened orphan_spans b"}, named(events))
	require.Equal(t, "b has 21 of 321 spans whose parent never came", events[0].Body().Str())
	require.Equal(t, plog.SeverityNumberWarn, events[0].SeverityNumber())
	_, events = r.flush(windowPart)
	require.Empty(t, events)
	r.look(whole...)
	_, events = r.flush(windowPart)
	require.Empty(t, events)
	_, events = r.flush(windowPart)
	require.Equal(t, []string{"observability.gap.resolved orphan_spans b"}, named(events))
}

func TestTracesWithoutARootAreAGap(t *testing.T) {
	r := newRig(t, nil)
	for range shareOfMin {
		r.look(testSpan{id: 2, parent: 3, service: "b"}, testSpan{id: 3, parent: 2, service: "b"})
	}
	_, events := r.flush(time.Second)
	require.Equal(t, []string{"observability.gap.opened rootless_traces traces"}, named(events))
	require.Equal(t, "traces have no root: 50 of 50", events[0].Body().Str())
}

func TestAServiceThatAnswersRequestsNeedsAnSLO(t *testing.T) {
	r := newRig(t, nil)
	r.look(testSpan{id: 1, service: "loadgenerator", kind: spanview.KindClient}, testSpan{id: 2, parent: 1, service: "eu/shop", kind: spanview.KindServer})
	points, events := r.flush(time.Second)
	require.Equal(t, []string{"observability.gap.opened no_slo shop"}, named(events))
	require.Equal(t, map[string]float64{"gap.kind=no_slo gap.subject=shop service.namespace=eu": 1}, only(points, "gap.open"))
	require.Equal(t, 1.0, points["known{coverage.kind=slos}"])
	require.Equal(t, 0.0, points["covered{coverage.kind=slos}"])
	r.hasSLO["shop"] = true
	_, events = r.flush(time.Second)
	require.Equal(t, []string{"observability.gap.resolved no_slo shop"}, named(events))
}

func TestWhoIsNotHeardFromIsForgotten(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ForgetAfter = 10 * time.Minute })
	before := r.hear("a", "b")
	r.call(map[string]string{"server.address": "payments"}, "")
	r.flush(time.Minute)
	for range 12 {
		require.Equal(t, before[:1], r.hear("a"))
		r.flush(time.Minute)
	}
	points, _ := r.flush(time.Minute)
	require.Equal(t, map[string]float64{"service.name=a": 0}, only(points, "spans"))
	require.Empty(t, only(points, "unanswered_calls"))
	require.Empty(t, only(points, "gap.open"))
	after := r.hear("a", "b")
	require.Equal(t, before[0], after[0])
	require.NotEqual(t, before[1], after[1], "a number is never used again")
	require.Equal(t, after, r.hear("a", "b"))
}

func TestABadConfigurationSaysWhatIsWrong(t *testing.T) {
	cfg := Config{SpansPerSecondMax: -1, OpenAfter: -time.Second, ResolveAfter: -time.Second, ForgetAfter: -2 * time.Second}
	err := cfg.Validate()
	for _, want := range []string{
		"spans_per_second_max must not be negative (got -1)", "services_max must be from 1 to 1000000 (got 0)",
		"open_after must not be negative (got -1s)", "resolve_after must not be negative (got -1s)",
		"forget_after must be more than open_after, -1s (got -2s)",
	} {
		require.ErrorContains(t, err, want)
	}
}
