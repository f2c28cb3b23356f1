package sampling

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// SLOConfig is the `slo:` block: the policy matches a trace by what its spans mean to declared SLOs. Without declared
// SLOs it matches none.
type SLOConfig struct {
	// BadEvents: match every trace with a bad event of an SLO. Default true.
	BadEvents *bool `mapstructure:"bad_events"`
	// Burning is about traces with an event, good or bad, of an SLO whose error budget burned when the event came.
	// Default: those of its fields.
	Burning *SLOBurningConfig `mapstructure:"burning"`
}

// SLOBurningConfig is the `burning:` block: the raised rate, and what it may cost.
type SLOBurningConfig struct {
	// SamplingPercentage is the share of these traces that match in percent, 0 to 100, chosen by OTEP 235. Default 20.
	// 0: none.
	SamplingPercentage *float64 `mapstructure:"sampling_percentage"`
	// SpansPerSecond bounds the spans of the traces that match by it, in the long run; a trace of more than twice as many
	// never does. Default 500. 0: no limit.
	SpansPerSecond *int64 `mapstructure:"spans_per_second"`
}

const (
	burningPercentageDefault     = 20
	burningSpansPerSecondDefault = 500
)

func (s *SLOConfig) badEvents() bool { return s.BadEvents == nil || *s.BadEvents }

func (s *SLOConfig) percentage() float64 {
	if s.Burning == nil || s.Burning.SamplingPercentage == nil {
		return burningPercentageDefault
	}
	return *s.Burning.SamplingPercentage
}

func (s *SLOConfig) spansPerSecond() int64 {
	if s.Burning == nil || s.Burning.SpansPerSecond == nil {
		return burningSpansPerSecondDefault
	}
	return *s.Burning.SpansPerSecond
}

func (s *SLOConfig) validate(path string, errs *problems) {
	percentage := s.percentage()
	if !(percentage >= 0 && percentage <= 100) { // NaN too
		errs.addf(path+".burning.sampling_percentage", "must be between 0 and 100 (got %v)", percentage)
	}
	if n := s.spansPerSecond(); n < 0 || n > rateLimit {
		errs.addf(path+".burning.spans_per_second", "must be between 0 and %d (got %d): 0 stands for no limit", int64(rateLimit), n)
	}
	if !s.badEvents() && percentage == 0 {
		errs.addf(path, "must have bad_events or burning.sampling_percentage (got false and 0): it would match no trace")
	}
}

// rescues: a late bad event does; what is late and burns would be kept beside its budget.
func (s *SLOConfig) rescues() bool { return s.badEvents() }

func (s *SLOConfig) compile(c *compiler) (condition, error) {
	out := sloPolicy{raised: shareThreshold(s.percentage(), 100), against: c.against}
	var err error
	if s.badEvents() {
		if out.bad, err = c.sloBit("bad", spanview.SLOBad); err != nil {
			return nil, err
		}
	}
	if out.raised < never {
		if out.burning, err = c.sloBit("burning", spanview.SLOBurning); err != nil {
			return nil, err
		}
		if rate := s.spansPerSecond(); rate > 0 {
			out.limiter = c.limiter(costSpans, rate, burstOf(0, rate))
		}
	}
	return out, nil
}

// sloBit returns the bit that is set for spans with one of the flags.
func (c *compiler) sloBit(says string, flag spanview.SLOFlags) (uint64, error) {
	bit, _, err := c.bit("slo " + says)
	if err != nil {
		return 0, err
	}
	for flags := range c.policies.sloBits {
		if spanview.SLOFlags(flags)&flag != 0 {
			c.policies.sloBits[flags] |= bit
		}
	}
	return bit, nil
}

// rememberSLOs notes what SLOs say of spans though no policy asks yet, as long as there are bits to spare: it is said when a span comes,
// and a policy that a reload brings could not ask again.
func (c *compiler) rememberSLOs() {
	if _, err := c.sloBit("bad", spanview.SLOBad); err == nil {
		_, _ = c.sloBit("burning", spanview.SLOBurning)
	}
}

// sloFlags is how many combinations of flags a span can have.
const sloFlags = (spanview.SLOBad | spanview.SLOBurning) + 1

// sloPolicy holds for traces with a bad event, and for the others that burn by randomness: from the threshold of the raised
// rate on or, where that would pass the limit, from the limiter's. All of them are noted by it, so that its threshold is a
// share of all.
type sloPolicy struct {
	// bad and burning are bits, 0 for what is not asked.
	bad, burning uint64
	raised       uint64
	// against: it speaks against keeping a trace, and does so when a span comes late too.
	against  bool
	*limiter // nil: no limit
}

func (p sloPolicy) eval(f facts) outcome {
	switch {
	case f.bits&p.bad != 0:
		return holdsFinal
	case f.bits&p.burning == 0 || (f.asked == asLate || f.asked == asBefore) && !p.against:
		return failsNow
	case p.limiter == nil:
		return outcome{threshold: p.raised}
	case f.asked == asDecided && p.raised > f.randomness:
		f.asked = asIs // it is not kept, so it owes nothing
	}
	return outcome{threshold: max(p.raised, p.limiter.eval(f).threshold)}
}
