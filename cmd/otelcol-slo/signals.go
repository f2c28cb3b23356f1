package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// A signal is sent again every signalAgain, for five seconds.
const (
	signalAgain = 200 * time.Millisecond
	signalTimes = 25
)

// heedSignals makes a run heed SIGTERM and SIGINT from its first moment on. The Collector itself listens for them only some time
// after its receivers have begun to take spans, and nothing tells when: one in between would end the process with all that it
// holds. So a signal is sent to the process again until the run has ended; the Collector heeds the first that it hears.
func heedSignals(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		self, err := os.FindProcess(os.Getpid())
		if err != nil { // cannot be
			return err
		}
		heard, ended := make(chan os.Signal, 1), make(chan struct{})
		signal.Notify(heard, os.Interrupt, syscall.SIGTERM)
		defer close(ended)
		go repeat(self, heard, ended)
		return run(cmd, args)
	}
}

// repeat sends the first signal again until the end. Where the Collector doesn't listen in five seconds, its start hangs: the
// last time nobody listens, and the signal ends the process, as it would have at first.
func repeat(self *os.Process, heard chan os.Signal, ended chan struct{}) {
	var s os.Signal
	select {
	case <-ended:
		return
	case s = <-heard:
	}
	for n := range signalTimes {
		select {
		case <-ended:
			return
		case <-time.After(signalAgain):
		}
		if n == signalTimes-1 {
			signal.Stop(heard)
		}
		_ = self.Signal(s) // this process is there
	}
}
