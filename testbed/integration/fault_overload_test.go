//go:build integration

package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
)

// Offered far more than the budget holds for decision_wait: the oldest traces are decided early, and what finds no room is
// refused before anything counted it. What was acknowledged is as complete as ever.
func TestOverloadIsRefusedAndCostsNothingThatWasAccepted(t *testing.T) {
	for _, mib := range []int{512, 256} {
		t.Run(fmt.Sprintf("%d MiB", mib), func(t *testing.T) {
			s := shipped{memoryMiB: mib, decisionWait: time.Minute, decisionWaitMin: 8 * time.Second}
			s.start(t)
			plan := reference(t, 0.01)
			g := s.send(t, plan, load.Options{Workers: 16})
			run(t, 20*time.Second)
			g.Stop()
			refusedWithAWait(t, g.Stats())
			s.withinBudget(t)
			a := s.stop(t, 20*time.Second)
			s.conserved(t, g.Spans(), a)
			assert.Zero(t, a.Left)
			s.nothingWorthKeepingIsLost(t, plan, g)
			s.complete(t, plan, g)
		})
	}
}
