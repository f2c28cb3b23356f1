package tracestoreexporter

import (
	"context"
	"errors"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/tracestore"
	"github.com/otelcol-slo/otelcol-slo/internal/webserver"
)

// storeExporter is a store and its HTTP server.
type storeExporter struct {
	cfg   *Config
	set   exporter.Settings
	store *tracestore.Store

	listener  net.Listener
	server    *webserver.Server
	telemetry *telemetry
}

func newExporter(set exporter.Settings, cfg *Config) *storeExporter {
	return &storeExporter{cfg: cfg, set: set, store: tracestore.New(cfg.SizeMiB << 20)}
}

func (e *storeExporter) take(_ context.Context, td ptrace.Traces) error { return e.store.Put(td) }

func (e *storeExporter) start(ctx context.Context, host component.Host) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, e.shutdown(ctx))
		}
	}()
	if e.listener, err = e.cfg.HTTP.ToListener(ctx); err != nil {
		return fmt.Errorf("cannot listen on endpoint %q: %w; another process has it, or choose another endpoint", e.cfg.HTTP.NetAddr.Endpoint, err)
	}
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings, e.store); err != nil {
		return err
	}
	server, err := e.cfg.HTTP.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, e.store.Handler())
	if err != nil {
		return fmt.Errorf("cannot make the server of endpoint %q: %w", e.cfg.HTTP.NetAddr.Endpoint, err)
	}
	e.server = webserver.Start(server, e.listener, func(err error) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	})
	return nil
}

func (e *storeExporter) shutdown(ctx context.Context) error {
	var errs []error
	if e.server != nil {
		e.server.Stop(ctx)
	} else if e.listener != nil {
		errs = append(errs, e.listener.Close())
	}
	if e.telemetry != nil {
		errs = append(errs, e.telemetry.close())
	}
	e.server, e.listener, e.telemetry = nil, nil, nil
	return errors.Join(errs...)
}
