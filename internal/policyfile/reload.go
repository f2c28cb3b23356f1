package policyfile

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// pollInterval is how often files are looked at.
const pollInterval = 10 * time.Second

// Watch calls look every ten seconds until the context ends.
func Watch(ctx context.Context, look func()) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			look()
		}
	}
}

// Reloader puts the policies of a source in force when their file changes. It is for one goroutine at a time.
type Reloader struct {
	source *Source
	apply  func(sampling.Config) error
	logger *zap.Logger
	// refused: the file as it is could be read, and was not applied.
	refused bool
}

// NewReloader returns a reloader of a source that has been loaded. apply puts policies in force, or fails and changes nothing.
func NewReloader(s *Source, apply func(sampling.Config) error, logger *zap.Logger) *Reloader {
	return &Reloader{source: s, apply: apply, logger: logger}
}

// Reload replaces the policies where their file has changed, and reports whether it did. A broken file changes nothing and is told
// once.
func (r *Reloader) Reload() bool { return r.source.Changed() && r.reload() }

// Retry does the same where the file was refused and has not changed since: to be called when something else has that it depends on.
func (r *Reloader) Retry() bool { return r.refused && r.reload() }

func (r *Reloader) reload() bool {
	r.refused = false
	cfg, err := r.source.Load()
	if err == nil {
		err = r.apply(cfg)
		r.refused = err != nil
	}
	if err != nil {
		r.logger.Error("cannot use the changed policies file; the policies stay as they were", zap.Error(err))
		return false
	}
	r.logger.Info("the policies file is in use as it is now", zap.Int("policies", len(cfg.Policies)), zap.Int("shadow_policies", len(cfg.ShadowPolicies)))
	return true
}
