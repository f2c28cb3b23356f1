package slo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// noCode stands for a span that has no such code.
const noCode = -1

// httpCode reads an HTTP status code, a number or its digits. What is outside 100 to 999 is no code: some instrumentations
// write 0 where no answer came.
func httpCode(v *spanview.Value) int {
	n := -1
	switch v.Type {
	case spanview.Int:
		if v.Int() <= 999 {
			n = int(v.Int())
		}
	case spanview.String:
		n = digits(v.Str)
	}
	if n < 100 || n > 999 {
		return noCode
	}
	return n
}

// grpcNames are the gRPC status codes by number.
var grpcNames = [17]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// grpcCode reads a gRPC status code, a number, its digits or its name; codes of other RPC systems are no code.
func grpcCode(v *spanview.Value) int {
	n := -1
	switch v.Type {
	case spanview.Int:
		if v.Int() < int64(len(grpcNames)) {
			n = int(v.Int())
		}
	case spanview.String:
		if n = digits(v.Str); n < 0 {
			n = grpcNumber(v.Str)
		}
	}
	if n < 0 || n >= len(grpcNames) {
		return noCode
	}
	return n
}

// grpcNumber returns the code of a name, "DEADLINE_EXCEEDED" as well as "DeadlineExceeded", or -1.
func grpcNumber(name string) int {
	if sameName(name, "CANCELED") {
		return 1
	}
	for i := range grpcNames {
		if sameName(name, grpcNames[i]) {
			return i
		}
	}
	return -1
}

// sameName compares two ASCII names without regard to case and underscores.
func sameName(a, b string) bool {
	i := 0
	for j := 0; j < len(b); j++ {
		if b[j] == '_' {
			continue
		}
		for i < len(a) && a[i] == '_' {
			i++
		}
		if i == len(a) || a[i]|0x20 != b[j]|0x20 {
			return false
		}
		i++
	}
	return i == len(a)
}

// digits reads one to three digits, -1 for anything else.
func digits(s string) int {
	if len(s) == 0 || len(s) > 3 {
		return -1
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// codeSet is a set of numbers from 0 to 1023.
type codeSet [16]uint64

func (c *codeSet) add(n int)      { c[n>>6] |= 1 << (n & 63) }
func (c *codeSet) has(n int) bool { return c[n>>6]>>(n&63)&1 != 0 }

// addHTTP adds one number or one range, "500-599".
func (c *codeSet) addHTTP(raw any) error {
	text, err := numberText(raw)
	if err == nil {
		low, high, isRange := strings.Cut(text, "-")
		if !isRange {
			high = low
		}
		from, errLow := strconv.Atoi(strings.TrimSpace(low))
		to, errHigh := strconv.Atoi(strings.TrimSpace(high))
		if errLow == nil && errHigh == nil && 100 <= from && from <= to && to <= 999 {
			for n := from; n <= to; n++ {
				c.add(n)
			}
			return nil
		}
	}
	return fmt.Errorf(`must be a number from 100 to 999 or a range as in "500-599" (got %v)`, raw)
}

// addGRPC adds one number or name.
func (c *codeSet) addGRPC(raw any) error {
	if text, err := numberText(raw); err == nil {
		n := digits(text)
		if n < 0 {
			n = grpcNumber(text)
		}
		if n >= 0 && n < len(grpcNames) {
			c.add(n)
			return nil
		}
	}
	return fmt.Errorf("must be a number from 0 to 16 or a name of a gRPC code as in UNAVAILABLE (got %v)", raw)
}
