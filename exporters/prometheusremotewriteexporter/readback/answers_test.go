//go:build integration

package readback

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// answers counts what a receiver answers, by what it was asked.
type answers struct {
	mu     sync.Mutex
	counts map[string]int
}

// listenBefore returns the address of a proxy before a receiver, which sees the answers.
func listenBefore(t *testing.T, receiver string) (string, *answers) {
	t.Helper()
	to, err := url.Parse(receiver)
	require.NoError(t, err)
	a := &answers{counts: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.Out.URL = to },
		ModifyResponse: a.see,
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL, a
}

func (a *answers) see(r *http.Response) error {
	account := "without an account"
	for name := range r.Header {
		if strings.HasSuffix(name, "-Written") {
			account = "with an account"
		}
	}
	version := r.Request.Header.Get("X-Prometheus-Remote-Write-Version")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[fmt.Sprintf("%s answered %d %s", version, r.StatusCode, account)]++
	return nil
}

// all are the answers so far.
func (a *answers) all() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.counts)
}
