package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// faulty is an exporter with a log, in simulated time, whose endpoint does what a test wants.
type faulty struct {
	*harness
	*ledger
	t    *testing.T
	tune func(*Config)
	at   int64 // seconds, of the next round
}

func newFaulty(t *testing.T, message remotewrite.Message, directory string, tune func(*Config)) *faulty {
	f := &faulty{t: t, ledger: newLedger(), at: 1000}
	f.tune = func(c *Config) {
		c.ProtobufMessage = message
		c.WAL = defaultWAL()
		c.WAL.Directory = directory
		c.MaxRetryAge = c.WAL.MaxAge
		c.Queue.NumConsumers, c.Queue.MinConsumers = 4, 1
		c.MaxBatchSizeBytes = 20_000
		if tune != nil {
			tune(c)
		}
	}
	return f
}

// start starts an exporter on the same log.
func (f *faulty) start(answer func(n int, r *received, w http.ResponseWriter) int) {
	f.harness = newHarness(f.t, nil)
	f.tune(f.config)
	f.overPipes(&endpoint{answer: answer})
}

// rounds hands in a payload a second.
func (f *faulty) rounds(n int) {
	for range n {
		md := counters(50, f.at*1000, float64(f.at))
		f.at++
		f.accept(md)
		require.NoError(f.t, f.ConsumeMetrics(context.Background(), md))
		time.Sleep(time.Second)
	}
}

func (f *faulty) stop() {
	f.t.Helper()
	time.Sleep(time.Minute)
	values := f.values()
	assert.Zero(f.t, values["pending_samples"])
	assert.Zero(f.t, values["pending_bytes"])
	require.NoError(f.t, f.Shutdown(context.Background()))
}

// lostSamples is what the exporter's metrics say of samples that were lost.
func (f *faulty) lostSamples() (n int) {
	for name, v := range f.values() {
		if strings.HasPrefix(name, "failed_samples{kind=sample") {
			n += int(v)
		}
	}
	return n
}

func TestFaultsOfTheEndpoint(t *testing.T) {
	const minutes10, reset = 600, -1
	for name, fault := range map[string]func(n int, r *received, w http.ResponseWriter) (status int, takes bool){
		"down": func(int, *received, http.ResponseWriter) (int, bool) { return 503, false },
		"slow": func(int, *received, http.ResponseWriter) (int, bool) {
			time.Sleep(5 * time.Second)
			return 0, true
		},
		"429 with Retry-After": func(n int, _ *received, w http.ResponseWriter) (int, bool) {
			if n%2 == 0 {
				return 0, true
			}
			w.Header().Set("Retry-After", "7")
			return 429, false
		},
		"resets connections": func(n int, _ *received, _ http.ResponseWriter) (int, bool) {
			if n%3 == 0 {
				return 0, true
			}
			return reset, n%3 == 1 // after it took the request, or before
		},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			inBubble(t, func(t *testing.T, message remotewrite.Message) {
				f := newFaulty(t, message, filepath.Join(directory, string(message)), func(c *Config) { c.Queue.MaxPendingBytes = 100_000 })
				var failing atomic.Bool
				f.start(func(n int, r *received, w http.ResponseWriter) int {
					if !failing.Load() {
						return f.accepting(n, r, w)
					}
					status, takes := fault(n, r, w)
					if takes {
						f.take(r)
					}
					if status == reset {
						panic(http.ErrAbortHandler)
					}
					if status == 0 {
						return accept(n, r, w)
					}
					return status
				})
				f.rounds(10)
				failing.Store(true)
				for range minutes10 / 60 {
					f.rounds(60)
					assert.LessOrEqual(t, f.values()["pending_bytes"], int64(100_000+4*20_000))
				}
				failing.Store(false)
				f.rounds(10)
				time.Sleep(time.Minute)
				assert.Zero(t, f.lostSamples())
				f.stop()
				f.check(t, 0)
			})
		})
	}
}

