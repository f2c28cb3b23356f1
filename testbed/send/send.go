package send

import (
	"context"
	"time"
)

// Signal is one of OTLP's three signals.
type Signal int

const (
	Traces Signal = iota
	Metrics
	Logs
)

// String returns the name that OTLP/HTTP paths use.
func (s Signal) String() string {
	return [...]string{"traces", "metrics", "logs"}[s]
}

// OK is the code of an accepted request.
const OK = "OK"

// Outcome is what became of one request.
type Outcome struct {
	// Code is OK, or why it was refused: the name of the gRPC code ("ResourceExhausted"), or the HTTP status ("429").
	Code string
	// Message is the server's own words, empty where there are none.
	Message string
	// Rejected is the number of items that a partial success said were rejected.
	Rejected int64
	// Retryable tells whether OTLP allows the same request to be sent again.
	Retryable bool
	// RetryAfter is how long the server asked to wait (RetryInfo, Retry-After); 0 where it did not ask.
	RetryAfter time.Duration
}

// Sender sends one request.
type Sender interface {
	// Send posts the encoded request and waits for the answer. An answer of any kind is an outcome, and so is its absence.
	Send(ctx context.Context, signal Signal, body []byte) Outcome
	Close() error
}

// Backoff between tries where the server did not ask for a wait: doubled from the first to the last.
const (
	firstBackoff = 20 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// Retry sends a request until it is accepted or refused for good, ctx is done, or stop is closed: then the request under way
// is still answered. It returns the last outcome and how often the request was refused before. stop may be nil.
func Retry(ctx context.Context, s Sender, signal Signal, body []byte, stop <-chan struct{}) (Outcome, int) {
	backoff := firstBackoff
	for refused := 0; ; refused++ {
		o := s.Send(ctx, signal, body)
		if !o.Retryable {
			return o, refused
		}
		wait := o.RetryAfter
		if wait == 0 {
			wait, backoff = backoff, min(2*backoff, lastBackoff)
		}
		select {
		case <-time.After(wait):
		case <-stop:
			return o, refused
		case <-ctx.Done():
			return o, refused
		}
	}
}
