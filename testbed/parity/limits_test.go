package parity

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// steady is what limits are tried on: many times what they let pass, and long enough for the burst not to count for much.
var steady = sync.OnceValue(func() *traffic {
	return plan{name: "mixed-steady", seed: 3, traces: 9000, over: steadyTime}.make()
})

const steadyTime = 90 * time.Second

// unit is what a limit is in.
type unit func(tr *traffic, k *kept) float64

func inSpans(_ *traffic, k *kept) float64 { return float64(k.spans()) }

// inBytes is in bytes as they were sent, resources and scopes too.
func inBytes(_ *traffic, k *kept) float64 { return float64(k.bytes) }

// inSpanBytes is in bytes of spans as they came.
func inSpanBytes(tr *traffic, k *kept) float64 {
	n := 0
	for id := range k.traces {
		n += tr.whole[id].bytes
	}
	return float64(n)
}

// limitCase is a configuration that lets pass so much a second.
type limitCase struct {
	policy, setting, config string
	// units are contrib's and ours.
	units [2]unit
	// rate is how much a second, burst how much at once at the start, trace what the largest trace has.
	rate, burst, trace float64
}

func limitCases() []limitCase {
	spans, bytes := [2]unit{inSpans, inSpans}, [2]unit{inBytes, inSpanBytes}
	one := func(policy, block string) string {
		return "policies: [{name: it, type: " + policy + ", " + policy + ": {" + block + "}}]"
	}
	const slowFirst = "policy_order: [c, k], composite_sub_policy: [" + isSlow + ", " + isAll + "]"
	return []limitCase{
		{"rate_limiting", "100/s", one("rate_limiting", "spans_per_second: 100"), spans, 100, 200, 60},
		{"rate_limiting", "60/s, burst 500", one("rate_limiting", "spans_per_second: 60, burst_capacity: 500"), spans, 60, 500, 60},
		{"rate_limiting", "of the big 40/s", "policies: [{name: it, type: and, and: {and_sub_policy: [" + isBig +
			", {name: r, type: rate_limiting, rate_limiting: {spans_per_second: 40}}]}}]", spans, 40, 80, 60},
		{"rate_limiting", "above what comes", one("rate_limiting", "spans_per_second: 100000"), spans, 100000, 0, 60},
		{"bytes_limiting", "20 kB/s", one("bytes_limiting", "bytes_per_second: 20000"), bytes, 20000, 40000, 20000},
		{"bytes_limiting", "10 kB/s, burst 100 kB", one("bytes_limiting", "bytes_per_second: 10000, burst_capacity: 100000"), bytes, 10000, 100000, 20000},
		{"composite", "100/s: slow 60 %, rest 40 %", one("composite", "max_total_spans_per_second: 100, "+slowFirst+
			", rate_allocation: [{policy: c, percent: 60}, {policy: k, percent: 40}]"), spans, 100, 0, 60},
		{"composite", "150/s in equal parts", one("composite", "max_total_spans_per_second: 150, "+slowFirst), spans, 150, 0, 60},
	}
}

// Which traces pass is their own affair; how much does is not: at most the rate and the burst, two seconds and a trace more,
// and at least nine tenths of the rate, or of all that came.
func TestLimitsLetPassAsMuch(t *testing.T) {
	for _, c := range limitCases() {
		t.Run(c.policy+" "+c.setting, func(t *testing.T) {
			t.Parallel()
			tr := steady()
			most := c.rate*(steadyTime.Seconds()+2) + c.burst + c.trace
			least := min(0.9*c.rate*steadyTime.Seconds(), float64(tr.spans))
			both, fits := [2]*kept{}, true
			for i, a := range arms {
				both[i] = a.keeps(t, c.config, tr)
				passed := c.units[i](tr, both[i])
				fits = assert.LessOrEqual(t, passed, most, a.name) && assert.GreaterOrEqual(t, passed, least, a.name) && fits
				t.Logf("%s: %.0f a second of %.0f", a.name, passed/steadyTime.Seconds(), c.rate)
			}
			row(c.policy, c.setting, tr, both[0], both[1], within(fits, "%.0f to %.0f", least, most))
		})
	}
}

// Each part of a composite has its own share.
func TestACompositeKeepsItsPartsApart(t *testing.T) {
	tr := steady()
	slow := stock.keeps(t, "policies: ["+isSlow+"]", tr)
	config := limitCases()[6].config
	for _, a := range arms {
		parts := [2]int{}
		for id, f := range a.keeps(t, config, tr).traces {
			if _, isSlow := slow.traces[id]; isSlow {
				parts[0] += f.spans
			} else {
				parts[1] += f.spans
			}
		}
		assert.InEpsilon(t, 60*steadyTime.Seconds(), parts[0], 0.1, "%s: slow", a.name)
		assert.InEpsilon(t, 40*steadyTime.Seconds(), parts[1], 0.1, "%s: the rest", a.name)
	}
}
