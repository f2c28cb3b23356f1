//go:build integration

package compliance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

const (
	message1 = "prometheus.WriteRequest"
	message2 = "io.prometheus.write.v2.Request"
	// within is how long what a case waits for may take on a busy machine.
	within = 40 * time.Second
	// stopWithin is more than shutdown_timeout.
	stopWithin = 20 * time.Second
)

// Cases mostly wait for the next scrape: many run side by side, whatever the number of processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// inBoth runs a case for each message.
func inBoth(t *testing.T, run func(t *testing.T, message string)) {
	for name, message := range map[string]string{"1.0": message1, "2.0": message2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, message)
		})
	}
}

// The shipped configurations, see there.
const (
	immediate = "compliance-immediate.yaml"
	batched   = "compliance-batched.yaml"
)

// options says how to run the binary with a shipped configuration, between a target (host:port) and a receiver. site is put over
// the configuration where it is not empty.
func options(t *testing.T, config, target, url, message, site string) proc.Options {
	t.Helper()
	o := proc.Options{
		Path: harness.Binary(t),
		Args: []string{"--config", filepath.Join(harness.Root(t), "configs", config)},
		Env:  []string{"SCRAPE_TARGET=" + target, "PROMETHEUS_URL=" + url, "REMOTE_WRITE_MESSAGE=" + message},
	}
	if site != "" {
		o.Args = append(o.Args, "--config", harness.WriteFile(t, "site.yaml", site))
	}
	return o
}

// start starts the binary between a target and a receiver. Each scrape is written at once, in one request.
func start(t *testing.T, from *target, to *receiver, message, site string) *harness.Program {
	t.Helper()
	return harness.StartProgram(t, options(t, immediate, from.address(), to.server.URL, message, site))
}
