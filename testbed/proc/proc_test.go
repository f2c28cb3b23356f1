package proc

import (
	"context"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test binary is also the program under test: with PROC_TEST set it listens there until SIGTERM, or for ever.
func TestMain(m *testing.M) {
	address := os.Getenv("PROC_TEST")
	if address == "" {
		os.Exit(m.Run())
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if _, err := net.Listen("tcp", address); err != nil {
		os.Exit(2)
	}
	os.Stdout.WriteString("ready\n")
	<-term
	if os.Getenv("PROC_TEST_STUBBORN") != "" {
		select {}
	}
	os.Exit(3)
}

func startSelf(t *testing.T, env ...string) (*Process, string) {
	address, err := FreeAddress()
	require.NoError(t, err)
	p, err := Start(Options{Path: os.Args[0], Env: append(env, "PROC_TEST="+address), Log: filepath.Join(t.TempDir(), "log")})
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p, address
}

func TestProcessListensAndEndsOnSIGTERM(t *testing.T) {
	p, address := startSelf(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, p.WaitListening(ctx, address))
	assert.Equal(t, -1, p.ExitCode())
	require.NoError(t, Poll(ctx, func() (bool, error) { return p.Output() == "ready\n", nil }))
	require.NoError(t, p.Stop(10*time.Second))
	assert.Equal(t, 3, p.ExitCode())
}

func TestProcessThatIgnoresSIGTERMIsKilled(t *testing.T) {
	p, address := startSelf(t, "PROC_TEST_STUBBORN=1")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, p.WaitListening(ctx, address))
	require.ErrorContains(t, p.Stop(50*time.Millisecond), "did not end")
	<-p.Done()
}

func TestWaitListeningTellsThatTheProcessEnded(t *testing.T) {
	p, err := Start(Options{Path: os.Args[0], Env: []string{"PROC_TEST=256.0.0.1:1"}, Log: filepath.Join(t.TempDir(), "log")})
	require.NoError(t, err)
	err = p.WaitListening(t.Context(), "127.0.0.1:1")
	require.ErrorContains(t, err, "ended with code 2")
}

func TestUsageOfThisProcessGrows(t *testing.T) {
	before, err := ReadUsage(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, before.RSS, uint64(1<<20))
	assert.GreaterOrEqual(t, before.PeakRSS, before.RSS)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		after, err := ReadUsage(os.Getpid())
		require.NoError(t, err)
		if after.CPU >= before.CPU+20*time.Millisecond {
			return
		}
	}
	t.Error("10 s of work did not show in the CPU time")
}

func TestStatLineWithSpacesInItsName(t *testing.T) {
	cpu, system, err := parseStat([]byte("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0"))
	require.NoError(t, err)
	assert.Equal(t, 2*time.Second, cpu)
	assert.Equal(t, 500*time.Millisecond, system)
}
