package otlpsloreceiver

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

func TestAChangedPoliciesFileIsUsedForWhatIsHeld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policies.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("policies: [{name: ok, type: status_code, status_code: {status_codes: [OK]}}]")
	var spans atomic.Int64
	r := start(t, withDebug(), withConfig(func(c *Config) {
		c.Sampling.PoliciesFile = file
		c.Sampling.DecisionWait = time.Hour
	}), withOutlet(func(o *outlet) {
		o.traces = func(_ context.Context, td ptrace.Traces) error { spans.Add(int64(td.SpanCount())); return nil }
	}))
	sendGRPC(t, r, traceOf(1, 3, true))
	write("policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]\nshadow_policies: [{name: all, type: always_sample, latency: {}}]")
	r.files.Look()
	require.Equal(t, 1, r.logs.FilterMessage("sampling: shadow_policies[0].latency has no effect on a policy of type always_sample").Len())
	why := decodeAnswer[map[string]any](t, r.ask(t, "/why/"+traceOf(1, 3, true).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).TraceID().String()))
	require.Equal(t, "undecided", why["state"])
	require.Equal(t, "errors", why["policy"])
	r.shutdown()
	require.EqualValues(t, 3, spans.Load())
}

// keysWanted is a policies file that asks for so many attribute keys.
func keysWanted(keys int) string {
	text := "policies:\n"
	for i := range keys {
		text += fmt.Sprintf("  - {name: p%d, type: boolean_attribute, boolean_attribute: {key: key%d, value: true}}\n", i, i)
	}
	return text
}

func TestPoliciesAndSLOsThatDoNotFitTogetherAreTriedAgainWhenTheOthersChange(t *testing.T) {
	policies, slos := filepath.Join(t.TempDir(), "policies.yaml"), filepath.Join(t.TempDir(), "slos.yaml")
	write := func(file, text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	const small = "slos: [{name: a, service: checkout, objective: 99.9, latency: {threshold: 1s}}]"
	const large = "slos: [{name: a, service: checkout, objective: 99.9, latency: {threshold: 2s}, group_by: [a, b, c, d]}]"
	write(policies, keysWanted(1))
	write(slos, large)
	r := start(t, withConfig(func(c *Config) { c.Sampling.PoliciesFile, c.SLO.Files = policies, []string{slos} }))
	refused := func() int { return r.logs.FilterMessageSnippet("stay as they were").Len() }
	inUse := func() int { return len(r.engine.Stats(time.Now()).Policies) }
	keys := 2
	for ; refused() == 0; keys++ { // until there are too many beside the large SLO
		write(policies, keysWanted(keys))
		r.files.Look()
	}
	keys--
	require.Equal(t, keys-1, inUse())
	r.files.Look()
	require.Equal(t, 1, refused(), "told once")
	write(slos, small)
	r.files.Look()
	require.Equal(t, keys, inUse(), "the SLO leaves room for them now")

	write(slos, large)
	r.files.Look()
	r.files.Look()
	require.Equal(t, 2, refused(), "now it is the SLO that there is no room for")
	write(policies, keysWanted(keys-1))
	r.files.Look()
	require.Equal(t, 2, r.logs.FilterMessageSnippet("SLO files are in use").Len())
	require.Equal(t, 2, refused())
}

func TestARequestThatAReloadRefusesMayComeAgain(t *testing.T) {
	err := engineRefusal(spanpipe.ErrReloading)
	s := statusOf(err)
	require.Equal(t, codes.Unavailable, s.Code())
	require.Positive(t, retryAfter(s))
	require.Equal(t, http.StatusServiceUnavailable, httpCode(err, s))
}
