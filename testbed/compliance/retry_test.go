//go:build integration

package compliance

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// second is a script that refuses the second request: the receiver has proved by then what it understands.
func second(refusal answer) script {
	return func(n int, _ *http.Request) answer {
		if n == 1 {
			return refusal
		}
		return answer{}
	}
}

// A receiver that may take it later has the same samples again, before all newer ones.
func TestSamplesComeAgain(t *testing.T) {
	for _, status := range []int{429, 500, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			inBoth(t, func(t *testing.T, message string) {
				to := newReceiver(t, second(answer{status: status}))
				p := start(t, newTarget(t, counters(10)), to, message, "")
				to.waitFor(t, 4)
				p.StopWithin(stopWithin)
				accepted, lost := to.refusedAnd()
				assert.GreaterOrEqual(t, accepted, 10)
				assert.Zero(t, lost)
				to.inOrder(t)
				to.whole(t, 10)
				assert.Equal(t, "1", to.arrived()[2].header.Get("Retry-Attempt"))
			})
		})
	}
}

// A receiver that will never take it does not have a sample again, and has all later ones.
func TestSamplesDoNotComeAgain(t *testing.T) {
	for _, status := range []int{400, 401, 404, 409} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			inBoth(t, func(t *testing.T, message string) { refusedForGood(t, message, status) })
		})
	}
	t.Run("415 to 1.0", func(t *testing.T) {
		t.Parallel()
		refusedForGood(t, message1, http.StatusUnsupportedMediaType)
	})
}

func refusedForGood(t *testing.T, message string, status int) {
	to := newReceiver(t, second(answer{status: status}))
	p := start(t, newTarget(t, counters(10)), to, message, "")
	to.waitFor(t, 5)
	p.StopWithin(stopWithin)
	again, lost := to.refusedAnd()
	assert.Zero(t, again)
	assert.GreaterOrEqual(t, lost, 10)
	to.inOrder(t)
}

// Retry-After is waited for, in seconds and as a date.
func TestRetryAfter(t *testing.T) {
	const wait = 3 * time.Second
	for name, value := range map[string]func(now time.Time) string{
		"seconds": func(time.Time) string { return strconv.Itoa(int(wait / time.Second)) },
		// The date has no fractions of a second: rounded up.
		"date": func(now time.Time) string { return now.Add(wait + time.Second).UTC().Format(http.TimeFormat) },
	} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			t.Run(name+" "+strconv.Itoa(status), func(t *testing.T) {
				t.Parallel()
				inBoth(t, func(t *testing.T, message string) {
					to := newReceiver(t, func(n int, _ *http.Request) answer {
						if n != 1 {
							return answer{}
						}
						return answer{status: status, header: http.Header{"Retry-After": {value(time.Now())}}}
					})
					p := start(t, newTarget(t, counters(10)), to, message, "")
					to.waitFor(t, 4)
					p.StopWithin(stopWithin)
					requests := to.arrived()
					require.Equal(t, status, requests[1].status)
					assert.GreaterOrEqual(t, requests[2].at.Sub(requests[1].at), wait)
					_, lost := to.refusedAnd()
					assert.Zero(t, lost)
					to.inOrder(t)
					to.whole(t, 10)
				})
			})
		}
	}
}
