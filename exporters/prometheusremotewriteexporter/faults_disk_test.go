package prometheusremotewriteexporter

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// The endpoint is down when the process ends, and the log is damaged before the next starts.
func TestFaultsOfTheDisk(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"none":            func(b []byte) []byte { return b },
		"a corrupt tail":  func(b []byte) []byte { return b[:len(b)-len(b)/50] },
		"a corrupt head":  func(b []byte) []byte { b[17] ^= 1; return b },
		"a corrupt body":  func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"a corrupt piece": func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+5000]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			inBubble(t, func(t *testing.T, message remotewrite.Message) {
				f := newFaulty(t, message, filepath.Join(directory, string(message)), nil)
				f.start(func(int, *received, http.ResponseWriter) int { return 503 })
				f.rounds(100)
				require.NoError(t, f.Shutdown(context.Background()))
				assert.Zero(t, f.lostSamples())
				changeLog(t, f.config.WAL.Directory, damage)

				f.start(f.accepting)
				f.rounds(10)
				time.Sleep(time.Minute)
				lost := f.missing() // with the head of a record how much it held is lost
				if name == "none" {
					assert.Zero(t, lost)
				} else {
					assert.Positive(t, lost)
					assert.Less(t, lost, 110*50/2, "what it hit, and the same batches behind that")
					if f.logs.FilterMessage("parts of the remote-write log are damaged, what they held is lost").Len() == 0 {
						assert.Equal(t, lost, f.lostSamples())
					}
				}
				f.stop()
				f.check(t, lost)
			})
		})
	}
}

// changeLog changes the oldest segment of an exporter's log.
func changeLog(t *testing.T, directory string, change func([]byte) []byte) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(directory, "*", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	content, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(segments[0], change(content), 0o600))
}

// A kill leaves what a shutdown without time leaves; the tests with processes kill.
func TestARestartDuringAnOutage(t *testing.T) {
	directory := t.TempDir()
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		f := newFaulty(t, message, filepath.Join(directory, string(message)), func(c *Config) { c.ShutdownTimeout = 0 })
		random := rand.New(rand.NewPCG(1, 2))
		takes := func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return random.IntN(3) == 0
		}
		for range 5 {
			f.start(func(n int, r *received, w http.ResponseWriter) int {
				if !takes() {
					return 503
				}
				f.take(r)
				return 500 // took it, and fails then
			})
			f.rounds(20)
			require.NoError(t, f.Shutdown(context.Background()))
		}
		f.start(f.accepting)
		f.rounds(1)
		f.stop()
		f.check(t, 0)
		assert.Positive(t, f.repeated)
	})
}

func TestAShutdownWaitsForNothingThatIsOnDisk(t *testing.T) {
	directory := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, remotewrite.V2, directory, nil)
		f.start(func(int, *received, http.ResponseWriter) int { return 503 })
		f.rounds(60) // the wait between attempts is long by now
		began := time.Now()
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Zero(t, time.Since(began))
		f.start(f.accepting)
		f.rounds(1)
		f.stop()
		f.check(t, 0)
	})
}

// What the log's bounds cost is counted and told.
func TestALogThatIsFullSaysWhatIsLost(t *testing.T) {
	directory := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, remotewrite.V2, directory, func(c *Config) { c.WAL.MaxBytes = 100_000 })
		f.start(func(int, *received, http.ResponseWriter) int { return 503 })
		f.rounds(300)
		values := f.values()
		assert.Positive(t, values["failed_samples{kind=sample,reason=evicted}"])
		assert.EqualValues(t, 87_500, values["wal_capacity"])
		assert.LessOrEqual(t, values["wal_bytes"], int64(100_000))
		assert.Zero(t, values["queue_capacity"])
		logs := f.logs.FilterMessage("samples in the remote-write log are lost").All()
		require.NotEmpty(t, logs)
		assert.LessOrEqual(t, len(logs), 5, "once a minute")
		assert.Equal(t, "evicted", logs[0].ContextMap()["reason"])
		require.NoError(t, f.Shutdown(context.Background()))
	})
}

// What the log has as 2.0 goes out as 1.0 where that is what is to be sent now.
func TestTheMessageMayBeChangedWithSamplesInTheLog(t *testing.T) {
	directory := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, remotewrite.V2, directory, nil)
		f.start(func(int, *received, http.ResponseWriter) int { return 503 })
		f.rounds(20)
		require.NoError(t, f.Shutdown(context.Background()))
		f = &faulty{t: t, ledger: f.ledger, at: f.at, tune: newFaulty(t, remotewrite.V1, directory, nil).tune}
		f.start(func(n int, r *received, w http.ResponseWriter) int {
			if r.message != "1.0" {
				return 415
			}
			return f.accepting(n, r, w)
		})
		f.rounds(1)
		assert.Zero(t, f.lostSamples())
		f.stop()
		f.check(t, 0)
	})
}
