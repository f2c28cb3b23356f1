//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// offered is a rate that leaves the machine time for sinks and other tests.
const offered = 30_000

// Whatever the sink does, every acknowledged span is delivered or counted; and once it works again, or as long as the
// budget lasts, nothing worth keeping is lost.
func TestSpansAreConservedWhateverTheSinkDoes(t *testing.T) {
	for _, c := range []struct {
		name     string
		fault    func(*sink.OTLP)
		lasts    time.Duration
		mayFail  bool // spans may be given up, and must be counted then
		mustFail bool
	}{
		{"slow", func(o *sink.OTLP) { o.SetFault(sink.Fault{Delay: 700 * time.Millisecond}) }, 8 * time.Second, false, false},
		{"refusing for now", func(o *sink.OTLP) { o.SetFault(sink.Fault{Refuse: true}) }, 8 * time.Second, false, false},
		{"refusing for good", func(o *sink.OTLP) { o.SetFault(sink.Fault{Refuse: true, Permanent: true}) }, 6 * time.Second, true, true},
		{"down", func(o *sink.OTLP) { o.Down() }, 30 * time.Second, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shipped{memoryMiB: 512}
			s.start(t)
			plan := reference(t, 0.05)
			g := s.send(t, plan, load.Options{SpansPerSecond: offered})
			run(t, 2*time.Second)
			c.fault(s.otlp)
			run(t, c.lasts)
			s.otlp.SetFault(sink.Fault{})
			assert.NoError(t, s.otlp.Up())
			run(t, 2*time.Second)
			g.Stop()
			a := s.settle(t, 60*time.Second)
			s.withinBudget(t)
			assert.Equal(t, a, s.stop(t, 5*time.Second), "own metrics and the last word")
			s.conserved(t, g.Spans(), a)
			s.complete(t, plan, g)
			assert.Equal(t, c.mustFail, a.SendFailed > 0, "given up: %d spans", a.SendFailed)
			if !c.mayFail {
				s.nothingWorthKeepingIsLost(t, plan, g)
			}
		})
	}
}

// run lets a load go on for a while.
func run(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// Every trace an error, for a minute, and a sink that takes half of it: traces wait in the queue and then in the buffer, and
// at the budget clients are told to wait.
func TestAMinuteOfErrorsIsDelivered(t *testing.T) {
	s := shipped{memoryMiB: 256}
	s.start(t)
	plan := reference(t, 1)
	s.otlp.SetFault(sink.Fault{Delay: 300 * time.Millisecond})
	g := s.send(t, plan, load.Options{SpansPerSecond: offered})
	run(t, time.Minute)
	g.Stop()
	s.otlp.SetFault(sink.Fault{})
	refusedWithAWait(t, g.Stats())
	a := s.settle(t, 60*time.Second)
	s.withinBudget(t)
	assert.Equal(t, a, s.stop(t, 5*time.Second), "own metrics and the last word")
	s.conserved(t, g.Spans(), a)
	assert.Zero(t, a.Dropped+a.SendFailed)
	s.nothingWorthKeepingIsLost(t, plan, g)
	s.complete(t, plan, g)
}

// SIGTERM in mid-load: requests that have begun are answered, what is held is decided, sent and flushed.
func TestSIGTERMInMidLoadLosesNothing(t *testing.T) {
	s := shipped{memoryMiB: 512, decisionWait: 10 * time.Second}
	s.start(t)
	plan := reference(t, 0.05)
	g := s.send(t, plan, load.Options{Workers: 8})
	run(t, 4*time.Second)
	a := s.stop(t, 20*time.Second)
	g.Stop()
	s.conserved(t, g.Spans(), a)
	assert.Zero(t, a.Left)
	s.nothingWorthKeepingIsLost(t, plan, g)
	s.complete(t, plan, g)
}

// With the sink down until the end, what is left is told.
func TestSIGTERMWithTheSinkDownTellsWhatIsLeft(t *testing.T) {
	s := shipped{memoryMiB: 512, extra: "    shutdown_timeout: 3s"}
	s.start(t)
	plan := reference(t, 0.05)
	g := s.send(t, plan, load.Options{SpansPerSecond: offered})
	run(t, 3*time.Second)
	s.otlp.Down()
	run(t, 3*time.Second)
	g.Stop()
	a := s.stop(t, 6*time.Second)
	s.conserved(t, g.Spans(), a)
	assert.NotZero(t, a.Left)
	assert.Contains(t, s.collector.Output(), "spans could not be delivered within shutdown_timeout")
	s.complete(t, plan, g)
}
