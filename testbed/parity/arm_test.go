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

// process starts the processor inside of a bubble and lets drive feed it; then all decisions fall due and it is stopped.
// It returns what came out.
func (a arm) process(t *testing.T, raw string, drive func(t *testing.T, p processor.Traces)) *kept {
	t.Helper()
	cfg, err := a.configure(raw)
	require.NoError(t, err, "%s refuses\n%s", a.name, raw)
	out := newKept()
	synctest.Test(t, func(t *testing.T) {
		p, err := a.factory.CreateTraces(t.Context(), processortest.NewNopSettings(a.factory.Type()), cfg, out)
		require.NoError(t, err, a.name)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()), a.name)
		drive(t, p)
		require.NoError(t, p.Shutdown(t.Context()), a.name)
	})
	return out
}

// keeps replays the traffic at its own pace, waits until the last trace was decided, and returns what was kept.
func (a arm) keeps(t *testing.T, policies string, tr *traffic) *kept {
	t.Helper()
	return a.process(t, tr.config(policies), func(t *testing.T, p processor.Traces) {
		start := time.Now()
		for _, r := range tr.requests {
			time.Sleep(r.at - time.Since(start))
			require.NoError(t, p.ConsumeTraces(t.Context(), r.traces), a.name)
		}
		time.Sleep(tr.wait() + 3*time.Second)
		synctest.Wait()
	})
}