// The endpoint refuses what is older than what it has, as Prometheus does: what is sent is in the order it came.
func TestAClockThatJumpsBack(t *testing.T) {
	directory := t.TempDir()
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		f := newFaulty(t, message, filepath.Join(directory, string(message)), nil)
		newest, refused := int64(0), 0
		var order []string
		f.start(func(n int, r *received, w http.ResponseWriter) int {
			f.mu.Lock()
			defer f.mu.Unlock()
			at := int64(0)
			_, text, _ := strings.Cut(r.series[0], "@")
			_, _ = fmt.Sscan(text, &at)
			order = append(order, text)
			if at < newest {
				refused += len(r.series)
				if message == remotewrite.V2 {
					w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "0")
				}
				return 400
			}
			newest = at
			return accept(n, r, w)
		})
		var want []string
		for _, at := range []int64{1000, 1001, 700, 701, 1002, 5000, 1003, 5001} {
			f.at = at
			f.rounds(1)
			want = append(want, fmt.Sprint(at*1000))
		}
		f.mu.Lock()
		assert.Equal(t, want, order)
		assert.Equal(t, 3*50, refused)
		f.mu.Unlock()
		assert.Equal(t, 3*50, f.lostSamples())
		assert.EqualValues(t, 5*50, f.values()["sent_samples{kind=sample}"])
		f.stop()
	})
}

// One series makes the endpoint fail, whatever else is in the request: all others arrive.
func TestAPoisonBatch(t *testing.T) {
	for _, consumers := range []int{1, 4} {
		directory := t.TempDir()
		inBubble(t, func(t *testing.T, message remotewrite.Message) {
			f := newFaulty(t, message, filepath.Join(directory, string(message)), func(c *Config) {
				c.Queue.NumConsumers, c.Queue.MinConsumers = consumers, consumers
			})
			f.start(func(n int, r *received, w http.ResponseWriter) int {
				for _, s := range r.series {
					if strings.Contains(s, `i="17"`) && strings.Contains(s, "@1010000") {
						return 500
					}
				}
				return f.accepting(n, r, w)
			})
			f.rounds(20)
			time.Sleep(10 * time.Minute)
			f.rounds(1)
			lost := int(f.values()["failed_samples{kind=sample,reason=poison}"])
			assert.Positive(t, lost)
			assert.Less(t, lost, 10, "the samples of that series that were in the same request")
			assert.Equal(t, lost, f.lostSamples())
			f.stop()
			f.check(t, lost)
		})
	}
}

// The storage of one tenant fails, that of another works: nothing is poison.
func TestATenantWhoseStorageFailsLosesNothing(t *testing.T) {
	directory := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, remotewrite.V2, directory, func(c *Config) { c.Tenant.ResourceAttribute = "team" })
		var works atomic.Bool
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if r.header.Get("X-Scope-OrgID") == "b" && !works.Load() {
				return 500
			}
			return accept(n, r, w)
		}}
		f.harness = newHarness(t, nil)
		f.tune(f.config)
		f.overPipes(e)
		for i := range int64(1800) {
			require.NoError(t, f.ConsumeMetrics(context.Background(), ofTenants(1000+i, "a", "b")))
			time.Sleep(time.Second)
		}
		assert.Zero(t, f.lostSamples())
		works.Store(true)
		f.stop()
		assert.EqualValues(t, 2*3*1800, f.values()["sent_samples{kind=sample}"])
	})
}

// An endpoint that fails over everything is no reason to give anything up.
func TestAnEndpointThatAlwaysFailsPoisonsNothing(t *testing.T) {
	directory := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, remotewrite.V2, directory, nil)
		var works atomic.Bool
		f.start(func(n int, r *received, w http.ResponseWriter) int {
			if !works.Load() {
				return 500
			}
			return f.accepting(n, r, w)
		})
		f.rounds(3600)
		works.Store(true)
		f.rounds(60)
		assert.Zero(t, f.lostSamples())
		f.stop()
		f.check(t, 0)
	})
}
