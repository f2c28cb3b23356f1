package otlpwire

import (
	"errors"
	"fmt"
)

// Why a request was refused: the causes of an [InvalidError].
var (
	// ErrTruncated: a field ends behind the message that holds it.
	ErrTruncated = errors.New("field ends behind its message")
	// ErrVarint: a number is longer than ten bytes.
	ErrVarint = errors.New("number is longer than 10 bytes")
	// ErrLength: a length does not fit a signed 64-bit number.
	ErrLength = errors.New("length is negative")
	// ErrFieldNumber: a field's number, cut to 32 bits, is not positive.
	ErrFieldNumber = errors.New("field number is not positive")
	// ErrWireType: a field has another wire type than its definition says, or one that does not exist.
	ErrWireType = errors.New("wrong wire type")
	// ErrGroup: a group ends that did not begin.
	ErrGroup = errors.New("end of a group that did not begin")
	// ErrIDLength: a trace id is neither empty nor 16 bytes long, or a span id neither empty nor 8.
	ErrIDLength = errors.New("wrong length of a trace or span id")
	// ErrTooDeep: an attribute's value is nested deeper than [MaxDepth].
	ErrTooDeep = fmt.Errorf("value is nested deeper than %d", MaxDepth)
	// ErrTooMany: the request has more spans, scopes or resources than [MaxRows], or than the batch has room for.
	ErrTooMany = errors.New("too many spans, scopes or resources in one request: send smaller batches")
	// ErrTooLarge: the request has 2 GiB or more.
	ErrTooLarge = errors.New("request is not smaller than 2 GiB")
)

// InvalidError says where and why a request cannot be read. errors.Is finds its cause.
type InvalidError struct {
	// Offset is where the field begins that cannot be read, in bytes from the start of the request.
	Offset int
	// Cause is one of the errors of this package.
	Cause error
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("cannot read ExportTraceServiceRequest at byte %d: %v", e.Offset, e.Cause)
}

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Cause }
