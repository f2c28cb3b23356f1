package otlpsloreceiver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
	"github.com/otelcol-slo/otelcol-slo/internal/webserver"
	"github.com/otelcol-slo/otelcol-slo/internal/whypage"
)

// debugPages answers the questions that metrics have no room for:
//
//	GET /          both as text
//	GET /refusals  the latest refused requests, as JSON
//	GET /why/{id}  why a trace was kept or dropped, as JSON
//	GET /services  what came of each service, as JSON; by=bytes|spans|series|kept_traces (bytes), limit=N (20)
type debugPages struct {
	services func() []spanpipe.Service
	why      func(id [16]byte) spanpipe.Why
	refused  *refused
}

// serviceLine is a service as the pages show it.
type serviceLine struct {
	Service    string `json:"service"`
	Namespace  string `json:"namespace"`
	Bytes      uint64 `json:"bytes"`
	Spans      uint64 `json:"spans"`
	Series     int    `json:"series"`
	KeptTraces uint64 `json:"kept_traces"`
}

// orders are what services can be sorted by, the greatest first.
var orders = map[string]func(s *serviceLine) uint64{
	"bytes":       func(s *serviceLine) uint64 { return s.Bytes },
	"spans":       func(s *serviceLine) uint64 { return s.Spans },
	"series":      func(s *serviceLine) uint64 { return uint64(s.Series) },
	"kept_traces": func(s *serviceLine) uint64 { return s.KeptTraces },
}

const (
	orderDefault = "bytes"
	limitDefault = 20
)

// top returns the services that are greatest by an order; those that are equal by name.
func (d *debugPages) top(by string, limit int) []serviceLine {
	lines := []serviceLine{} // for JSON an empty list, not null
	for _, s := range d.services() {
		lines = append(lines, serviceLine{s.Name, s.Namespace, s.Bytes, s.Spans, s.Series, s.KeptTraces})
	}
	slices.SortFunc(lines, func(a, b serviceLine) int {
		return cmp.Or(cmp.Compare(orders[by](&b), orders[by](&a)), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Namespace, b.Namespace))
	})
	return lines[:min(len(lines), limit)]
}

func (d *debugPages) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(whypage.Pattern, whypage.Handler(d.why))
	mux.HandleFunc("GET /refusals", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, d.refused.list()) })
	mux.HandleFunc("GET /services", func(w http.ResponseWriter, r *http.Request) {
		by, limit, err := d.query(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, d.top(by, limit))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		by, limit, err := d.query(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.writeText(w, by, limit)
	})
	return mux
}

func (d *debugPages) query(r *http.Request) (by string, limit int, err error) {
	by, limit = cmp.Or(r.FormValue("by"), orderDefault), limitDefault
	if orders[by] == nil {
		return "", 0, fmt.Errorf("by must be bytes, spans, series or kept_traces (got %q)", by)
	}
	if text := r.FormValue("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return "", 0, fmt.Errorf("limit must be a number above 0 (got %q)", text)
		}
	}
	return by, limit, nil
}

func (d *debugPages) writeText(w http.ResponseWriter, by string, limit int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "Services, by %s (?by=bytes|spans|series|kept_traces&limit=N)\n", by)
	fmt.Fprintln(table, "service\tnamespace\tbytes\tspans\tseries\tkept traces")
	for _, s := range d.top(by, limit) {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", printable(s.Service), printable(s.Namespace), s.Bytes, s.Spans, s.Series, s.KeptTraces)
	}
	_ = table.Flush() // who asked is gone
	fmt.Fprintf(table, "\nRefused requests, the latest %d of each reason\n", latestKept)
	fmt.Fprintln(table, "time\treason\tsignal\ttransport\tsender\tuser agent\tbytes\terror")
	for _, q := range d.refused.list() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", q.Time.Format(time.RFC3339), q.Reason, q.Signal, q.Transport, q.Sender,
			printable(q.UserAgent), q.Bytes, printable(q.Error))
	}
	_ = table.Flush()
}

// printable writes what may break a line or move a cursor as escapes.
func printable(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked is gone
}

// startDebug serves the pages.
func startDebug(ctx context.Context, host component.Host, cfg *confighttp.ServerConfig, set component.TelemetrySettings, d *debugPages) (*webserver.Server, error) {
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for debug on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	server, err := cfg.ToServer(ctx, host.GetExtensions(), set, d.handler())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make the server of debug on %q: %w", cfg.NetAddr.Endpoint, err), listener.Close())
	}
	return webserver.Start(server, listener, func(err error) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	}), nil
}
