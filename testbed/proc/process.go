package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Options says how to start a program.
type Options struct {
	Path string
	Args []string
	// Env is added to the environment of this process.
	Env []string
	// Log is the file that the program's output is appended to; it is required.
	Log string
}

// Process is a program that was started.
type Process struct {
	options Options
	cmd     *exec.Cmd
	done    chan struct{}
	err     error // of Wait; to be read once done is closed
}

// Start starts a program.
func Start(o Options) (*Process, error) {
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(o.Path, o.Args...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	// Should this process die, the program must not outlive it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", o.Path, err)
	}
	p := &Process{options: o, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the code the process ended with, -1 while it runs and where a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// pollEvery is how often a condition outside this process is looked at.
const pollEvery = 20 * time.Millisecond

// WaitListening returns once all addresses (host:port) take connections. It fails where the process ends before, or ctx.
func (p *Process) WaitListening(ctx context.Context, addresses ...string) error {
	for _, address := range addresses {
		err := Poll(ctx, func() (bool, error) {
			select {
			case <-p.done:
				return false, fmt.Errorf("the process ended with code %d", p.ExitCode())
			default:
			}
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err != nil {
				return false, nil
			}
			return true, conn.Close()
		})
		if err != nil {
			return fmt.Errorf("cannot connect to %q of %q: %w; its output ends with:\n%s", address, p.options.Path, err, p.LogTail(4096))
		}
	}
	return nil
}

// Poll calls until, now and then every 20 ms, until it returns true or an error; it fails when ctx is done before.
func Poll(ctx context.Context, until func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if ok, err := until(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop sends SIGTERM and waits for the end; after timeout it kills the process and says so. The exit code is in ExitCode.
func (p *Process) Stop(timeout time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot end process %d: %w", p.PID(), err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("process %d did not end within %v of SIGTERM; its output ends with:\n%s", p.PID(), timeout, p.LogTail(4096))
	}
}

// Kill ends the process at once and waits for its end.
func (p *Process) Kill() {
	// The process may have ended already.
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Output returns all the process has written so far.
func (p *Process) Output() string {
	data, err := os.ReadFile(p.options.Log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// LogTail returns the last lines of the process's output, about n bytes of it.
func (p *Process) LogTail(n int64) string {
	f, err := os.Open(p.options.Log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	cut := max(0, info.Size()-n)
	data, err := io.ReadAll(io.NewSectionReader(f, cut, n))
	if err != nil {
		return err.Error()
	}
	text := string(data)
	if _, rest, ok := strings.Cut(text, "\n"); ok && cut > 0 {
		return rest
	}
	return text
}
