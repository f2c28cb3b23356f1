package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// untilTold ends the context of a run at SIGTERM and SIGINT, from its first moment on. The Collector itself would hear them only
// some time after its receivers have begun to take spans, and one in between would end the process with all that it holds.
func untilTold(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
}
