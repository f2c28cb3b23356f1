package otlpsloreceiver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// reason is why the receiver refused a request, a closed set.
type reason uint8

const (
	reasonMalformed reason = iota
	reasonTooLarge
	reasonTooManySpans
	reasonUnknownEncoding
	reasonContentType
	reasonMethod
	reasonNotReceived
	reasonInFlightFull
	reasonNoBudget
	reasonReloading
	reasonShuttingDown

	reasons
)

// rules say how a refusal is told: its name as own metric's attribute, what clients see, and whether they are asked to
// send again.
var rules = [reasons]struct {
	name  string
	grpc  codes.Code
	http  int
	retry bool
}{
	reasonMalformed:       {"malformed", codes.InvalidArgument, http.StatusBadRequest, false},
	reasonTooLarge:        {"too_large", codes.ResourceExhausted, http.StatusRequestEntityTooLarge, false},
	reasonTooManySpans:    {"too_many_spans", codes.ResourceExhausted, http.StatusRequestEntityTooLarge, false},
	reasonUnknownEncoding: {"unknown_encoding", codes.Unimplemented, http.StatusUnsupportedMediaType, false},
	reasonContentType:     {"wrong_content_type", codes.InvalidArgument, http.StatusUnsupportedMediaType, false},
	reasonMethod:          {"wrong_method", codes.Unimplemented, http.StatusMethodNotAllowed, false},
	reasonNotReceived:     {"not_received", codes.DeadlineExceeded, http.StatusServiceUnavailable, false},
	reasonInFlightFull:    {"in_flight_full", codes.ResourceExhausted, http.StatusTooManyRequests, true},
	reasonNoBudget:        {"no_budget", codes.ResourceExhausted, http.StatusTooManyRequests, true},
	reasonReloading:       {"reloading", codes.Unavailable, http.StatusServiceUnavailable, true},
	reasonShuttingDown:    {"shutting_down", codes.Unavailable, http.StatusServiceUnavailable, true},
}

// refusal is the error of a request that the receiver itself refused.
type refusal struct {
	reason reason
	cause  error
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

var (
	errInFlightFull = &refusal{reasonInFlightFull, errors.New("too many requests are being received: send again later")}
	errShuttingDown = &refusal{reasonShuttingDown, errors.New("the receiver is shutting down: send again, it may be another that answers")}
)

func malformed(err error) error { return &refusal{reasonMalformed, err} }

// engineRefusal says why the engine refused a request.
func engineRefusal(err error) error {
	var invalid *otlpwire.InvalidError
	switch {
	case errors.Is(err, otlpwire.ErrTooMany):
		return &refusal{reasonTooManySpans, err}
	case errors.As(err, &invalid):
		return malformed(err)
	case errors.Is(err, spanpipe.ErrNoBudget):
		return &refusal{reasonNoBudget, err}
	case errors.Is(err, spanpipe.ErrReloading):
		return &refusal{reasonReloading, err}
	}
	return err
}

// reasonOf returns why a request was refused, and false where a consumer refused it or its sender went away.
func reasonOf(err error) (reason, bool) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reason, true
	}
	return 0, false
}

// statusOf returns the gRPC status that a client is told. The error of a next consumer keeps the status it has; else
// it is Internal where it is permanent, and Unavailable where sending again may help.
func statusOf(err error) *status.Status {
	if why, ok := reasonOf(err); ok {
		s := status.New(rules[why].grpc, err.Error())
		if !rules[why].retry {
			return s
		}
		if told, detailErr := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay())}); detailErr == nil {
			return told
		}
		return s
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err)
	}
	if s, ok := status.FromError(err); ok {
		return s
	}
	if consumererror.IsPermanent(err) {
		return status.New(codes.Internal, err.Error())
	}
	return status.New(codes.Unavailable, err.Error())
}

// retryDelay is how long a refused client is asked to wait, whole seconds as HTTP has them: 1 or 2, so that not all of
// those who were refused together come back together.
func retryDelay() time.Duration { return time.Duration(1+rand.N(2)) * time.Second }

// httpCode returns the HTTP status that a client is told, s being what statusOf says. For statuses of next consumers
// it follows the OTLP specification: 503 and 429 ask to send again, the others don't.
func httpCode(err error, s *status.Status) int {
	if why, ok := reasonOf(err); ok {
		return rules[why].http
	}
	switch s.Code() {
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unimplemented:
		return http.StatusNotFound
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// retryAfter returns the delay of a status's RetryInfo, 0 where it has none.
func retryAfter(s *status.Status) time.Duration {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
