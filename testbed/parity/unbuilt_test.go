package parity

import (
	"strings"
	"testing"
)

// skipUnbuilt skips a case with a type that ours does not know yet.
func skipUnbuilt(t *testing.T, config string) {
	if _, err := own.configure(config); err != nil && strings.Contains(err.Error(), "must be a known policy type") {
		t.Skip("ours does not know a type of it yet")
	}
}
