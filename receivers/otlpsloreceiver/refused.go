package otlpsloreceiver

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/client"
)

// refused counts the requests that the receiver refused, and remembers the latest of each reason: one that is frequent does not
// push out another.
type refused struct {
	counts [transports][signals][reasons]atomic.Uint64

	mu     sync.Mutex // protects latest
	latest [reasons][]refusedRequest
}

// latestKept is how many refused requests are remembered of a reason.
const latestKept = 16

// textKept is how much is remembered of what a client sent or was told.
const textKept = 256

// sender is who sent a request, and how much.
type sender struct {
	address, userAgent string
	bytes              int64 // of its body, compressed where it is; -1: not said
}

// refusedRequest is one that was refused, as the debug endpoint shows it.
type refusedRequest struct {
	Time      time.Time `json:"time"`
	Transport string    `json:"transport"`
	Signal    string    `json:"signal"`
	Reason    string    `json:"reason"`
	Sender    string    `json:"sender"`
	UserAgent string    `json:"user_agent"`
	Bytes     int64     `json:"bytes"`
	Error     string    `json:"error"`
}

// count adds a request that the receiver refused. The next consumer's refusals are ObsReport's.
func (r *refused) count(t transport, s signalKind, err error, from sender) {
	if why, ok := reasonOf(err); ok {
		r.add(t, s, why, err.Error(), from)
	}
}

func (r *refused) add(t transport, s signalKind, why reason, text string, from sender) {
	r.counts[t][s][why].Add(1)
	request := refusedRequest{
		time.Now(), transportNames[t], signalNames[s], rules[why].name, from.address, clip(from.userAgent), from.bytes, clip(text),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	latest := &r.latest[why]
	if len(*latest) == latestKept {
		copy(*latest, (*latest)[1:])
		*latest = (*latest)[:latestKept-1]
	}
	*latest = append(*latest, request)
}

// list returns what is remembered, the latest first.
func (r *refused) list() []refusedRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Concat(r.latest[:]...)
	slices.SortStableFunc(out, func(a, b refusedRequest) int { return b.Time.Compare(a.Time) })
	return out
}

func clip(text string) string { return string([]byte(text[:min(len(text), textKept)])) }

func senderOf(ctx context.Context, userAgent string, size int) sender {
	s := sender{userAgent: userAgent, bytes: int64(size)}
	if address := client.FromContext(ctx).Addr; address != nil {
		s.address = address.String()
	}
	return s
}

func httpSender(r *http.Request) sender {
	return sender{address: r.RemoteAddr, userAgent: r.UserAgent(), bytes: r.ContentLength}
}
