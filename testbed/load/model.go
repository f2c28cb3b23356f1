package load

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// traceModel is a trace of the plan: a chain of calls through four services, SERVER and CLIENT span in turn.
type traceModel struct {
	spans [SpansPerTrace]spanModel
	// mustKeep: an error, or an extent of more than 500 ms, when all of its spans arrive.
	mustKeep bool
}

// spanModel is what is known of a span before it is encoded. Times count from the start of its trace.
type spanModel struct {
	service    int
	parent     int // index in the trace, -1 for the root
	kind       ptrace.SpanKind
	method     string
	route      string
	code       int
	isError    bool
	start, end time.Duration
}

var services = [serviceCount]string{
	"accounting", "ad", "cart", "catalog", "checkout", "currency", "email", "fraud-detection", "frontend", "image-provider",
	"inventory", "loyalty", "payment", "pricing", "quote", "recommendation", "reviews", "search", "shipping", "tax",
}

var routes = [8]struct{ method, route string }{
	{"GET", "/api/v1/products/{productId}"},
	{"GET", "/api/v1/carts/{cartId}/items"},
	{"POST", "/api/v1/carts/{cartId}/items"},
	{"POST", "/api/v1/orders"},
	{"GET", "/api/v1/orders/{orderId}"},
	{"POST", "/api/v1/payments/{paymentId}/capture"},
	{"GET", "/api/v1/customers/{customerId}/profile"},
	{"DELETE", "/api/v1/sessions/{sessionId}"},
}

// slowMillis is the threshold of the reference job's latency policy.
const slowMillis = 500

// newTraces makes the plan's traces. The slow and the ordinary ones include extents at the very edge of the threshold,
// slow ones whose root is fast, and durations that lie exactly on a bucket's bound.
func newTraces(spec Spec, rnd *rand.Rand) []traceModel {
	traces := make([]traceModel, spec.tracesPerCohort())
	errors := share(spec.ErrorShare, len(traces))
	slow := share(spec.SlowShare, len(traces))
	order := rnd.Perm(len(traces))
	for rank, i := range order {
		isError := rank < errors
		isSlow := rank >= len(traces)-slow
		traces[i] = newTrace(rnd, isError, isSlow, rank)
	}
	return traces
}

func share(p float64, n int) int {
	if p == 0 {
		return 0
	}
	return max(1, int(p*float64(n)))
}

func newTrace(rnd *rand.Rand, isError, isSlow bool, rank int) traceModel {
	extent := ordinaryExtent(rnd, rank)
	if isSlow {
		extent = slowExtent(rnd, rank)
	}
	t := traceModel{mustKeep: isError || isSlow}
	path := rnd.Perm(serviceCount)
	start, end := time.Duration(0), extent
	for i := range t.spans {
		route := routes[rnd.IntN(len(routes))]
		s := &t.spans[i]
		*s = spanModel{
			service: path[i/2], parent: i - 1, kind: ptrace.SpanKindServer,
			method: route.method, route: route.route, code: okCode(rnd, route.method), start: start, end: end,
		}
		if i%2 == 1 {
			s.kind = ptrace.SpanKindClient
		} else if i > 0 {
			// A SERVER span answers the call of the CLIENT span above it.
			s.method, s.route, s.code = t.spans[i-1].method, t.spans[i-1].route, t.spans[i-1].code
		}
		gap := (end - start) / 20
		start += time.Duration(rnd.Int64N(int64(gap) + 1))
		end -= time.Duration(rnd.Int64N(int64(gap) + 1))
	}
	if isSlow && rank%2 == 0 {
		shortenRoot(&t)
	}
	if isError {
		failCall(rnd, &t)
	}
	return t
}

// shortenRoot lets the root and all but the last span end early, so that only the extent tells that the trace is slow.
func shortenRoot(t *traceModel) {
	extent := t.spans[0].end
	last := &t.spans[SpansPerTrace-1]
	for i := range t.spans[:SpansPerTrace-1] {
		s := &t.spans[i]
		s.start, s.end = s.start/4, s.end/4
	}
	last.start, last.end = last.start/4, extent
}

// failCall makes one call fail, seen from both sides, up to the root in every second trace. An inner span fails always.
func failCall(rnd *rand.Rand, t *traceModel) {
	from := 1 + 2*rnd.IntN(SpansPerTrace/2-1)
	to := from + 1
	if rnd.IntN(2) == 0 {
		from = 0
	}
	for i := from; i <= to; i++ {
		t.spans[i].isError = true
		t.spans[i].code = 503
	}
}

func okCode(rnd *rand.Rand, method string) int {
	if method == "POST" && rnd.IntN(2) == 0 {
		return 201
	}
	if rnd.IntN(10) == 0 {
		return 304
	}
	return 200
}

func ordinaryExtent(rnd *rand.Rand, rank int) time.Duration {
	switch rank % 200 {
	case 50:
		return slowMillis * time.Millisecond
	case 51:
		return slowMillis*time.Millisecond + 999_999
	case 52:
		return 100 * time.Millisecond
	}
	// Spread evenly over orders of magnitude, 1 ms to 400 ms.
	d := time.Millisecond
	for range rnd.IntN(8) {
		d *= 2
	}
	return d + time.Duration(rnd.Int64N(int64(2*d)))
}

func slowExtent(rnd *rand.Rand, rank int) time.Duration {
	if rank%4 == 1 {
		return (slowMillis + 1) * time.Millisecond
	}
	return 600*time.Millisecond + time.Duration(rnd.Int64N(int64(1400*time.Millisecond)))
}

// name is the span's name: method and route for both sides of a call.
func (s *spanModel) name() string { return s.method + " " + s.route }

// series is the span's identity under the reference job's dimensions. CLIENT spans have no route, as the conventions say.
func (s *spanModel) series() truth.Series {
	series := truth.Series{
		Service: services[s.service], Operation: s.name(), Kind: "CLIENT", Status: "UNSET",
		Method: s.method, Code: fmt.Sprint(s.code),
	}
	if s.kind == ptrace.SpanKindServer {
		series.Kind, series.Route = "SERVER", s.route
	}
	if s.isError {
		series.Status = "ERROR"
	}
	return series
}
