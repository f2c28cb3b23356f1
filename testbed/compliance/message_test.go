//go:build integration

package compliance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The protocol's headers, to the letter.
func TestHeaders(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, message string) {
		to := newReceiver(t, acceptAll)
		p := start(t, newTarget(t, counters(10)), to, message, "")
		to.waitFor(t, 2)
		p.StopWithin(stopWithin)
		to.inOrder(t)
		for _, request := range to.arrived() {
			assert.Equal(t, http.MethodPost, request.method)
			assert.Equal(t, contentTypes[message], request.header.Get("Content-Type"))
			assert.Equal(t, "snappy", request.header.Get("Content-Encoding"))
			assert.Equal(t, map[string]string{message1: "0.1.0", message2: "2.0.0"}[message], request.header.Get("X-Prometheus-Remote-Write-Version"))
			assert.Regexp(t, `^otelcol-slo/\d`, request.header.Get("User-Agent"))
			assert.Empty(t, request.header.Get("Retry-Attempt"))
		}
	})
}

// A receiver that does not understand 2.0 has the same samples as 1.0, and 1.0 from then on.
func TestFallback(t *testing.T) {
	for name, status := range map[string]int{
		"415":                          http.StatusUnsupportedMediaType,
		"a success without an account": http.StatusNoContent,
		"400 at first":                 http.StatusBadRequest,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newReceiver(t, func(_ int, r *http.Request) answer {
				if r.Header.Get("Content-Type") == contentTypes[message2] {
					return answer{status: status}
				}
				return answer{}
			})
			p := start(t, newTarget(t, counters(10)), to, message2, "")
			to.waitFor(t, 4)
			p.StopWithin(stopWithin)
			assert.EqualValues(t, 1, to.refused.Stats().Requests2)
			assert.Zero(t, to.accepted.Stats().Requests2)
			_, lost := to.refusedAnd()
			assert.Zero(t, lost)
			to.inOrder(t)
			to.whole(t, 10)
		})
	}
}

// A receiver that takes only small requests has everything, in smaller ones.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, message string) {
		const most = 2000
		to := newReceiver(t, func(_ int, r *http.Request) answer {
			if r.ContentLength > most {
				return answer{status: http.StatusRequestEntityTooLarge}
			}
			return answer{}
		})
		from := newTarget(t, counters(1000))
		p := start(t, from, to, message, "")
		to.waitFor(t, 20)
		p.StopWithin(stopWithin)
		assert.NotZero(t, to.refused.Stats().Samples)
		_, lost := to.refusedAnd()
		assert.Zero(t, lost)
		to.inOrder(t)
		to.whole(t, 1000)
	})
}
