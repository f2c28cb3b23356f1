package sampling

import (
	"math"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
)

// ProbabilisticConfig is the `probabilistic:` block: the policy matches a share of all traces.
type ProbabilisticConfig struct {
	// SamplingPercentage is the share in percent: 100 and above all traces, 0, the default, and below none.
	SamplingPercentage float64 `mapstructure:"sampling_percentage"`

	// HashSalt changes how traces are chosen. Empty, the default: by OTEP 235, consistent with every other sampler that
	// follows it. Else: by contrib's FNV-1a hash of salt and trace id, which picks the very traces that contrib picks
	// with that salt; their sampling probability is then not told in the tracestate.
	HashSalt string `mapstructure:"hash_salt"`
}

func (p *ProbabilisticConfig) validate(path string, errs *problems) {
	if math.IsNaN(p.SamplingPercentage) {
		errs.addf(path+".sampling_percentage", "must be a number (got %v): 0 keeps none, 100 all", p.SamplingPercentage)
	}
}

func (p *ProbabilisticConfig) compile(*compiler) (condition, error) {
	ratio := p.SamplingPercentage / 100
	switch {
	case ratio >= 1:
		return alwaysSample{}, nil
	case ratio < sampling.MinSamplingProbability:
		return randomnessFrom(never), nil
	case p.HashSalt != "":
		return newHashUpTo(p.HashSalt, ratio), nil
	}
	return randomnessFrom(ratioThreshold(ratio)), nil
}

// randomnessFrom holds where R is at least T. It is never settled: a span still to come may bring an explicit R.
type randomnessFrom uint64

func (t randomnessFrom) eval(facts) outcome { return outcome{threshold: uint64(t)} }

// hashUpTo holds where FNV-1a (64 bits) of salt and trace id is at most a bound.
type hashUpTo struct {
	salted uint64 // the hash's state after the salt
	bound  uint64
}

// newHashUpTo wants a ratio below 1.
func newHashUpTo(salt string, ratio float64) hashUpTo {
	h := hashUpTo{salted: 0xcbf29ce484222325, bound: uint64(ratio * (1 << 64))}
	for i := range len(salt) {
		h.salted = fnv1a(h.salted, salt[i])
	}
	return h
}

func (h hashUpTo) eval(f facts) outcome {
	sum := h.salted
	for _, b := range f.traceID {
		sum = fnv1a(sum, b)
	}
	if sum <= h.bound>>f.thinning {
		return outcome{threshold: 0, hashed: true, settled: true}
	}
	return outcome{threshold: never, hashed: true}
}

func fnv1a(sum uint64, b byte) uint64 { return (sum ^ uint64(b)) * 0x100000001b3 }
