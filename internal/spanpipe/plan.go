package spanpipe

import (
	"errors"
	"fmt"

	"github.com/otelcol-slo/otelcol-slo/internal/coverage"
	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// plan is how requests are read, what policies there are and which SLOs are counted: what a reload replaces. Its schema has first the keys of
// what lasts (RED, coverage), then those of policies, then those of SLOs, so that reloads don't pile up keys.
type plan struct {
	schema   *spanview.Schema
	policies *sampling.Policies
	slo      *slo.Counter

	sampling sampling.Config
	// ofPolicies is the schema without the SLOs' keys.
	ofPolicies *spanview.Schema
	ofSLOs     slo.Config
}

func (e *Engine) compile(lanes int) error {
	e.lasting = &spanview.Schema{}
	var errs []error
	var err error
	if !e.settings.NoRED {
		opts := red.Options{WriterID: e.settings.WriterID, Lanes: lanes, Start: e.start}
		if e.red, err = red.New(e.cfg.RED, opts, e.lasting); err != nil {
			errs = append(errs, fmt.Errorf("red: %w", err))
		}
	}
	watch := coverage.Options{WriterID: e.settings.WriterID, Lanes: lanes, Start: e.start}
	if e.coverage, err = coverage.New(e.cfg.Coverage, watch, e.lasting); err != nil {
		errs = append(errs, fmt.Errorf("coverage: %w", err))
	}
	p := &plan{ofSLOs: e.cfg.SLO}
	if err = e.compilePolicies(p, e.cfg.Sampling, nil); err != nil {
		errs = append(errs, fmt.Errorf("sampling: %w", err))
		p.ofPolicies = e.lasting
	}
	if err = p.compileSLOs(e.cfg.SLO, e.sloOptions(lanes), nil); err != nil {
		errs = append(errs, fmt.Errorf("slo: %w", err))
	}
	e.plan.Store(p)
	return errors.Join(errs...)
}

// compilePolicies makes the plan's policies.
func (e *Engine) compilePolicies(p *plan, cfg sampling.Config, previous *sampling.Policies) (err error) {
	p.sampling = cfg
	p.ofPolicies = e.lasting.Clone()
	o := sampling.Options{Conditions: e.settings.Conditions, Previous: previous, Now: e.lastTick.Load()}
	p.policies, err = sampling.Compile(cfg, o, p.ofPolicies)
	return err
}

// compileSLOs makes the plan's counter of SLOs, which goes on with the counts of the one before.
func (p *plan) compileSLOs(cfg slo.Config, o slo.Options, before *slo.Counter) (err error) {
	p.ofSLOs = cfg
	p.schema = p.ofPolicies.Clone()
	p.slo, err = slo.Compile(cfg, o, p.schema, before)
	return err
}

func (e *Engine) sloOptions(lanes int) slo.Options {
	return slo.Options{WriterID: e.settings.WriterID, Lanes: lanes, Start: e.start}
}

// ReloadSLOs replaces the declared SLOs. Counts of SLOs that stay go on; buffer and RED series are untouched. On an
// error the old set stays.
func (e *Engine) ReloadSLOs(cfg slo.Config) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	old := e.plan.Load()
	p := *old
	if err := p.compileSLOs(cfg, e.sloOptions(len(e.laneList)), old.slo); err != nil {
		return fmt.Errorf("cannot reload SLOs: %w", err)
	}
	e.plan.Store(&p)
	return nil
}
