package tailsamplingprocessor

import "go.uber.org/zap"

// reloadSLOs replaces the SLOs where their files have changed. A broken file changes nothing and is told once.
func (p *tailSampling) reloadSLOs() {
	if !p.slos.Changed() {
		return
	}
	cfg, err := p.slos.Load()
	if err == nil {
		err = p.engine.ReloadSLOs(cfg)
	}
	if err != nil {
		p.set.Logger.Error("cannot use the changed SLO files; the SLOs stay as they were", zap.Error(err))
		return
	}
	p.set.Logger.Info("SLO files are in use as they are now", zap.Int("slos", len(cfg.SLOs)))
}
