package harness

import (
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// The test binary is also the program under test: with HARNESS_TEST set it shows one metric there until SIGTERM.
func TestMain(m *testing.M) {
	address := os.Getenv("HARNESS_TEST")
	if address == "" {
		os.Exit(m.Run())
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# TYPE a_total counter\na_total{x=\"1\",y=\"1\"} 2\na_total{x=\"1\",y=\"2\"} 3\na_total{x=\"2\",y=\"1\"} 4\n"))
	})
	go func() {
		if err := http.ListenAndServe(address, nil); err != nil {
			os.Exit(2)
		}
	}()
	<-term
	os.Exit(0)
}

func TestProgramIsWatchedAndStopped(t *testing.T) {
	address := FreeAddress(t)
	p := StartProgram(t, proc.Options{Path: os.Args[0], Env: []string{"HARNESS_TEST=" + address}}, address)
	c := Collector{Program: p, telemetry: address}
	assert.EqualValues(t, 9, c.Sum("a_total"))
	assert.EqualValues(t, 5, c.Sum("a_total", "x", "1"))
	assert.EqualValues(t, 4, c.Sum("a_total", "x", "2", "y", "1"))
	assert.Zero(t, c.Sum("b_total"))
	assert.NotZero(t, p.Usage().RSS)
	p.StopWithin(10 * time.Second)
}
