package tailsamplingprocessor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	badEventsOnly = `decision_wait: 10s, rescue_window: 30s, policies: [{name: slo, type: slo, slo: {bad_events: true}}]`
	checkoutSLO   = `{name: checkout, service: checkout, objective: 99.9, errors: {}}`
)

// request returns a trace that is one request to the service, an event of its SLOs.
func request(number byte, failed bool) ptrace.Traces {
	td := trace(number, 1, failed)
	spansOf(td)[0].SetKind(ptrace.SpanKindServer)
	return td
}

func TestTracesWithABadEventOfADeclaredSLOAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{`+badEventsOnly+`, slo: {slos: [`+checkoutSLO+`]}}`)
		r.mustTake(t, request(1, false))
		r.mustTake(t, request(2, true))
		r.mustTake(t, request(3, false))
		time.Sleep(15 * time.Second)
		require.Equal(t, map[byte]int{2: 1}, r.sink.spans())
		failed := request(3, true)
		spansOf(failed)[0].SetSpanID([8]byte{3})
		r.mustTake(t, failed)
		time.Sleep(time.Second)
		require.Equal(t, map[byte]int{2: 1, 3: 2}, r.sink.spans(), "a late bad event brings its trace back")
		require.Empty(t, r.logs.FilterMessageSnippet("matches nothing").All())
	})
}

func TestABudgetThatBurnsRaisesTheRate(t *testing.T) {
	const burning = `decision_wait: 10s, policies: [{name: slo, type: slo, slo: {bad_events: false, burning: {sampling_percentage: 100}}}]`
	bubble(t, func(t *testing.T) {
		r := start(t, `{`+burning+`, slo: {slos: [`+checkoutSLO+`]}}`)
		r.mustTake(t, request(1, false))
		for n := range byte(50) {
			r.mustTake(t, request(100+n, true))
		}
		time.Sleep(10 * time.Second)
		require.EqualValues(t, 1, r.figure(t, "burning", "slo", "checkout"))
		r.mustTake(t, request(2, false))
		time.Sleep(15 * time.Second)
		require.Equal(t, 1, r.sink.spans()[2], "a good event while it burns")
		require.Zero(t, r.sink.spans()[1], "a good event before")
	})
}

func TestSLOsComeFromFilesAndChangeWithThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "slos.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(`slos: []`)
	bubble(t, func(t *testing.T) {
		r := start(t, `{`+badEventsOnly+`, slo: {files: [`+file+`]}}`)
		write(`slos: [{name: none}]`)
		time.Sleep(25 * time.Second)
		require.Equal(t, 1, r.logs.FilterMessageSnippet("the SLOs stay as they were").Len())
		write(`slos: [` + checkoutSLO + `]`)
		time.Sleep(15 * time.Second)
		require.Equal(t, 1, r.logs.FilterMessageSnippet("SLO files are in use as they are now").Len())
		r.mustTake(t, request(1, true))
		time.Sleep(15 * time.Second)
		require.Equal(t, map[byte]int{1: 1}, r.sink.spans())
	})
}

func TestABrokenSLOIsRefusedWithItsPath(t *testing.T) {
	_, err := parse(t, `{`+badEventsOnly+`, slo: {slos: [{name: checkout, service: checkout, objective: 101, errors: {}}]}}`)
	require.ErrorContains(t, err, "slo")
	require.ErrorContains(t, err, "objective")
}

func TestWhatSLOsAndPoliciesRememberIsBooked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{`+badEventsOnly+`, slo: {slos: [`+checkoutSLO+`]}}`)
		r.mustTake(t, request(1, false))
		time.Sleep(10 * time.Second)
		require.Positive(t, r.figure(t, "memory", "use", "series"))
	})
}
