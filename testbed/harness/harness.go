package harness

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/kubernetes"
	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// startTimeout is how long a program may take until it listens.
const startTimeout = 30 * time.Second

// Root returns the repository's directory.
func Root(t testing.TB) string {
	t.Helper()
	root, err := peers.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Binary returns the path of the binary under test: $OTELCOL_SLO, else bin/otelcol-slo of the repository.
func Binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("OTELCOL_SLO")
	if path == "" {
		path = filepath.Join(Root(t), "bin", "otelcol-slo")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("cannot find the binary under test, run `make build`: %v", err)
	}
	return path
}

// FreeAddress returns an address of 127.0.0.1 that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := proc.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Wait returns once a condition holds, and fails the test where it does not within timeout.
func Wait(t testing.TB, timeout time.Duration, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := proc.Poll(ctx, func() (bool, error) { return holds(), nil }); err != nil {
		t.Fatalf("%s: not within %v", what, timeout)
	}
}

// OTLPSink starts a sink of OTLP/gRPC.
func OTLPSink(t testing.TB, o sink.OTLPOptions) *sink.OTLP {
	t.Helper()
	s, err := sink.NewOTLP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// RemoteWriteSink starts a sink of remote write.
func RemoteWriteSink(t testing.TB) *sink.RemoteWrite {
	t.Helper()
	s, err := sink.NewRemoteWrite("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Kubernetes starts a Kubernetes API without objects, and returns it with the path of a kubeconfig that leads there.
func Kubernetes(t testing.TB) (server *kubernetes.Server, kubeconfig string) {
	t.Helper()
	s, err := kubernetes.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, WriteFile(t, "kubeconfig.yaml", s.Kubeconfig())
}

// Sender connects to "grpc://host:port" or "http://host:port"; contentType is for HTTP only.
func Sender(t testing.TB, target, contentType string) send.Sender {
	t.Helper()
	s, err := send.Dial(target, contentType, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Program is a program that a test started.
type Program struct {
	*proc.Process
	t testing.TB
	// ended says that the test saw the program's end itself.
	ended sync.Once
}

// StartProgram starts a program and waits until it listens on all addresses. What it keeps on disk is in a directory of the
// test's, unless the environment says otherwise. The test fails where the program ends before
// it is stopped.
func StartProgram(t testing.TB, o proc.Options, listens ...string) *Program {
	t.Helper()
	if o.Log == "" {
		o.Log = filepath.Join(t.TempDir(), filepath.Base(o.Path)+".log")
	}
	o.Env = append([]string{"DATA_DIR=" + t.TempDir()}, o.Env...)
	process, err := proc.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{Process: process, t: t}
	t.Cleanup(func() {
		p.ended.Do(p.finish)
		if t.Failed() {
			t.Logf("the output of %s ends with:\n%s", o.Path, p.LogTail(16<<10))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if err := p.WaitListening(ctx, listens...); err != nil {
		t.Fatal(err)
	}
	return p
}

// finish ends a program that the test left running.
func (p *Program) finish() {
	select {
	case <-p.Done():
		p.t.Errorf("the program ended by itself with code %d", p.ExitCode())
	default:
		p.Kill()
	}
}

// StopWithin sends SIGTERM and fails the test unless the program ends within timeout with code 0.
func (p *Program) StopWithin(timeout time.Duration) {
	p.t.Helper()
	p.ended.Do(func() {})
	if err := p.Stop(timeout); err != nil {
		p.t.Fatal(err)
	}
	if code := p.ExitCode(); code != 0 {
		p.t.Fatalf("the program ended with code %d after SIGTERM", code)
	}
}

// EndsWithin waits for the program to end by itself, with code 0.
func (p *Program) EndsWithin(timeout time.Duration) {
	p.t.Helper()
	p.ended.Do(func() {})
	select {
	case <-p.Done():
	case <-time.After(timeout):
		p.Kill()
		p.t.Fatalf("the program did not end by itself within %v", timeout)
	}
	if code := p.ExitCode(); code != 0 {
		p.t.Fatalf("the program ended with code %d", code)
	}
}

// Crash kills the program at once.
func (p *Program) Crash() {
	p.ended.Do(func() {})
	p.Kill()
}

// Usage reads what the program uses.
func (p *Program) Usage() proc.Usage {
	p.t.Helper()
	u, err := proc.ReadUsage(p.PID())
	if err != nil {
		p.t.Fatal(err)
	}
	return u
}
