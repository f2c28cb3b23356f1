//go:build integration

package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// metricSeries is how many series a payload has.
const metricSeries = 300

// receiver is a Remote-Write 2.0 endpoint that remembers what each series got, and in which order.
type receiver struct {
	address string
	mu      sync.Mutex
	down    bool
	delay   time.Duration
	newest  map[string]int64 // series -> number of its newest sample
	taken   map[string]map[int64]bool
	again   int
	faults  []string
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{address: harness.FreeAddress(t), newest: map[string]int64{}, taken: map[string]map[int64]bool{}}
	server := &http.Server{Addr: r.address, Handler: r}
	go func() { _ = server.ListenAndServe() }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

func (r *receiver) set(down bool, delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down, r.delay = down, delay
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	down, delay := r.down, r.delay
	r.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-request.Context().Done():
	}
	if down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	compressed, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender was killed
	}
	var message writev2.Request
	body, err := s2.Decode(nil, compressed)
	if err == nil {
		err = message.Unmarshal(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", fmt.Sprint(len(message.Timeseries)))
	r.take(&message)
}

// take notes a request. The value of a sample is its number in the series, its time says the same.
func (r *receiver) take(message *writev2.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range message.Timeseries {
		ts := &message.Timeseries[i]
		var name strings.Builder
		for _, ref := range ts.LabelsRefs {
			name.WriteString(message.Symbols[ref] + " ")
		}
		series := name.String()
		if r.taken[series] == nil {
			r.taken[series] = map[int64]bool{}
		}
		for _, sample := range ts.Samples {
			n := int64(sample.Value)
			switch {
			case sample.Timestamp != stamp(n).UnixMilli():
				r.faults = append(r.faults, fmt.Sprintf("%s: %v at %d", series, sample.Value, sample.Timestamp))
			case r.taken[series][n]:
				r.again++
			case n <= r.newest[series]:
				r.faults = append(r.faults, fmt.Sprintf("%s: %d after %d", series, n, r.newest[series]))
			}
			r.taken[series][n] = true
			r.newest[series] = max(r.newest[series], n)
		}
	}
}

var metricsBegan = time.Now().Truncate(time.Second)

// stamp is the time of a payload.
func stamp(n int64) time.Time { return metricsBegan.Add(time.Duration(n) * 100 * time.Millisecond) }

// hasAll reports whether every sample of so many payloads arrived.
func (r *receiver) hasAll(payloads int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.taken) != metricSeries {
		return false
	}
	for _, samples := range r.taken {
		if int64(len(samples)) != payloads {
			return false
		}
	}
	return true
}

func (r *receiver) check(t *testing.T, payloads int64) {
	t.Helper()
	harness.Wait(t, time.Minute, "every sample arrives", func() bool { return r.hasAll(payloads) })
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.Empty(t, r.faults)
	t.Logf("accepted %d samples, lost 0, reordered 0, arrived again as they were %d", payloads*metricSeries, r.again)
}

// numbered returns the n-th payload.
func numbered(t *testing.T, n int64) []byte {
	t.Helper()
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("numbers")
	points := m.SetEmptyGauge().DataPoints()
	for i := range metricSeries {
		p := points.AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(stamp(n)))
		p.SetIntValue(n)
		p.Attributes().PutStr("series", fmt.Sprint(i))
		p.Attributes().PutStr("text", "some text that takes room on the disk")
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	return body
}

// durable is a collector that takes metrics in and writes them to a receiver, with a log.
type durable struct {
	t        *testing.T
	otlp     string
	config   string
	sender   send.Sender
	accepted int64 // payloads
}

func newDurable(t *testing.T, r *receiver, directory, more string) *durable {
	t.Helper()
	d := &durable{t: t, otlp: harness.FreeAddress(t)}
	d.config = harness.WriteFile(t, "config.yaml", fmt.Sprintf(`
receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters:
  prometheus_remote_write:
    endpoint: http://%s/api/v1/write
    remote_write_queue: {num_consumers: 4, batch_send_deadline: 100ms, max_pending_bytes: 4000000}
    max_batch_size_bytes: 100000
    wal: {directory: %q}
    target_info: {enabled: false}
    %s
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}
`, d.otlp, r.address, directory, more))
	d.sender = harness.Sender(t, "http://"+d.otlp, send.ContentProtobuf)
	return d
}

