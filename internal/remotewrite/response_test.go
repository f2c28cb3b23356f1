package remotewrite

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		value string
		want  time.Duration
	}{
		"seconds":                     {"7", 7 * time.Second},
		"seconds with space around":   {" 7 ", 7 * time.Second},
		"zero":                        {"0", 0},
		"absent":                      {"", 0},
		"negative":                    {"-7", 0},
		"a fraction":                  {"1.5", 0},
		"text":                        {"soon", 0},
		"more than the longest wait":  {"86400", MaxRetryAfter},
		"more than a number can hold": {"99999999999999999999", 0},
		"as large as a number can be": {"18446744073709551615", MaxRetryAfter},
		"a date":                      {"Mon, 23 Nov 2026 12:00:30 GMT", 30 * time.Second},
		"a date in the past":          {"Mon, 23 Nov 2026 11:59:30 GMT", 0},
		"a date far ahead":            {"Tue, 24 Nov 2026 12:00:00 GMT", MaxRetryAfter},
		"a date in RFC 850 form":      {"Monday, 23-Nov-26 12:00:30 GMT", 30 * time.Second},
		"a date in the form of C":     {"Mon Nov 23 12:00:30 2026", 30 * time.Second},
		"a date in a form of its own": {"2026-11-23T12:00:30Z", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, RetryAfter(tt.value, now)) })
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"7", "-1", "Mon, 23 Nov 2026 12:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\x00"} {
		f.Add(v, int64(0))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		d := RetryAfter(value, time.Unix(now, 0))
		assert.GreaterOrEqual(t, d, time.Duration(0))
		assert.LessOrEqual(t, d, MaxRetryAfter)
	})
}

func TestReadResponse(t *testing.T) {
	r := ReadResponse(200, http.Header{}, epoch)
	assert.Equal(t, Response{Status: 200}, r)

	h := http.Header{}
	h.Set("X-Prometheus-Remote-Write-Samples-Written", "5")
	h.Set("X-Prometheus-Remote-Write-Histograms-Written", " 2 ")
	h.Set("X-Prometheus-Remote-Write-Exemplars-Written", "-1")
	h.Set("Retry-After", "3")
	assert.Equal(t, Response{
		Status: 400, Written: Counts{Samples: 5, Histograms: 2}, Accounted: true, RetryAfter: 3 * time.Second,
	}, ReadResponse(400, h, epoch))

	h = http.Header{}
	h.Set("X-Prometheus-Remote-Write-Samples-Written", "0")
	assert.True(t, ReadResponse(200, h, epoch).Accounted, "nothing written is an account too")
	h.Set("X-Prometheus-Remote-Write-Samples-Written", "many")
	assert.False(t, ReadResponse(200, h, epoch).Accounted)
}

func TestOutcomeOfAStatus(t *testing.T) {
	tests := map[int]Outcome{
		200: Delivered, 202: Delivered, 204: Delivered,
		400: Rejected, 401: Rejected, 403: Rejected, 404: Rejected, 408: Rejected, 409: Rejected, 413: TooLarge, 415: Rejected, 422: Rejected,
		429: Retry, 500: Retry, 502: Retry, 503: Retry, 504: Retry, 599: Retry,
		301: Rejected, 999: Rejected, 100: Rejected,
	}
	for status, want := range tests {
		for _, m := range []Message{V1, V2} {
			n := NewNegotiation(m, false)
			assert.Equal(t, want, n.Outcome(m, Response{Status: status, Accounted: m == V2}, epoch), "%d to %s", status, m)
			assert.Equal(t, m, n.Message(epoch))
		}
	}
}

func TestAnEndpointThatDoesNotUnderstand20IsSent10(t *testing.T) {
	bare := func(status int) Response { return Response{Status: status} }
	accounted := func(status int) Response { return Response{Status: status, Accounted: true} }
	tests := map[string]struct {
		before []Response
		answer Response
		want   Outcome
	}{
		"415":                          {nil, bare(415), Downgrade},
		"a success without an account": {nil, bare(204), Downgrade},
		"400 without an account on first contact":       {nil, bare(400), Downgrade},
		"400 with an account is a partial write":        {nil, accounted(400), Rejected},
		"400 without an account once 2.0 was spoken":    {[]Response{accounted(200)}, bare(400), Rejected},
		"415 once 2.0 was spoken":                       {[]Response{accounted(200)}, bare(415), Downgrade},
		"a success with an account":                     {nil, accounted(200), Delivered},
		"404 says nothing about 2.0":                    {nil, bare(404), Rejected},
		"500 says nothing about 2.0":                    {nil, bare(500), Retry},
		"429 says nothing about 2.0":                    {nil, bare(429), Retry},
		"413 says nothing about 2.0":                    {nil, bare(413), TooLarge},
		"a success after a downgrade and a new attempt": {[]Response{bare(415)}, accounted(200), Delivered},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := NewNegotiation(V2, true)
			for _, r := range tt.before {
				n.Outcome(V2, r, epoch)
			}
			assert.Equal(t, tt.want, n.Outcome(V2, tt.answer, epoch))
			assert.Equal(t, tt.want == Downgrade, n.Downgraded(epoch))
		})
	}
	assert.Equal(t, Rejected, NewNegotiation(V2, false).Outcome(V2, bare(204), epoch), "where 1.0 is not allowed, nobody has the samples")
	n := NewNegotiation(V2, true)
	n.Outcome(V2, bare(415), epoch)
	assert.Equal(t, V1, n.Message(epoch.Add(ReprobeAfter-1)))
	assert.Equal(t, Delivered, n.Outcome(V1, bare(204), epoch), "1.0 has no account")
	assert.Equal(t, V2, n.Message(epoch.Add(ReprobeAfter)), "and is asked again later")
}

func TestBackoff(t *testing.T) {
	b := Backoff{Initial: 30 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2, Jitter: 0.1}
	var got []time.Duration
	for retry := 1; retry <= 10; retry++ {
		got = append(got, b.Delay(retry, 0.5))
	}
	assert.Equal(t, []time.Duration{
		30 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond, 240 * time.Millisecond, 480 * time.Millisecond,
		960 * time.Millisecond, 1920 * time.Millisecond, 3840 * time.Millisecond, 5 * time.Second, 5 * time.Second,
	}, got)
	assert.Equal(t, 27*time.Millisecond, b.Delay(1, 0))
	assert.InDelta(t, 33*time.Millisecond, b.Delay(1, 0.9999999), float64(time.Millisecond))
	assert.Equal(t, 5*time.Second, b.Delay(100_000, 0.5), "and never beyond")
	assert.Equal(t, time.Second, Backoff{Initial: time.Second}.Delay(3, 0.5), "without growth")
}
