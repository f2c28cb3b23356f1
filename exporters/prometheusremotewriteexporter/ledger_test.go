package prometheusremotewriteexporter

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// ledger knows what was accepted and what an endpoint took, sample by sample.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]bool
	newest   map[string]int64 // timestamp of the newest sample of a series that was taken
	taken    map[string]bool
	repeated int
	faults   []string // samples that came out of order, or with another value
}

func newLedger() *ledger {
	return &ledger{accepted: map[string]bool{}, newest: map[string]int64{}, taken: map[string]bool{}}
}

// accept notes counters that the exporter took over. See counters.
func (l *ledger) accept(md pmetric.Metrics) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().All() {
		i, _ := p.Attributes().Get("i")
		l.accepted[fmt.Sprintf(`{__name__="c_total", i="%s"} %v@%d`, i.Str(), p.DoubleValue(), p.Timestamp()/1e6)] = true
	}
}

// take notes a request that an endpoint took.
func (l *ledger) take(r *received) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range r.series {
		name, rest, _ := strings.Cut(s, "} ")
		_, at, _ := strings.Cut(rest, "@")
		timestamp, _ := strconv.ParseInt(at, 10, 64)
		switch {
		case l.taken[s]:
			l.repeated++
			continue
		case timestamp <= l.newest[name]:
			l.faults = append(l.faults, "out of order: "+s)
		case !l.accepted[s]:
			l.faults = append(l.faults, "never accepted: "+s)
		}
		l.newest[name] = timestamp
		l.taken[s] = true
	}
}

// accepting is an endpoint that takes everything.
func (l *ledger) accepting(n int, r *received, w http.ResponseWriter) int {
	l.take(r)
	return accept(n, r, w)
}

// missing returns how many samples were accepted and not taken.
func (l *ledger) missing() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted) - len(l.taken)
}

// check is "lost 0, reordered 0, repeated only as identical samples" but for what was counted as lost.
func (l *ledger) check(t *testing.T, lost int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Empty(t, l.faults)
	assert.Equal(t, len(l.accepted), len(l.taken)+lost)
	assert.NotEmpty(t, l.taken)
	t.Logf("accepted %d samples, arrived %d, lost and counted %d, reordered 0, arrived again as they were %d",
		len(l.accepted), len(l.taken), lost, l.repeated)
}
