package remotewrite

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Response is what an endpoint answered, as far as the protocols go.
type Response struct {
	Status int
	// Written is what the receiver says it wrote, and Accounted whether it said so at all (2.0 receivers must).
	Written   Counts
	Accounted bool
	// RetryAfter is how long the receiver wants to be left alone; 0: it doesn't say.
	RetryAfter time.Duration
}

// Headers by which a 2.0 receiver accounts for what it wrote.
const (
	headerSamples    = "X-Prometheus-Remote-Write-Samples-Written"
	headerHistograms = "X-Prometheus-Remote-Write-Histograms-Written"
	headerExemplars  = "X-Prometheus-Remote-Write-Exemplars-Written"
)

// ReadResponse reads status and headers of an answer that came at a time.
func ReadResponse(status int, header http.Header, now time.Time) Response {
	r := Response{Status: status, RetryAfter: RetryAfter(header.Get("Retry-After"), now)}
	for name, n := range map[string]*int{
		headerSamples:    &r.Written.Samples,
		headerHistograms: &r.Written.Histograms,
		headerExemplars:  &r.Written.Exemplars,
	} {
		if v, err := strconv.Atoi(strings.TrimSpace(header.Get(name))); err == nil && v >= 0 {
			*n = v
			r.Accounted = true
		}
	}
	return r
}

// MaxRetryAfter is the longest wait that a Retry-After header can ask for: longer ones are cut to it.
const MaxRetryAfter = 5 * time.Minute

// RetryAfter reads the value of a Retry-After header (RFC 9110, 10.2.3): seconds, or a date. It returns 0 for a value
// that is neither or lies in the past, and never more than [MaxRetryAfter].
func RetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), MaxRetryAfter)
}
