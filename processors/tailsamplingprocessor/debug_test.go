package tailsamplingprocessor

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

func TestWhyATraceIsWhereItIsCanBeAsked(t *testing.T) {
	r := start(t, `{decision_wait: 1h, debug: {http: {endpoint: "127.0.0.1:0"}}, policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}`)
	r.mustTake(t, trace(1, 2, true))
	body := ask(t, r.debug.server.Addr().String(), idOf(trace(1, 1, true)))
	require.Contains(t, body, `"state": "undecided"`)
	require.Contains(t, body, `"policy": "errors"`)
	r.end(t)
}

// ask asks why a trace is where it is.
func ask(t *testing.T, address, id string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/why/"+id, http.NoBody)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}

func idOf(td ptrace.Traces) string { return spansOf(td)[0].TraceID().String() }

func TestADebugEndpointThatIsTakenIsToldAtStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	cfg := mustParse(t, `{debug: {http: {endpoint: "`+taken.Addr().String()+`"}}}`)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(componentType), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, p.Start(t.Context(), componenttest.NewNopHost()), "cannot listen for debug on")
	require.NoError(t, p.Shutdown(t.Context()))
}

// The server answers before the first processor is asked and, while it stops, behind the last.
func TestATraceThatNobodyIsAskedAboutIsUnknown(t *testing.T) {
	known := (&debugServer{}).why([16]byte{1})
	require.Equal(t, "unknown", known.State)
}
