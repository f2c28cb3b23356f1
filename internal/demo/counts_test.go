package demo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const ms = time.Millisecond

// dropped is a trace id that the share of kept ones does not choose, chosen one that it does.
var (
	dropped = [16]byte{15: 1}
	chosen  = [16]byte{8: 0, 9: 0xff, 10: 0xff}
)

func server(s *service, id, parent byte, start, end time.Duration) span {
	out := span{service: s, id: [8]byte{id}, kind: ptrace.SpanKindServer, start: noon.Add(start), end: noon.Add(end), status: 200}
	if parent != 0 {
		out.parent, out.remote = [8]byte{parent}, true
	}
	return out
}

func client(s *service, id, parent byte, peer string, start, end time.Duration) span {
	return span{
		service: s, id: [8]byte{id}, parent: [8]byte{parent}, kind: ptrace.SpanKindClient, attributes: map[string]string{"server.address": peer},
		start: noon.Add(start), end: noon.Add(end), status: 200,
	}
}

func failing(s span) span {
	s.failed, s.status = true, 503
	return s
}

func counted(id [16]byte, spans ...span) *Counts {
	c := NewCounts()
	c.add(&trace{id: id, spans: spans})
	return c
}

func TestWhatIsKept(t *testing.T) {
	for name, tt := range map[string]struct {
		id            [16]byte
		spans         []span
		kept, rescued int
	}{
		"fast and well":            {dropped, []span{server(storefront, 1, 0, 0, 499*ms)}, 0, 0},
		"of the share":             {chosen, []span{server(storefront, 1, 0, 0, 499*ms)}, 1, 0},
		"slow":                     {dropped, []span{server(storefront, 1, 0, 0, 500*ms)}, 1, 0},
		"slow by its extent":       {dropped, []span{server(storefront, 1, 0, 0, 100*ms), server(email, 2, 1, 400*ms, 500*ms)}, 1, 0},
		"an error":                 {dropped, []span{server(storefront, 1, 0, 0, 9*ms), failing(server(cart, 2, 1, 1*ms, 2*ms))}, 1, 0},
		"an error that comes late": {dropped, []span{server(cart, 2, 1, 1*ms, 2*ms), failing(server(storefront, 1, 0, 0, timeout))}, 1, 1},
		"late, and kept anyway":    {chosen, []span{server(cart, 2, 1, 1*ms, 2*ms), failing(server(storefront, 1, 0, 0, timeout))}, 1, 0},
	} {
		c := counted(tt.id, tt.spans...)
		require.Equal(t, [2]int{tt.kept, tt.rescued}, [2]int{c.kept, c.rescued}, name)
		require.Equal(t, 1, c.traces)
		require.Equal(t, len(tt.spans), c.spans)
	}
}

func TestRequestsAndEventsAreCounted(t *testing.T) {
	c := counted(dropped, server(storefront, 1, 0, 0, 401*ms), client(storefront, 2, 1, "catalog", 0, 300*ms), failing(server(catalog, 3, 2, 0, 250*ms)))
	require.Equal(t, &requests{all: 1, took: map[time.Duration]int{401 * ms: 1}}, c.services["storefront"])
	require.Equal(t, &requests{all: 1, failed: 1, took: map[time.Duration]int{250 * ms: 1}}, c.services["catalog"])
	require.Len(t, c.services, 2)
	got := map[string]events{}
	for i, o := range objectives {
		if c.slos[i] != (events{}) {
			got[o.name] = c.slos[i]
		}
	}
	require.Equal(t, map[string]events{
		"storefront-availability": {good: 1}, "storefront-latency": {bad: 1}, "catalog-availability": {bad: 1}, "catalog-latency": {good: 1},
	}, got)
}

func TestWhatIsMissingIsCounted(t *testing.T) {
	silent := counted(dropped, server(storefront, 1, 0, 0, 90*ms), client(storefront, 2, 1, "pricing", 0, 80*ms), server(tax, 9, 8, 20*ms, 30*ms))
	require.Equal(t, map[string]int{"pricing": 1}, silent.unanswered)
	require.Equal(t, map[string]int{"tax": 1}, silent.orphans)
	require.Zero(t, silent.rootless)

	answered := counted(dropped, server(storefront, 1, 0, 0, 90*ms), client(storefront, 2, 1, "cart", 0, 80*ms), server(cart, 3, 2, 0, 50*ms), client(storefront, 4, 1, "db", 0, 9*ms))
	require.Empty(t, answered.unanswered)
	require.Empty(t, answered.orphans)
	require.Equal(t, map[string]int{"storefront": 3, "cart": 1}, answered.shown)

	late := counted(dropped, client(storefront, 2, 1, "cart", 0, 80*ms), server(cart, 3, 2, 0, 50*ms), failing(server(storefront, 1, 0, 0, timeout)))
	require.Equal(t, map[string]int{"storefront": 1}, late.orphans, "the root was not there at the decision")
	require.Equal(t, 1, late.rootless)
	require.Equal(t, map[string]int{"storefront": 1, "cart": 1}, late.shown)
}

func TestQuantile(t *testing.T) {
	r := &requests{all: 100, took: map[time.Duration]int{1 * ms: 94, 2 * ms: 1, 3 * ms: 5}}
	require.Equal(t, 1*ms, r.quantile(0.5))
	require.Equal(t, 2*ms, r.quantile(0.95))
	require.Equal(t, 3*ms, r.quantile(0.99))
	require.Equal(t, want{100, 200}, bucketOf(200*ms))
	require.Equal(t, want{200, 400}, bucketOf(200*ms+1))
	require.Equal(t, want{0, 2}, bucketOf(1*ms))
}
