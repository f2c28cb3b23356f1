package remotewrite

import (
	"net/http"
	"sync"
	"time"
)

// Outcome is what becomes of a batch that was sent.
type Outcome int

const (
	// Delivered: the endpoint has it.
	Delivered Outcome = iota
	// Retry: send the same again, later.
	Retry
	// TooLarge: send it again in halves.
	TooLarge
	// Downgrade: the endpoint doesn't understand 2.0; send the same again as 1.0.
	Downgrade
	// Rejected: the endpoint will never take it, or took what it wanted of it.
	Rejected
)

// ReprobeAfter is how long an endpoint that didn't understand 2.0 is spoken to in 1.0 before it is asked again.
const ReprobeAfter = time.Hour

// Negotiation knows which message an endpoint is sent, and reads its answers.
type Negotiation struct {
	preferred Message
	downgrade bool

	mu sync.Mutex
	// proven says that the endpoint answered a 2.0 request as a 2.0 receiver does.
	proven bool
	// downgraded is when the endpoint was found not to understand 2.0; zero: it was not.
	downgraded time.Time
}

// NewNegotiation starts with the preferred message. downgrade allows 1.0 where 2.0 is preferred and not understood.
func NewNegotiation(preferred Message, downgrade bool) *Negotiation {
	return &Negotiation{preferred: preferred, downgrade: downgrade && preferred == V2}
}

// Message returns what to send at a time.
func (n *Negotiation) Message(now time.Time) Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.downgraded.IsZero() && now.Sub(n.downgraded) < ReprobeAfter {
		return V1
	}
	return n.preferred
}

// Downgraded reports whether 1.0 is sent although 2.0 is preferred.
func (n *Negotiation) Downgraded(now time.Time) bool { return n.Message(now) != n.preferred }

// Outcome reads the answer to a request with message m that came at a time.
func (n *Negotiation) Outcome(m Message, r Response, now time.Time) Outcome {
	if m == V2 && n.downgrade && n.refused(r, now) {
		return Downgrade
	}
	switch {
	case r.Status/100 == 2 && m == V2 && !r.Accounted:
		return Rejected // as a 415: nothing says that a sample was written
	case r.Status/100 == 2:
		return Delivered
	case r.Status/100 == 5 || r.Status == http.StatusTooManyRequests:
		return Retry
	case r.Status == http.StatusRequestEntityTooLarge:
		return TooLarge
	default:
		return Rejected
	}
}

// refused reports whether an answer means that 2.0 is not understood: 415; a success without an account of what was
// written (the specification asks to read it as 415: a 1.0 receiver decodes a 2.0 request as an empty one); and 400
// without such an account from an endpoint that never spoke 2.0.
func (n *Negotiation) refused(r Response, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case r.Accounted:
		n.proven, n.downgraded = true, time.Time{}
		return false
	case r.Status == http.StatusUnsupportedMediaType, r.Status/100 == 2:
	case r.Status == http.StatusBadRequest && !n.proven:
	default:
		return false
	}
	n.proven, n.downgraded = false, now
	return true
}
