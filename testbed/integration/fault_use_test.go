//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// lastLine runs the binary until it ends with code 1, and returns the last line that it wrote.
func lastLine(t *testing.T, environment []string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "it runs:\n%s", out)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// Each bad use ends with one line that says what is wrong and what to do.
func TestBadUseIsToldInOneLine(t *testing.T) {
	binary := harness.Binary(t)
	standalone := append([]string{binary}, harness.NewStandalone(t).Args...)
	for name, tt := range map[string]struct {
		environment, command []string
		want                 []string
	}{
		"a wrong flag":             {nil, []string{binary, "--confg", "x.yaml"}, []string{"unknown flag: --confg", "otelcol-slo --help"}},
		"a wrong flag of the demo": {nil, []string{binary, "demo", "--fro", "10s"}, []string{"unknown flag: --fro", "COMMAND --help"}},
		"a value out of range":     {nil, []string{binary, "demo", "--for", "1s"}, []string{"--for must be at least 10s", "is 1s"}},
		"no such file":             {nil, []string{binary, "--config", "/no/such.yaml"}, []string{"/no/such.yaml", "no such file or directory: check the path"}},
		"no permission":            {[]string{"DATA_DIR=/sys/otelcol-slo"}, standalone, []string{`cannot make directory "/sys/otelcol-slo/prometheus"`, "set", "path", "(without --config: DATA_DIR"}},
		"no directory":             {[]string{"DATA_DIR=/dev/null"}, standalone, []string{`cannot make directory "/dev/null/prometheus"`, "not a directory: check the path"}},
		"no temporary directory":   {[]string{"TMPDIR=/no/such"}, []string{binary, "demo"}, []string{"cannot make a directory for metrics and log", "check the path"}},
	} {
		t.Run(name, func(t *testing.T) {
			line := lastLine(t, tt.environment, tt.command...)
			t.Log(line)
			assert.True(t, strings.HasPrefix(line, "Error: "), line)
			for _, want := range tt.want {
				assert.Contains(t, line, want)
			}
		})
	}
}

// onSmallDisk is a command line that runs the binary with a file system of some KiB at directory. Where users may not mount, as in
// many containers, the test is skipped.
func onSmallDisk(t *testing.T, kib int, directory string, arguments ...string) []string {
	t.Helper()
	probe := exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", t.TempDir())
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small file system here: %v %s", err, out)
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dk none %q && exec "$0" "$@"`, kib, directory)
	return append([]string{"unshare", "-rm", "sh", "-c", script, harness.Binary(t)}, arguments...)
}

func TestAFullDiskIsToldAtTheStart(t *testing.T) {
	directory := t.TempDir()
	command := onSmallDisk(t, 64, directory, harness.NewStandalone(t).Args...)
	line := lastLine(t, []string{"DATA_DIR=" + directory}, command...)
	t.Log(line)
	require.Contains(t, line, "cannot write to directory")
	require.Contains(t, line, "no space left on device: make room, or set a path on another disk")
}

// A disk that becomes full is told, not for every request; what needs no disk goes on.
func TestADiskThatBecomesFullIsToldNowAndThen(t *testing.T) {
	standalone, directory := harness.NewStandalone(t), t.TempDir()
	command := onSmallDisk(t, 192, directory, standalone.Args...)
	program := harness.StartProgram(t, proc.Options{Path: command[0], Args: command[1:], Env: []string{"DATA_DIR=" + directory, "MEMORY_LIMIT_MIB=256"}}, standalone.HTTP)
	play(t, read(t, dataset.Fixture()).rec, "http://"+standalone.HTTP, 0)
	told := func() int { return strings.Count(program.LogTail(1<<20), "no space left on device") }
	harness.Wait(t, 30*time.Second, "the disk is full", func() bool { return told() > 0 })
	play(t, read(t, dataset.Fixture()).rec, "http://"+standalone.HTTP, 0) // traces are still taken
	full := time.Now()
	harness.Wait(t, 10*time.Second, "some seconds of writes that fail", func() bool { return time.Since(full) > 5*time.Second })
	require.Equal(t, -1, program.ExitCode(), "it runs")
	require.LessOrEqual(t, told(), 4, "now and then:\n%s", program.LogTail(16<<10))
	program.Crash()
}
