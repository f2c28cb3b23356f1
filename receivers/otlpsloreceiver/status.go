package otlpsloreceiver

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// retryDelay is what a client is told to wait when there is no room.
const retryDelay = time.Second

var (
	statusBusy     = retryable(codes.ResourceExhausted, "too many requests are being received: send again later")
	statusNoBudget = retryable(codes.ResourceExhausted, spanpipe.ErrNoBudget.Error()+": send again later")
	statusDraining = retryable(codes.Unavailable, "the collector is shutting down: send again, to another one")
)

// retryable makes a status with RetryInfo, which tells an OTLP client that sending again makes sense.
func retryable(code codes.Code, message string) error {
	s, err := status.New(code, message).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)})
	if err != nil { // only where the code is OK
		return status.Error(code, message)
	}
	return s.Err()
}

// engineStatus turns what the engine says of a request into what its sender is told.
func engineStatus(err error) error {
	var invalid *otlpwire.InvalidError
	switch {
	case errors.Is(err, spanpipe.ErrNoBudget):
		return statusNoBudget
	case errors.As(err, &invalid):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, spanpipe.ErrTooManySpans):
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return consumerStatus(err)
}

// consumerStatus turns a consumer's error into a status: its own where it has one, else one that says whether sending
// again makes sense.
func consumerStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if consumererror.IsPermanent(err) {
		return status.Error(codes.Internal, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// httpCode is the HTTP status of a gRPC one, as the OTLP specification maps failures.
func httpCode(s *status.Status) int {
	switch s.Code() {
	case codes.OK:
		return http.StatusOK
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unimplemented:
		return http.StatusNotFound
	case codes.ResourceExhausted:
		if retryAfter(s) == 0 {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusTooManyRequests
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// retryAfter returns the delay of a status's RetryInfo, 0 where it has none.
func retryAfter(s *status.Status) time.Duration {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// refusalReason is why the door refused a request, a closed set. What the engine refuses it counts itself.
type refusalReason uint8

const (
	refusalBusy refusalReason = iota
	refusalDraining
	refusalTooLarge
	refusalEncoding
	refusalContentType
	refusalMethod
	refusalMalformed
	refusalBody

	refusalReasons
)

func (r refusalReason) name() string {
	return [refusalReasons]string{
		"in_flight_full", "shutting_down", "too_large", "unknown_encoding", "wrong_content_type", "wrong_method", "malformed",
		"body_not_received",
	}[r]
}

// refusals counts refused requests by reason.
type refusals [refusalReasons]atomic.Uint64

func (r *refusals) add(reason refusalReason) { r[reason].Add(1) }
