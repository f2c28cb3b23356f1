package parity

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEachPolicyKeepsTheSameTraces(t *testing.T) { sameTraces(t, single()) }

func TestComposedConfigurationsKeepTheSameTraces(t *testing.T) {
	cases := composed()
	require.GreaterOrEqual(t, len(cases), 10)
	for i := range cases {
		cases[i].policy = ofMany
	}
	sameTraces(t, cases)
}

const (
	// ofMany stands for the policy of a configuration of several.
	ofMany = "(composed)"
	// bigMax is for how many settings of a policy the large recording is replayed.
	bigMax = 3
)

// sameTraces wants both processors to keep the same spans of all traffic, and each case to have told traces apart in some.
func sameTraces(t *testing.T, cases []policyCase) {
	all := everything(t)
	settings := map[string]int{}
	for _, c := range cases {
		settings[c.policy]++
		withBig := !testing.Short() && !asksForAttributes[c.policy] && (settings[c.policy] <= bigMax || c.policy == ofMany)
		t.Run(c.policy+" "+c.setting, func(t *testing.T) {
			t.Parallel()
			splits := false
			for _, tr := range all {
				if c.inOrder && !tr.inOrder || tr.big && !withBig {
					continue
				}
				want, got := stock.keeps(t, c.config, tr), own.keeps(t, c.config, tr)
				verdict := "equal"
				if differ := diff(want.traces, got.traces); !assert.Empty(t, differ, tr.name) {
					verdict = "DIFFERENT"
				}
				splits = splits || len(want.traces) > 0 && len(want.traces) < len(tr.whole)
				row(c.policy, c.setting, tr, want, got, verdict)
			}
			require.NotEqual(t, c.every, splits, "the case tells no traces apart, or was meant not to")
		})
	}
}

// asksForAttributes are the policies that tell no traces apart whose spans have no attributes: a small recording of those
// is enough for them.
var asksForAttributes = map[string]bool{"boolean_attribute": true, "numeric_attribute": true, "trace_state": true, "trace_flags": true}
