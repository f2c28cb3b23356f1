package parity

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
)

// root is the repository's directory, seen from this package.
const root = "../.."

// idleMax is what is left of a longer pause of a recording; all traces are decided in it.
const idleMax = 3 * time.Minute

// request is one request and when it is sent, from the start of the replay.
type request struct {
	at     time.Duration
	traces ptrace.Traces
}

// traffic is what both processors get, in the order of its times.
type traffic struct {
	name     string
	requests []request
	// whole is all of it, by trace.
	whole map[pcommon.TraceID]fragment
	spans int
	// spread is how long after its first request the last one of a trace comes, at most.
	spread time.Duration
	// inOrder: the first span of a trace bounds all others, so that an extent is the same after each span.
	inOrder bool
	// big: it takes long, and its spans have no attributes.
	big bool
}

func newTraffic(name string, requests []request) *traffic {
	tr := &traffic{name: name, requests: requests, whole: map[pcommon.TraceID]fragment{}}
	first := map[pcommon.TraceID]time.Duration{}
	for _, r := range requests {
		tally(tr.whole, r.traces)
		tr.spans += r.traces.SpanCount()
		eachSpan(r.traces, func(s ptrace.Span) {
			if begun, known := first[s.TraceID()]; known {
				tr.spread = max(tr.spread, r.at-begun)
			} else {
				first[s.TraceID()] = r.at
			}
		})
	}
	return tr
}

// wait is a decision_wait after which a trace is whole.
func (tr *traffic) wait() time.Duration { return tr.spread.Truncate(time.Second) + 3*time.Second }

// config is a configuration with these policies, in which nothing but the policies can decide.
func (tr *traffic) config(policies string) string {
	return fmt.Sprintf("decision_wait: %s\nnum_traces: 1000000\n%s", tr.wait(), policies)
}

var recordings = sync.OnceValues(func() ([]*traffic, error) {
	all, err := dataset.All(root)
	if err != nil {
		return nil, err
	}
	var out []*traffic
	for _, d := range all {
		rec, err := d.Recording()
		if err != nil {
			return nil, err
		}
		decoded, err := rec.Decode()
		if err != nil {
			return nil, err
		}
		requests := make([]request, len(decoded))
		order := make([]int, len(decoded))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(rec.Requests[a].At - rec.Requests[b].At) })
		at, last := time.Duration(0), rec.Requests[order[0]].At
		for i, line := range order {
			at += min(time.Duration(rec.Requests[line].At-last), idleMax)
			last = rec.Requests[line].At
			requests[i] = request{at: at, traces: decoded[line]}
		}
		tr := newTraffic(d.Name, requests)
		tr.big = tr.spans > 100_000
		out = append(out, tr)
	}
	return out, nil
})

// recorded returns the recordings that there are: the fixture always, those of real systems where they lie beside the repository.
func recorded(t *testing.T) []*traffic {
	t.Helper()
	all, err := recordings()
	require.NoError(t, err)
	return all
}

// inOrderOfTime sorts requests by when they are sent.
func inOrderOfTime(requests []request) []request {
	slices.SortStableFunc(requests, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	return requests
}
