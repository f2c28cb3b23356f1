//go:build unix

package spanpipe

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const killDirectory = "SPANPIPE_TEST_KILL_DIRECTORY"

// sentLines writes a line for each span that goes out.
type sentLines struct {
	mu   sync.Mutex
	file *os.File
}

func (s *sentLines) take(_ context.Context, request []byte, _ int) error {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				fmt.Fprintln(&lines, sp.TraceID().String()+sp.SpanID().String())
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.file.WriteString(lines.String())
	return err
}

func openLines(t *testing.T, dir, name string) *os.File {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	return f
}

func readLines(t *testing.T, dir, name string) map[string]int {
	f, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer f.Close()
	n := map[string]int{}
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		n[scanner.Text()]++
	}
	return n
}

func killSettings(s *Settings, dir string, lines *sentLines) {
	storedIn(filepath.Join(dir, "store"))(s)
	s.Config.Sampling.DecisionWait, s.Config.Sampling.DecisionWaitMin = 500*time.Millisecond, 0
	s.Config.Sampling.RescueWindow = 500 * time.Millisecond
	s.SendTraces = lines.take
}

// TestToBeKilled is what TestNothingAcceptedIsLostByKills runs as a process of its own: it accepts requests until it is killed,
// and writes down what it accepted and, behind the engine, what it sent.
func TestToBeKilled(t *testing.T) {
	dir := os.Getenv(killDirectory)
	if dir == "" {
		t.Skip("is run by another test")
	}
	lines := &sentLines{file: openLines(t, dir, "sent")}
	accepted := openLines(t, dir, "accepted")
	w := newWorld(t, func(s *Settings) { killSettings(s, dir, lines) })
	base := uint64(time.Now().UnixNano())
	for i := uint64(0); ; i++ {
		spans := make([]testSpan, 40)
		for j := range spans { // traces of 8 spans in four requests
			spans[j] = testSpan{trace: base + i/4*20 + uint64(j/2), failed: j%40 == 0}
		}
		w.serial += base
		request, _ := w.request(spans...)
		if _, err := w.send(request); err != nil {
			continue
		}
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
		require.NoError(t, err)
		var text strings.Builder
		for _, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			fmt.Fprintf(&text, "%s%s\n", sp.TraceID(), sp.SpanID())
			if sp.Status().Code() == ptrace.StatusCodeError {
				fmt.Fprintf(&text, "error %s\n", sp.TraceID())
			}
		}
		_, err = accepted.WriteString(text.String())
		require.NoError(t, err)
		time.Sleep(200 * time.Microsecond)
	}
}

func TestNothingAcceptedIsLostByKills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	for range 4 {
		child := exec.Command(os.Args[0], "-test.run=^TestToBeKilled$")
		child.Env = append(os.Environ(), killDirectory+"="+dir)
		require.NoError(t, child.Start())
		before := size(dir)
		for deadline := time.Now().Add(time.Minute); size(dir) < before+200_000 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(700 * time.Millisecond) // some are decided and sent, some are not
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // it was killed
	}
	lines := &sentLines{file: openLines(t, dir, "sent")}
	w := newWorld(t, func(s *Settings) { killSettings(s, dir, lines) })
	require.NotZero(t, w.engine.recovered.requests)
	require.Zero(t, w.engine.recovered.damaged)
	w.finish()

	accepted, sent := readLines(t, dir, "accepted"), readLines(t, dir, "sent")
	failed, missing, again := 0, 0, 0
	for id := range accepted {
		if strings.HasPrefix(id, "error") || accepted["error "+id[:32]] == 0 {
			continue
		}
		failed++
		switch sent[id] {
		case 0:
			missing++
		case 1:
		default:
			again++
		}
	}
	for id := range sent {
		require.Len(t, id, 48)
	}
	t.Logf("%d spans accepted, %d of traces with an error, %d spans sent, %d of them again", len(accepted), failed, len(sent), again)
	require.Greater(t, failed, 1000)
	require.Zero(t, missing)
	require.Less(t, again, failed/4, "only what was being sent at a kill is sent again")
}

func size(dir string) int64 {
	info, err := os.Stat(filepath.Join(dir, "accepted"))
	if err != nil {
		return 0
	}
	return info.Size()
}
