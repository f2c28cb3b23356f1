package sampling

import (
	"fmt"
	"time"
)

// RareConfig is the `rare:` block: the policy matches a trace as long as few of its kind were kept, by any policy: those of the same
// fingerprint, which is made of the trace's operations, their statuses, and who called whom.
type RareConfig struct {
	// Traces is how many of a fingerprint are kept in any time as long as Window, at least, up to 1000. 0, the default, stands for 2.
	Traces int `mapstructure:"traces"`
	// Window is that time. 0s, the default, stands for 15m.
	Window time.Duration `mapstructure:"window"`
	// FingerprintsMax is how many fingerprints are remembered. Beyond it, no new one matches. 0, the default, stands for 10000.
	FingerprintsMax int `mapstructure:"fingerprints_max"`
}

const (
	rareTracesLimit   = 1000
	rareWindowMin     = time.Second
	rareWindowLimit   = 30 * 24 * time.Hour
	fingerprintsLimit = 1 << 20
)

func (r *RareConfig) validate(path string, errs *problems) {
	if r.Traces < 0 || r.Traces > rareTracesLimit {
		errs.addf(path+".traces", "must be between 0 and %d (got %d): 0 stands for 2", rareTracesLimit, r.Traces)
	}
	if r.Window != 0 && (r.Window < rareWindowMin || r.Window > rareWindowLimit) {
		errs.addf(path+".window", "must be between %s and %s (got %s): leave it out for 15m", rareWindowMin, rareWindowLimit, r.Window)
	}
	if r.FingerprintsMax < 0 || r.FingerprintsMax > fingerprintsLimit {
		errs.addf(path+".fingerprints_max", "must be between 0 and %d (got %d): 0 stands for 10000", fingerprintsLimit, r.FingerprintsMax)
	}
}

func (r *RareConfig) compile(c *compiler) (condition, error) {
	full := RareConfig{
		Traces: orDefault(r.Traces, 2), Window: orDefault(r.Window, 15*time.Minute), FingerprintsMax: orDefault(r.FingerprintsMax, 10_000),
	}
	name := fmt.Sprintf("%+v", full)
	if same := c.into.rares[name]; same != nil {
		return same.asPart(c), nil
	}
	if err := c.bindSketch(); err != nil {
		return nil, err
	}
	f := c.before().rares[name]
	if f == nil {
		f = newFingerprints(uint32(full.Traces), full.Window.Milliseconds(), full.FingerprintsMax)
	}
	if c.into.rares == nil {
		c.into.rares = map[string]*fingerprints{}
	}
	c.into.rares[name] = f
	c.into.learners = append(c.into.learners, f)
	return f.asPart(c), nil
}
