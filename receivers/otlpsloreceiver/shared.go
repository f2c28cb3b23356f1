package otlpsloreceiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"
)

// instances holds the one receiver of each configuration. The key is the configuration's address, not the receiver's id:
// a partial reload makes a new one beside the old.
var instances = registry{byConfig: map[*Config]*otlpReceiver{}}

type registry struct {
	mu       sync.Mutex // protects byConfig and every receiver's signals
	byConfig map[*Config]*otlpReceiver
}

// signal returns a component for one signal of the receiver of cfg.
func (g *registry) signal(set receiver.Settings, cfg *Config, use func(*otlpReceiver)) (component.Component, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, ok := g.byConfig[cfg]
	if !ok {
		var err error
		if r, err = newReceiver(set, cfg); err != nil {
			return nil, err
		}
		g.byConfig[cfg] = r
	}
	use(r)
	r.signals++
	return &signal{receiver: r}, nil
}

func (g *registry) forget(cfg *Config) {
	g.mu.Lock()
	delete(g.byConfig, cfg)
	g.mu.Unlock()
}

// signal is one signal of a receiver. The receiver starts with its last signal, when every pipeline behind it runs, and
// stops with its first.
type signal struct {
	receiver *otlpReceiver
	start    sync.Once
}

func (s *signal) Start(ctx context.Context, host component.Host) error {
	last := false
	s.start.Do(func() {
		instances.mu.Lock()
		s.receiver.started++
		last = s.receiver.started == s.receiver.signals
		instances.mu.Unlock()
	})
	if !last {
		return nil
	}
	return s.receiver.start(ctx, host)
}

func (s *signal) Shutdown(ctx context.Context) error {
	instances.forget(s.receiver.cfg)
	return s.receiver.shutdown(ctx)
}
