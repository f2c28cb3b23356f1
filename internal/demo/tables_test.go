package demo

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// some are the counts of a few hundred requests.
func some() *Counts {
	c, shop := NewCounts(), NewShop(3)
	c.open = 30 * time.Second
	for range 400 {
		made := shop.request(noon)
		c.add(&made)
	}
	return c
}

// right are the answers that agree with a table.
func right(t table) answers {
	out := make(answers, len(t.columns))
	for i, c := range t.columns {
		out[i] = map[row]float64{}
		for r, w := range c.want {
			out[i][r] = (w.low + w.high) / 2
		}
	}
	return out
}

// Each figure alone can make a table differ: too high, too low, absent; and so can one too many.
func TestEveryFigureIsCompared(t *testing.T) {
	var figures int
	for _, table := range some().tables() {
		got := right(table)
		agree, differ := table.compare(got)
		require.Empty(t, differ)
		figures += agree
		for i, c := range table.columns {
			for r, w := range c.want {
				was := got[i][r]
				for _, wrong := range []float64{w.low*(1-1e-6) - 1e-8, w.high*(1+1e-6) + 1e-8} {
					got[i][r] = wrong
					less, differ := table.compare(got)
					require.Len(t, differ, 1, "%s %v %v", c.title, r, wrong)
					require.Equal(t, agree-1, less)
				}
				delete(got[i], r)
				_, differ := table.compare(got)
				require.Len(t, differ, 1)
				got[i][r] = was
			}
			got[i][row{"no such"}] = 1
			_, differ := table.compare(got)
			require.Len(t, differ, 1)
			delete(got[i], row{"no such"})
		}
	}
	require.Greater(t, figures, 80)
}

func TestElementsBelongToRows(t *testing.T) {
	table := table{columns: []column{{queries: []query{{promql: "a", by: "service"}, {promql: "b", fixed: "all"}, {promql: "c", fixed: "gap", by: "service"}}}}}
	got, err := table.ask(t.Context(), func(_ context.Context, promql string) (model.Vector, error) {
		value := model.SampleValue(promql[0])
		return model.Vector{{Metric: model.Metric{"service": "cart"}, Value: value}}, nil
	})
	require.NoError(t, err)
	require.Equal(t, answers{{{"cart"}: 'a', {"all"}: 'b', {"gap", "cart"}: 'c'}}, got)
}

func TestTablesArePrinted(t *testing.T) {
	c := NewCounts()
	c.unanswered["pricing"], c.orphans["tax"], c.shown["tax"] = 12, 8, 700
	c.orphans["storefront"], c.shown["storefront"] = 1, 100
	c.services["email"] = &requests{all: 1234}
	table := c.gapTable()
	var b strings.Builder
	table.print(&b, right(table))
	require.Equal(t, `
Where it is blind
  gap           service  seen   of
  silent_peer   pricing    12       calls of it, and no span of it ever came
  orphan_spans  tax         8  700  spans whose parent never came
  no_slo        email    1234       requests that no SLO counts
`, b.String(), "one in a hundred is no gap")
}
