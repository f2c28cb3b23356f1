package embeddedprometheusextension

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap/exp/zapslog"

	"github.com/otelcol-slo/otelcol-slo/internal/promserver"
)

// prometheusExtension is a Prometheus and its HTTP server.
type prometheusExtension struct {
	cfg *Config
	set extension.Settings

	prometheus *promserver.Server
	listener   net.Listener
	server     *http.Server
	telemetry  *telemetry
	serving    sync.WaitGroup
}

// Start implements component.Component. It returns when the data that is there was read and queries are answered.
func (e *prometheusExtension) Start(ctx context.Context, host component.Host) error {
	err := e.start(ctx, host)
	if err != nil {
		err = errors.Join(err, e.Shutdown(ctx))
	}
	return err
}

func (e *prometheusExtension) start(ctx context.Context, host component.Host) (err error) {
	if e.listener, err = e.cfg.HTTP.ToListener(ctx); err != nil { // first: a taken port is told before anything is read
		return fmt.Errorf("cannot listen on endpoint %q: %w; another process has it, or choose another endpoint", e.cfg.HTTP.NetAddr.Endpoint, err)
	}
	logger := slog.New(zapslog.NewHandler(e.set.Logger.Core()))
	if e.prometheus, err = promserver.Open(e.cfg.Prometheus, e.listener.Addr().String(), logger); err != nil {
		return err
	}
	if e.telemetry, err = newTelemetry(e.set.TelemetrySettings, e.prometheus); err != nil {
		return err
	}
	if e.server, err = e.cfg.HTTP.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, e.prometheus.Handler()); err != nil {
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

// Shutdown implements component.Component. Extensions stop behind the pipelines, so that the last flush is still taken.
func (e *prometheusExtension) Shutdown(ctx context.Context) error {
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
	if e.prometheus != nil {
		errs = append(errs, e.prometheus.Close())
	}
	e.server, e.listener, e.telemetry, e.prometheus = nil, nil, nil, nil
	return errors.Join(errs...)
}
