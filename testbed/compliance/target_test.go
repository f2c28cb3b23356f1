//go:build integration

package compliance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// target is what the binary scrapes.
type target struct {
	server *httptest.Server
	// page writes what the target says in OpenMetrics; scrape counts from 1.
	page    atomic.Pointer[func(scrape int) string]
	scrapes atomic.Int64
}

func newTarget(t *testing.T, page func(scrape int) string) *target {
	g := &target{}
	g.page.Store(&page)
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

// ServeHTTP answers a scrape.
func (g *target) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	text := (*g.page.Load())(int(g.scrapes.Add(1)))
	w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	_, _ = fmt.Fprint(w, text, "# EOF\n") // who went away does not want it
}

func (g *target) address() string { return strings.TrimPrefix(g.server.URL, "http://") }

// counters is a page of n series of one counter, which all grow by one a scrape.
func counters(n int) func(scrape int) string {
	return func(scrape int) string {
		var b strings.Builder
		b.WriteString("# TYPE work counter\n")
		for i := range n {
			fmt.Fprintf(&b, "work_total{worker=\"%04d\"} %d\n", i, scrape)
		}
		return b.String()
	}
}
