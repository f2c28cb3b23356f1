package embeddedprometheusextension

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap/exp/zapslog"

	"github.com/otelcol-slo/otelcol-slo/internal/promserver"
	"github.com/otelcol-slo/otelcol-slo/internal/webserver"
)

// prometheusExtension is a Prometheus and its HTTP server.
type prometheusExtension struct {
	cfg *Config
	set extension.Settings

	prometheus *promserver.Server
	listener   net.Listener
	server     *webserver.Server
	telemetry  *telemetry
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
	server, err := e.cfg.HTTP.ToServer(ctx, host.GetExtensions(), e.set.TelemetrySettings, e.prometheus.Handler())
	if err != nil {
		return fmt.Errorf("cannot make the server of endpoint %q: %w", e.cfg.HTTP.NetAddr.Endpoint, err)
	}
	e.server = webserver.Start(server, e.listener, func(err error) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	})
	return nil
}

// Shutdown implements component.Component. Extensions stop behind the pipelines, so that the last flush is still taken.
func (e *prometheusExtension) Shutdown(ctx context.Context) error {
	var errs []error
	if e.server != nil {
		e.server.Stop(ctx)
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
