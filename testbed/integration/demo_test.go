//go:build integration

package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// freeOffset is a number that leads from the usual ports to free ones, the next from one on. The system gives none of them to
// connections: its own begin at 32768.
func freeOffset(t *testing.T, from int) int {
	t.Helper()
	for offset := from; 13133+offset < 32768; offset += 100 {
		free := true
		for _, port := range []int{4317, 4318, 9090, 3200, 13133, 8888, 8887} {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
			if err != nil {
				free = false
				break
			}
			require.NoError(t, l.Close())
		}
		if free {
			return offset
		}
	}
	require.Fail(t, "no offset leads to free ports")
	return 0
}

var allAgree = regexp.MustCompile(`\nAll (\d+) figures were asked of Prometheus`)

// startDemo starts the demo with a temporary directory that is its own.
func startDemo(t *testing.T, from int, args ...string) (demo *harness.Program, offset int, temporary string) {
	t.Helper()
	offset, temporary = freeOffset(t, from), t.TempDir()
	demo = harness.StartProgram(t, proc.Options{
		Path: harness.Binary(t),
		Args: append([]string{"demo", "--port-offset", strconv.Itoa(offset)}, args...),
		Env:  []string{"TMPDIR=" + temporary, "MEMORY_LIMIT_MIB=256"},
	}, fmt.Sprintf("127.0.0.1:%d", 4317+offset))
	return demo, offset, temporary
}

// The demo ends by itself, with figures that are all what it counted, and leaves nothing behind.
func TestTheDemoEndsByItself(t *testing.T) {
	t.Parallel()
	demo, _, temporary := startDemo(t, 11000, "--seed", "3", "--for", "10s")
	demo.EndsWithin(60 * time.Second)
	out := demo.LogTail(64 << 10)
	require.Len(t, allAgree.FindAllString(out, -1), 1, out)
	figures, err := strconv.Atoi(allAgree.FindStringSubmatch(out)[1])
	require.NoError(t, err)
	require.Greater(t, figures, 90)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Without a time it shows its tables and goes on; the traces that it names can be looked at; Ctrl-C shows the tables again.
func TestTheDemoGoesOnUntilCtrlC(t *testing.T) {
	t.Parallel()
	demo, offset, temporary := startDemo(t, 15000, "--seed", "4")
	harness.Wait(t, 90*time.Second, "the first tables", func() bool { return allAgree.MatchString(demo.LogTail(64 << 10)) })
	harness.Wait(t, 5*time.Second, "it goes on", func() bool { return regexp.MustCompile("stays open").MatchString(demo.LogTail(64 << 10)) })
	for example, want := range map[string]string{"an error": `"status":{"code":2`, "a timeout": `"504"`} {
		found := regexp.MustCompile(example + ` +curl (http://\S+)`).FindStringSubmatch(demo.LogTail(64 << 10))
		require.Len(t, found, 2)
		require.Contains(t, found[1], strconv.Itoa(3200+offset))
		require.Contains(t, harness.Get(t, found[1]), want, example)
	}
	logs, err := filepath.Glob(filepath.Join(temporary, "otelcol-slo-demo-*", "otelcol-slo.log"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	demo.StopWithin(60 * time.Second)
	require.Len(t, allAgree.FindAllString(demo.LogTail(64<<10), -1), 2)
	require.NoDirExists(t, filepath.Dir(logs[0]))
}
