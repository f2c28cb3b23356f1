package parity

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

var each = flag.Bool("parity.each", false, "print a row for each setting, not one for all of a policy")

// outcome is what both kept of one traffic with one setting.
type outcome struct {
	policy, setting, traffic string
	traces                   int
	contrib, ours            int
	// verdict is equal, or within a bound, or what differs.
	verdict string
}

// plain is the verdict without figures.
func (o outcome) plain() string {
	return strings.TrimRight(strings.SplitN(o.verdict, "within", 2)[0]+o.bound(), " ")
}

func (o outcome) bound() string {
	if strings.Contains(o.verdict, "within") {
		return "within"
	}
	return ""
}

var table struct {
	mu   sync.Mutex
	rows []outcome
}

func addRow(o outcome) {
	table.mu.Lock()
	defer table.mu.Unlock()
	table.rows = append(table.rows, o)
}

// row notes what both kept.
func row(policy, setting string, tr *traffic, contrib, ours *kept, verdict string) {
	addRow(outcome{policy, setting, tr.name, len(tr.whole), len(contrib.traces), len(ours.traces), verdict})
}

// merged adds up the rows of a policy that share traffic and verdict.
func merged(rows []outcome) []outcome {
	var out []outcome
	settings := map[int]int{}
	for _, r := range rows {
		i := slices.IndexFunc(out, func(o outcome) bool {
			return o.policy == r.policy && o.traffic == r.traffic && o.plain() == r.plain()
		})
		if i < 0 {
			i = len(out)
			out = append(out, outcome{policy: r.policy, traffic: r.traffic, verdict: r.plain()})
		}
		out[i].traces += r.traces
		out[i].contrib += r.contrib
		out[i].ours += r.ours
		settings[i]++
		out[i].setting = fmt.Sprintf("%d settings", settings[i])
	}
	return out
}

func TestMain(m *testing.M) {
	code := m.Run()
	if rows := table.rows; len(rows) > 0 {
		slices.SortStableFunc(rows, func(a, b outcome) int {
			return cmp.Or(cmp.Compare(a.policy, b.policy), cmp.Compare(a.setting, b.setting))
		})
		if !*each {
			rows = merged(rows)
		}
		out := report.Table{Title: "Traces kept", Header: []string{"policy", "setting", "traffic", "traces", "contrib", "ours", ""}}
		for _, r := range rows {
			out.Add(r.policy, r.setting, r.traffic, fmt.Sprint(r.traces), fmt.Sprint(r.contrib), fmt.Sprint(r.ours), r.verdict)
		}
		fmt.Println(out.Text())
	}
	os.Exit(code)
}
