package tailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
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

// debugServer is the endpoint of all processors of one configuration: the Collector makes one in each pipeline that names the
// component's id, and they can't all listen.
type debugServer struct {
	server *webserver.Server
	mu     sync.RWMutex // protects asked; held for reading while an engine answers
	asked  []*spanpipe.Engine
}

// debugServers are those that listen. An id has one *Config, the same for all pipelines, until the configuration is read anew.
var debugServers = struct {
	mu sync.Mutex // protects of; held while one starts or stops, so that the address is free when it is released
	of map[*Config]*debugServer
}{of: map[*Config]*debugServer{}}

// startDebug serves the page, if one is configured; behind the first processor of a configuration, by the server that is there.
func (p *tailSampling) startDebug(ctx context.Context, host component.Host) error {
	if !p.cfg.Debug.HTTP.HasValue() {
		return nil
	}
	debugServers.mu.Lock()
	defer debugServers.mu.Unlock()
	d := debugServers.of[p.cfg]
	if d == nil {
		d = &debugServer{}
		if err := d.start(ctx, host, p); err != nil {
			return err
		}
		debugServers.of[p.cfg] = d
	}
	d.mu.Lock()
	d.asked = append(d.asked, p.engine)
	d.mu.Unlock()
	p.debug = d
	return nil
}

func (d *debugServer) start(ctx context.Context, host component.Host, p *tailSampling) error {
	cfg := p.cfg.Debug.HTTP.Get()
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen for debug on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	mux := http.NewServeMux()
	mux.Handle(whypage.Pattern, whypage.Handler(d.why))
	server, err := cfg.ToServer(ctx, host.GetExtensions(), p.set.TelemetrySettings, mux)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot make the server of debug on %q: %w", cfg.NetAddr.Endpoint, err), listener.Close())
	}
	d.server = webserver.Start(server, listener, func(err error) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	})
	return nil
}

// stopDebug returns when nobody asks the processor's engine any more. The last processor stops the server.
func (p *tailSampling) stopDebug(ctx context.Context) {
	d := p.debug
	if d == nil {
		return
	}
	debugServers.mu.Lock()
	defer debugServers.mu.Unlock()
	d.mu.Lock()
	d.asked = slices.DeleteFunc(d.asked, func(e *spanpipe.Engine) bool { return e == p.engine })
	left := len(d.asked)
	d.mu.Unlock()
	if left == 0 {
		delete(debugServers.of, p.cfg)
		d.server.Stop(ctx)
	}
}

// why asks the engines in turn. A trace that goes through several pipelines is told by the one where most came of it.
func (d *debugServer) why(id [16]byte) spanpipe.Why {
	d.mu.RLock()
	defer d.mu.RUnlock()
	told := spanpipe.Why{State: states[0]}
	for i, e := range d.asked {
		if known := e.Why(id); i == 0 || tellsMore(&known, &told) {
			told = known
		}
	}
	return told
}

// states of a trace, from the one that tells least.
var states = []string{"unknown", "dropped", "undecided", "kept"}

func tellsMore(a, b *spanpipe.Why) bool {
	return slices.Index(states, a.State) > slices.Index(states, b.State)
}
