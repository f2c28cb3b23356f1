//go:build integration

package compliance

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

var contentTypes = map[string]string{
	message1: "application/x-protobuf",
	message2: "application/x-protobuf;proto=io.prometheus.write.v2.Request",
}

// answer is what a receiver says to a request; the zero value accepts it.
type answer struct {
	// status refuses the request, also where it is a success: one without an account of what was written.
	status int
	header http.Header
	// after is how long the answer takes.
	after time.Duration
}

// script says what to answer to the n-th request, from 0.
type script func(n int, r *http.Request) answer

// receiver takes remote write and answers by a script. What it accepted and what it refused are kept apart.
type receiver struct {
	server            *httptest.Server
	accepted, refused *sink.RemoteWrite

	mu       sync.Mutex // protects what follows
	script   script
	requests []request
}

// request is one that arrived.
type request struct {
	at     time.Time
	method string
	header http.Header
	status int // that refused it, 0 where it was accepted
}

func newReceiver(t *testing.T, s script) *receiver {
	r := &receiver{accepted: harness.RemoteWriteSink(t), refused: harness.RemoteWriteSink(t), script: s}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// ServeHTTP takes one request.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	a := r.script(len(r.requests), q)
	r.requests = append(r.requests, request{at: time.Now(), method: q.Method, header: q.Header, status: a.status})
	r.mu.Unlock()
	if a.after > 0 {
		<-time.After(a.after)
	}
	if a.status == 0 {
		r.accepted.ServeHTTP(w, q)
		return
	}
	r.refused.ServeHTTP(httptest.NewRecorder(), q)
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
}

// acceptAll is a script.
func acceptAll(int, *http.Request) answer { return answer{} }

// acceptFromNowOn ends the script.
func (r *receiver) acceptFromNowOn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = acceptAll
}

func (r *receiver) arrived() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// waitFor waits until some requests arrived.
func (r *receiver) waitFor(t *testing.T, n int) {
	t.Helper()
	harness.Wait(t, within, fmt.Sprintf("%d requests arrived", n), func() bool { return len(r.arrived()) >= n })
}

// samples returns all that a sink has, one text a sample.
func samples(s *sink.RemoteWrite) map[string]bool {
	out := map[string]bool{}
	for key, series := range s.Series() {
		for _, x := range series.Samples {
			out[fmt.Sprintf("%s %v @%d", key, x.Value, x.Millis)] = true
		}
	}
	return out
}

// refusedAnd counts the refused samples that were accepted at another time, and those that were not.
func (r *receiver) refusedAnd() (accepted, lost int) {
	there := samples(r.accepted)
	for sample := range samples(r.refused) {
		if there[sample] {
			accepted++
		} else {
			lost++
		}
	}
	return accepted, lost
}

// inOrder checks that the accepted samples of every series came with growing times, each once.
func (r *receiver) inOrder(t *testing.T) {
	t.Helper()
	stats := r.accepted.Stats()
	require.Zero(t, stats.Invalid, stats.LastInvalid)
	assert.NotZero(t, stats.Samples)
	assert.Zero(t, stats.OutOfOrder)
	assert.Zero(t, stats.Repeated)
}

// ups returns how many scrapes succeeded, and how many there were: each says so in a sample of up. On a machine that stands still for
// a moment one may fail.
func (r *receiver) ups(t *testing.T) (succeeded, all int) {
	t.Helper()
	for _, series := range r.accepted.Series() {
		if series.Name() != "up" {
			continue
		}
		for _, sample := range series.Samples {
			all++
			if sample.Value == 1 {
				succeeded++
			}
		}
	}
	require.NotZero(t, succeeded)
	return succeeded, all
}

// whole checks that every series of [counters] has every scrape, and returns how many there are.
func (r *receiver) whole(t *testing.T, workers int) (scrapes int) {
	t.Helper()
	scrapes, all := r.ups(t)
	found := 0
	for key, series := range r.accepted.Series() {
		if series.Name() != "work_total" {
			continue
		}
		found++
		recorded, last := 0, 0.0
		for _, sample := range series.Samples {
			if sample.Stale() {
				continue
			}
			recorded++
			require.Greater(t, sample.Value, last, key)
			last = sample.Value
		}
		require.Equal(t, scrapes, recorded, key)
		// The value counts the scrapes: a request that is missing would have had a sample of up as well.
		require.LessOrEqual(t, last, float64(all), key)
	}
	require.Equal(t, workers, found)
	return scrapes
}
