package otlpsloreceiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
)

// instances holds the one receiver of each configuration. The key is the configuration's address, not the receiver's id:
// a partial reload makes a new one beside the old.
var instances = registry{byConfig: map[*Config]*instance{}}

type registry struct {
	mu       sync.Mutex // protects byConfig
	byConfig map[*Config]*instance
}

// instance is a receiver and the signals that share it.
type instance struct {
	receiver *otlpReceiver

	mu       sync.Mutex // protects all below, and is held while the receiver starts and stops
	signals  int
	hosts    hosts
	startErr error
	state    state
}

// state is how far an instance is.
type state uint8

const (
	created state = iota
	started
	stopped
)

// signal returns the component of one signal of the receiver of cfg; use tells the receiver of its consumer.
func (g *registry) signal(set receiver.Settings, cfg *Config, use func(*otlpReceiver)) component.Component {
	g.mu.Lock()
	defer g.mu.Unlock()
	shared, ok := g.byConfig[cfg]
	if !ok {
		shared = &instance{receiver: &otlpReceiver{cfg: cfg, set: set, events: plog.NewLogs()}}
		g.byConfig[cfg] = shared
	}
	use(shared.receiver)
	shared.signals++
	return &signal{shared: shared}
}

func (g *registry) forget(cfg *Config) {
	g.mu.Lock()
	delete(g.byConfig, cfg)
	g.mu.Unlock()
}

// signal is one signal of a receiver. The receiver starts with its last signal, when every pipeline behind it runs, and
// stops with its first, while they still do.
type signal struct{ shared *instance }

// Start implements component.Component.
func (s *signal) Start(ctx context.Context, host component.Host) error {
	i := s.shared
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.state != created {
		return i.startErr
	}
	i.hosts = append(i.hosts, host)
	if len(i.hosts) < i.signals {
		return nil
	}
	if i.startErr = i.receiver.start(ctx, i.hosts); i.startErr != nil {
		i.state = stopped
		return i.startErr
	}
	i.state = started
	return nil
}

// Shutdown implements component.Component.
func (s *signal) Shutdown(ctx context.Context) error {
	i := s.shared
	instances.forget(i.receiver.cfg)
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.state
	i.state = stopped
	if before != started {
		return nil
	}
	return i.receiver.shutdown(ctx)
}

// hosts are those of all signals: what the receiver reports is reported for each.
type hosts []component.Host

var (
	_ component.Host           = hosts(nil)
	_ componentstatus.Reporter = hosts(nil)
)

// GetExtensions implements component.Host.
func (h hosts) GetExtensions() map[component.ID]component.Component { return h[0].GetExtensions() }

// Report implements componentstatus.Reporter.
func (h hosts) Report(event *componentstatus.Event) {
	for _, host := range h {
		componentstatus.ReportStatus(host, event)
	}
}
