package tailsamplingprocessor

import (
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// reason is why a request was refused, a closed set.
type reason uint8

const (
	reasonInvalid reason = iota
	reasonTooManySpans
	reasonTooLarge
	reasonNoBudget
	reasonReloading
	reasonGaveUp
	reasonTooManyContexts
	reasonShuttingDown

	reasons
)

// rules say how a refusal is told: its name as own metric's attribute, and whether sending the request again is no use.
var rules = [reasons]struct {
	name      string
	permanent bool
}{
	reasonInvalid:         {"invalid", true},
	reasonTooManySpans:    {"too_many_spans", true},
	reasonTooLarge:        {"too_large", true},
	reasonNoBudget:        {"no_budget", false},
	reasonReloading:       {"reloading", false},
	reasonGaveUp:          {"gave_up", false},
	reasonTooManyContexts: {"too_many_metadata", true},
	reasonShuttingDown:    {"shutting_down", false},
}

// refusal is why a request was refused.
type refusal struct {
	reason reason
	cause  error
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

var errShuttingDown = &refusal{reasonShuttingDown, errors.New("the processor is not running: send again later")}

// refusalOf returns why a request was not taken, nil where it was.
func refusalOf(err error) *refusal {
	var known *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, spanpipe.ErrTooLarge):
		return &refusal{reasonTooLarge, fmt.Errorf("cannot hold so much at once, make batches smaller or raise memory.limit_mib: %w", err)}
	case errors.Is(err, spanpipe.ErrNoBudget):
		return &refusal{reasonNoBudget, fmt.Errorf("cannot hold more spans, send again later: %w", err)}
	case errors.Is(err, spanpipe.ErrReloading):
		return &refusal{reasonReloading, fmt.Errorf("cannot take spans now, send again later: %w", err)}
	case errors.Is(err, otlpwire.ErrTooMany):
		return &refusal{reasonTooManySpans, fmt.Errorf("cannot take so many spans at once, make batches smaller: %w", err)}
	}
	return &refusal{reasonInvalid, err}
}

// refused counts the requests that were refused.
type refused [reasons]atomic.Uint64

// count adds a refusal, if it is one, and returns the error that the caller gets.
func (r *refused) count(why *refusal) error {
	if why == nil {
		return nil
	}
	r[why.reason].Add(1)
	if rules[why.reason].permanent {
		return consumererror.NewPermanent(why)
	}
	return why
}

// observe puts the counts of all reasons, also of those that are 0: what is there from the start can be alerted on.
func (r *refused) observe(put func(value int64, attributes ...attribute.KeyValue)) {
	for why := range reasons {
		put(int64(r[why].Load()), attribute.String("reason", rules[why].name))
	}
}
