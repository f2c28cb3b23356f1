package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Asker evaluates PromQL now, to an instant vector.
type Asker func(ctx context.Context, promql string) (model.Vector, error)

// AskPrometheus asks the server at an address.
func AskPrometheus(address string) (Asker, error) {
	client, err := api.NewClient(api.Config{Address: "http://" + address})
	if err != nil {
		return nil, fmt.Errorf("cannot ask Prometheus at %q: %w", address, err)
	}
	v1 := prometheus.NewAPI(client)
	return func(ctx context.Context, promql string) (model.Vector, error) {
		answer, _, err := v1.Query(ctx, promql, time.Time{}) // without a time: the server's now
		if err != nil {
			return nil, fmt.Errorf("cannot ask Prometheus %q: %w", promql, err)
		}
		vector, ok := answer.(model.Vector)
		if !ok {
			return nil, fmt.Errorf("cannot use Prometheus' answer to %q: it is a %s", promql, answer.Type())
		}
		return vector, nil
	}, nil
}

// answers are the values of a table, by column and row.
type answers []map[row]float64

func (t *table) ask(ctx context.Context, ask Asker) (answers, error) {
	out := make(answers, len(t.columns))
	for i, c := range t.columns {
		out[i] = map[row]float64{}
		for _, q := range c.queries {
			vector, err := ask(ctx, q.promql)
			if err != nil {
				return nil, err
			}
			for _, element := range vector {
				out[i][q.row(element.Metric)] = float64(element.Value)
			}
		}
	}
	return out, nil
}

func (q *query) row(labels model.Metric) row {
	of := string(labels[model.LabelName(q.by)])
	switch {
	case q.by == "":
		return row{q.fixed}
	case q.fixed == "":
		return row{of}
	}
	return row{q.fixed, of}
}

// compare counts the figures that agree, and tells of each that doesn't.
func (t *table) compare(got answers) (agree int, differ []string) {
	for i, c := range t.columns {
		for r, w := range c.want {
			v, there := got[i][r]
			switch {
			case !there:
				differ = append(differ, fmt.Sprintf("%s: %s %s, %s: Prometheus has none, the shop counted %v", t.title, r[0], r[1], c.title, w))
			case !w.has(v):
				differ = append(differ, fmt.Sprintf("%s: %s %s, %s: Prometheus says %v, the shop counted %v", t.title, r[0], r[1], c.title, v, w))
			default:
				agree++
			}
		}
		for r, v := range got[i] {
			if _, wanted := c.want[r]; !wanted {
				differ = append(differ, fmt.Sprintf("%s: %s %s, %s: Prometheus says %v, the shop counted none", t.title, r[0], r[1], c.title, v))
			}
		}
	}
	return agree, differ
}
