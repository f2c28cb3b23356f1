package enginefiles

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/policyfile"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// interval is how often files are looked at.
const interval = 10 * time.Second

// Engine is what policies and SLOs are put in force of. Where it fails, nothing has changed.
type Engine interface {
	ReloadPolicies(sampling.Config) error
	ReloadSLOs(slo.Config) error
}

// Files are a door's files. They are for one goroutine at a time.
type Files struct {
	policies *policyfile.Source
	slos     *slo.Source
	engine   Engine
	logger   *zap.Logger
	notes    func(*sampling.Config) []string
	// policiesRefused, slosRefused: the files as they are could be read, and the engine refused what is in them.
	policiesRefused, slosRefused bool
}

// New returns the files that a configuration names, if it names any; it reads nothing yet.
func New(policies sampling.Config, slos slo.Config) *Files {
	return &Files{policies: policyfile.New(policies), slos: slo.NewSource(slos)}
}

// Load returns the configuration with what is in the files, valid.
func (f *Files) Load() (policies sampling.Config, slos slo.Config, err error) {
	if policies, err = f.policies.Load(); err == nil {
		slos, err = f.slos.Load()
	}
	return policies, slos, err
}

// Follow says whose policies and SLOs change with the files, after Load. notes returns what there is to tell of policies in force.
func (f *Files) Follow(e Engine, logger *zap.Logger, notes func(*sampling.Config) []string) {
	f.engine, f.logger, f.notes = e, logger, notes
}

// Watch looks every ten seconds, until the context ends.
func (f *Files) Watch(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.Look()
		}
	}
}

// Look puts in force what has changed.
func (f *Files) Look() {
	slos := f.slos.Changed() && f.reloadSLOs()
	policies := (f.policies.Changed() || slos && f.policiesRefused) && f.reloadPolicies()
	if policies && f.slosRefused {
		f.reloadSLOs()
	}
}

func (f *Files) reloadPolicies() bool {
	f.policiesRefused = false
	cfg, err := f.policies.Load()
	if err == nil {
		err = f.engine.ReloadPolicies(cfg)
		f.policiesRefused = err != nil
	}
	if err != nil {
		f.logger.Error("cannot use the changed policies file; the policies stay as they were", zap.Error(err))
		return false
	}
	f.logger.Info("the policies file is in use as it is now", zap.Int("policies", len(cfg.Policies)), zap.Int("shadow_policies", len(cfg.ShadowPolicies)))
	for _, note := range f.notes(&cfg) {
		f.logger.Info(note)
	}
	return true
}

func (f *Files) reloadSLOs() bool {
	f.slosRefused = false
	cfg, err := f.slos.Load()
	if err == nil {
		err = f.engine.ReloadSLOs(cfg)
		f.slosRefused = err != nil
	}
	if err != nil {
		f.logger.Error("cannot use the changed SLO files; the SLOs stay as they were", zap.Error(err))
		return false
	}
	f.logger.Info("SLO files are in use as they are now", zap.Int("slos", len(cfg.SLOs)))
	return true
}
