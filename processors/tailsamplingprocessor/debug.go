package tailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-slo/otelcol-slo/internal/webserver"
	"github.com/otelcol-slo/otelcol-slo/internal/whypage"
)

// Debug is the debug endpoint, which tells why a trace was kept. Without HTTP there is none.
type Debug struct {
	// HTTP listens on localhost:8887 where nothing else is said.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`
}

func defaultDebug() Debug {
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "localhost:8887"
	http.TLS = configoptional.None[configtls.ServerConfig]()
	return Debug{HTTP: configoptional.Default(http)}
}

// startDebug serves the page, if one is configured.
func (p *tailSampling) startDebug(ctx context.Context, host component.Host) error {
	if !p.cfg.Debug.HTTP.HasValue() {
		return nil
	}
	cfg := p.cfg.Debug.HTTP.Get()
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen for debug on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	mux := http.NewServeMux()
	mux.Handle(whypage.Pattern, whypage.Handler(p.engine.Why))
	server, err := cfg.ToServer(ctx, host.GetExtensions(), p.set.TelemetrySettings, mux)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot make the server of debug on %q: %w", cfg.NetAddr.Endpoint, err), listener.Close())
	}
	p.debug = webserver.Start(server, listener, func(err error) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	})
	return nil
}
