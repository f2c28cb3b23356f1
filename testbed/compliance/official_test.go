//go:build integration

package compliance

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/prometheus/compliance/remotewrite/sender"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// binary is the binary under test, as the official cases start and end it.
type binary struct {
	t *testing.T
}

var _ sender.Sender = binary{}

func (b binary) Name() string { return "otelcol-slo" }

// Run runs the binary until the context is done. It fails where the binary ends before, or not with code 0.
func (b binary) Run(ctx context.Context, o sender.Options) error {
	run := options(b.t, immediate, o.ScrapeTargetHostPort, o.RemoteWriteEndpointURL, string(o.RemoteWriteMessage), "")
	run.Env = append(run.Env, "SCRAPE_JOB="+o.ScrapeTargetJobName)
	run.Log = filepath.Join(b.t.TempDir(), "otelcol-slo.log")
	p, err := proc.Start(run)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		err = p.Stop(stopWithin)
	case <-p.Done():
		err = fmt.Errorf("the binary ended by itself:\n%s", p.LogTail(4096))
	}
	if code := p.ExitCode(); err == nil && code != 0 {
		err = fmt.Errorf("the binary ended with code %d:\n%s", code, p.LogTail(4096))
	}
	return err
}

// Every case of Prometheus' own, and that there was something to look at: a case without a request could pass.
func TestOfficialCases(t *testing.T) {
	cases := sender.ComplianceTests()
	require.NotEmpty(t, cases)
	for i := range cases {
		official := cases[i].Validate
		version := cases[i].Version
		cases[i].Validate = func(t *testing.T, result sender.ReceiverResult) {
			require.NotEmpty(t, result.Requests, "no request arrived")
			for _, request := range result.Requests {
				assert.Equal(t, contentTypes[string(version)], request.Headers.Get("Content-Type"))
			}
			if official != nil {
				official(t, result)
			}
		}
	}
	sender.RunTests(t, binary{t}, cases)
}
