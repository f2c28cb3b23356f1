package tracestoreexporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/tracestore"
)

// storeExporter is a store and its HTTP server.
type storeExporter struct {
	cfg   *Config
	set   exporter.Settings
	store *tracestore.Store

	listener  net.Listener
	server    *http.Server
	telemetry *telemetry
	serving   sync.WaitGroup
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
	if e.server, err = e.cfg.HTTP.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, e.store.Handler()); err != nil {
		return fmt.Errorf("cannot make the server of endpoint %q: %w", e.cfg.HTTP.NetAddr.Endpoint, err)
	}
	e.serving.Go(func() {
		if err := e.server.Serve(e.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// shutdownTimeout is how long answers that have begun may take at the end; then they are broken off.
const shutdownTimeout = 3 * time.Second

func (e *storeExporter) shutdown(ctx context.Context) error {
	var errs []error
	if e.server != nil {
		ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
		defer cancel()
		if e.server.Shutdown(ctx) != nil { // a connection on which no request came yet counts for 5 seconds as one that is busy
			_ = e.server.Close()
		}
		e.serving.Wait()
	} else if e.listener != nil {
		errs = append(errs, e.listener.Close())
	}
	if e.telemetry != nil {
		errs = append(errs, e.telemetry.close())
	}
	e.server, e.listener, e.telemetry = nil, nil, nil
	return errors.Join(errs...)
}
