package rawgrpc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimeouts(t *testing.T) {
	for timeout, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "4m": 4 * time.Millisecond, "5u": 5 * time.Microsecond, "6n": 6,
		"99999999M": 99_999_999 * time.Minute, "": 0, "S": 0, "1": 0, "1x": 0, "-1S": 0, "999999999S": 0,
		"99999999H": 0, "5124096H": 0, // more than a duration holds: none
	} {
		require.Equal(t, want, parseTimeout(timeout), timeout)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { parseTimeout("4999m") }))
}