func (d *durable) start() *harness.Collector {
	return harness.RunCollector(d.t, proc.Options{Args: []string{"--config", d.config}}, "", d.otlp)
}

// hand hands in the next payload until it is accepted.
func (d *durable) hand() {
	d.t.Helper()
	outcome, _ := send.Retry(d.t.Context(), d.sender, send.Metrics, numbered(d.t, d.accepted+1), nil)
	require.Equal(d.t, send.OK, outcome.Code, outcome.Message)
	d.accepted++
}

// handing hands in payloads until it is stopped; stop waits for the last answer.
func (d *durable) handing() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				d.hand()
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func TestAKillUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	r.set(false, 20*time.Millisecond)
	d := newDurable(t, r, t.TempDir(), "")
	collector := d.start()
	stop := d.handing()
	for range 5 {
		began := time.Now()
		harness.Wait(t, 10*time.Second, "a second of load", func() bool { return time.Since(began) > time.Second })
		collector.Crash()
		collector = d.start()
	}
	stop()
	r.check(t, d.accepted)
	require.Greater(t, d.accepted, int64(100))
}

func TestAKillDuringAnOutageLosesNothing(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	d := newDurable(t, r, t.TempDir(), "")
	collector := d.start()
	for range 20 {
		d.hand()
	}
	r.set(true, 0)
	for range 3 {
		for range 100 {
			d.hand()
		}
		collector.Crash()
		collector = d.start()
	}
	r.set(false, 0)
	d.hand()
	r.check(t, d.accepted)
}

// The log's file system is full: what has no room is refused so that it may be sent again, and nothing else is lost.
func TestAFullDiskRefusesMetricsForNow(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	r.set(true, 0)
	directory := t.TempDir()
	d := newDurable(t, r, directory, "")
	command := onSmallDisk(t, 512, directory, "--config", d.config)
	collector := harness.StartProgram(t, proc.Options{Path: command[0], Args: command[1:]}, d.otlp)
	var refusal send.Outcome
	for refusal.Code == "" {
		outcome := d.sender.Send(t.Context(), send.Metrics, numbered(t, d.accepted+1))
		if outcome.Code == send.OK {
			d.accepted++
		} else {
			refusal = outcome
		}
	}
	t.Logf("after %d payloads: %s %s", d.accepted, refusal.Code, refusal.Message)
	assert.True(t, refusal.Retryable)
	assert.Contains(t, refusal.Message, "no space left on device")
	r.set(false, 0)
	for range 20 {
		d.hand() // there is room again as soon as something was sent
	}
	r.check(t, d.accepted)
	require.Equal(t, -1, collector.ExitCode())
}

// The endpoint is down for as long as it takes to queue many times what memory may hold.
func TestMemoryIsBoundedWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	d := newDurable(t, r, t.TempDir(), "")
	collector := d.start()
	for range 50 {
		d.hand()
	}
	r.set(true, 0)
	before := collector.Usage()
	for range 6000 {
		d.hand()
	}
	during := collector.Usage()
	t.Logf("resident: %d MiB while it works, at most %d MiB with %d samples queued", before.PeakRSS>>20, during.PeakRSS>>20, 6000*metricSeries)
	assert.Less(t, during.PeakRSS, before.PeakRSS+(32<<20), "max_pending_bytes is 4 MB, and they are some 60 MB")
	r.set(false, 0)
	r.check(t, d.accepted)
}

func TestAReloadLosesNothing(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	d := newDurable(t, r, t.TempDir(), "external_labels: {}")
	collector := d.start()
	stop := d.handing()
	for i, down := range []bool{true, true, false} {
		r.set(down, 0)
		began := time.Now()
		harness.Wait(t, 10*time.Second, "half a second of load", func() bool { return time.Since(began) > time.Second/2 })
		text, err := os.ReadFile(d.config)
		require.NoError(t, err)
		changed := strings.Replace(string(text), fmt.Sprintf("num_consumers: %d,", 4-i), fmt.Sprintf("num_consumers: %d,", 3-i), 1)
		require.NoError(t, os.WriteFile(d.config, []byte(changed), 0o600))
		require.NoError(t, collector.Signal(syscall.SIGHUP))
		harness.Wait(t, 20*time.Second, "the reload", func() bool {
			return strings.Count(collector.LogTail(1<<20), "Everything is ready") == i+2
		})
	}
	stop()
	r.check(t, d.accepted)
}
