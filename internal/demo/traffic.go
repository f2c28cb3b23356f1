package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Sender takes one service's spans, as its SDK sends them. It returns when they are accepted.
type Sender func(context.Context, ptrace.Traces) error

// Traffic is requests to a shop at a rate. Its spans are sent once they ended.
type Traffic struct {
	shop   *Shop
	counts *Counts
	rate   float64
	send   Sender
	// opened is when the first request of this opening came, made how many of it did.
	opened  time.Time
	made    int
	pending []sent
	// failed and timedOut are traces to look at: the latest with an error, and the latest that a timeout brought back.
	failed, timedOut [16]byte
}

// sent is a span and its trace, to be sent.
type sent struct {
	trace [16]byte
	span  span
}

// NewTraffic returns traffic of some requests a second. Nothing comes before Open.
func NewTraffic(shop *Shop, counts *Counts, rate float64, send Sender) *Traffic {
	return &Traffic{shop: shop, counts: counts, rate: rate, send: send}
}

// Open lets requests in from a time on.
func (t *Traffic) Open(now time.Time) { t.opened, t.made = now, 0 }

// Close lets no more in. What is under way still is: Step goes on with it.
func (t *Traffic) Close(now time.Time) {
	t.counts.open += now.Sub(t.opened)
	t.opened = time.Time{}
}

// Idle tells whether all spans are sent.
func (t *Traffic) Idle() bool { return len(t.pending) == 0 }

// Step makes the requests that came in by now, and sends the spans that ended.
func (t *Traffic) Step(ctx context.Context, now time.Time) error {
	if !t.opened.IsZero() {
		for due := int(now.Sub(t.opened).Seconds() * t.rate); t.made < due; t.made++ {
			t.request(t.opened.Add(time.Duration(float64(t.made) / t.rate * float64(time.Second))))
		}
	}
	ended := map[*service][]sent{}
	t.pending = slices.DeleteFunc(t.pending, func(s sent) bool {
		over := !s.span.end.After(now)
		if over {
			ended[s.span.service] = append(ended[s.span.service], s)
		}
		return over
	})
	for from, spans := range ended {
		if err := t.send(ctx, encode(from, spans)); err != nil {
			return fmt.Errorf("cannot send the spans of %q: %w", from.name, err)
		}
	}
	return nil
}

func (t *Traffic) request(at time.Time) {
	made := t.shop.request(at)
	rescued := t.counts.rescued
	t.counts.add(&made)
	if t.counts.rescued > rescued {
		t.timedOut = made.id
	}
	for _, s := range made.spans {
		t.pending = append(t.pending, sent{made.id, s})
		if s.failed && s.duration() < timeout {
			t.failed = made.id
		}
	}
}

// encode makes a request of a service's spans. Flags tell whether a parent is remote, as current SDKs do.
func encode(from *service, spans []sent) ptrace.Traces {
	const isRemoteKnown, isRemote = 0x100, 0x200
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.namespace", "shop")
	rs.Resource().Attributes().PutStr("service.name", from.name)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("demo")
	for _, s := range spans {
		out := ss.Spans().AppendEmpty()
		out.SetTraceID(s.trace)
		out.SetSpanID(s.span.id)
		out.SetParentSpanID(s.span.parent)
		out.SetFlags(isRemoteKnown)
		if s.span.remote {
			out.SetFlags(isRemoteKnown | isRemote)
		}
		out.SetName(s.span.name)
		out.SetKind(s.span.kind)
		out.SetStartTimestamp(pcommon.NewTimestampFromTime(s.span.start))
		out.SetEndTimestamp(pcommon.NewTimestampFromTime(s.span.end))
		for k, v := range s.span.attributes {
			out.Attributes().PutStr(k, v)
		}
		if s.span.status != 0 {
			out.Attributes().PutInt("http.response.status_code", int64(s.span.status))
		}
		if s.span.failed {
			out.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	return td
}
