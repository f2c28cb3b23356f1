package tailsamplingprocessor

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// policiesInterval is how often the file of policies is looked at.
const policiesInterval = 10 * time.Second

// watchPolicies looks for a changed file of policies.
func (p *tailSampling) watchPolicies(ctx context.Context) {
	ticker := time.NewTicker(policiesInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.reloadSLOs()
			p.reloadPolicies()
		}
	}
}

// reloadPolicies replaces the policies where their file has changed. A broken file changes nothing and is told once.
func (p *tailSampling) reloadPolicies() {
	if !p.policies.Changed() {
		return
	}
	cfg, err := p.policies.Load()
	if err == nil {
		err = p.engine.ReloadPolicies(cfg)
	}
	if err != nil {
		p.set.Logger.Error("cannot use the changed policies file; the policies stay as they were", zap.Error(err))
		return
	}
	p.set.Logger.Info("the policies file is in use as it is now", zap.Int("policies", len(cfg.Policies)),
		zap.Int("shadow_policies", len(cfg.ShadowPolicies)))
	p.tell(p.cfg.policyNotes(&cfg))
}
