package parity

import (
	"testing"
	"testing/synctest"
	"time"

	contrib "github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-slo/otelcol-slo/processors/tailsamplingprocessor"
)

// arm is one of the two processors.
type arm struct {
	name    string
	factory processor.Factory
}

var (
	stock = arm{name: "contrib", factory: contrib.NewFactory()}
	own   = arm{name: "ours", factory: tailsamplingprocessor.NewFactory()}
)

// arms are both, contrib first.
var arms = []arm{stock, own}

// configure reads a configuration as the Collector would.
func (a arm) configure(raw string) (component.Config, error) {
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(raw), &tree); err != nil {
		return nil, err
	}
	cfg := a.factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(tree).Unmarshal(&cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// process starts the processor inside of a bubble, lets drive feed it, and stops it. It returns out, to which it sends.
func (a arm) process(t *testing.T, raw string, out *kept, drive func(t *testing.T, p processor.Traces)) *kept {
	t.Helper()
	cfg, err := a.configure(raw)
	require.NoError(t, err, "%s refuses\n%s", a.name, raw)
	synctest.Test(t, func(t *testing.T) {
		p, err := a.factory.CreateTraces(t.Context(), processortest.NewNopSettings(a.factory.Type()), cfg, out)
		require.NoError(t, err, a.name)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()), a.name)
		drive(t, p)
		require.NoError(t, p.Shutdown(t.Context()), a.name)
	})
	return out
}

// keeps replays the traffic, waits until the last trace was decided, and returns what was kept.
func (a arm) keeps(t *testing.T, policies string, tr *traffic) *kept {
	t.Helper()
	return a.replay(t, tr.config(policies), tr, tr.wait()+3*time.Second)
}

// replay replays the traffic at its own pace, waits for as long again, and returns what was kept.
func (a arm) replay(t *testing.T, raw string, tr *traffic, settle time.Duration) *kept {
	t.Helper()
	return a.process(t, raw, newKept(), func(t *testing.T, p processor.Traces) { tr.send(t, p, settle) })
}

// send sends the requests when they are due, from inside of a bubble.
func (tr *traffic) send(t *testing.T, p processor.Traces, settle time.Duration) {
	t.Helper()
	start := time.Now()
	for _, r := range tr.requests {
		time.Sleep(r.at - time.Since(start))
		require.NoError(t, p.ConsumeTraces(t.Context(), r.traces))
	}
	time.Sleep(settle)
	synctest.Wait()
}

// sending is what process wants: the traffic, and a minute more.
func sending(tr *traffic) func(t *testing.T, p processor.Traces) {
	return func(t *testing.T, p processor.Traces) { tr.send(t, p, time.Minute) }
}
