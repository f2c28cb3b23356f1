package sampling

// LatencyConfig is the `latency:` block: the policy matches a trace by its extent, from the earliest start to the
// latest end of its spans, in whole milliseconds, the rest cut off.
type LatencyConfig struct {
	// ThresholdMs: the extent must be strictly greater, in milliseconds. Default 0. Below 0: any is.
	ThresholdMs int64 `mapstructure:"threshold_ms"`
	// UpperThresholdMs: the extent must not be greater, in milliseconds. 0: no upper bound.
	UpperThresholdMs int64 `mapstructure:"upper_threshold_ms"`
}

func (l *LatencyConfig) validate(path string, errs *problems) {
	if l.UpperThresholdMs != 0 && l.UpperThresholdMs <= l.ThresholdMs {
		errs.addf(path+".upper_threshold_ms", "must be above threshold_ms, %d (got %d): leave it out for no upper bound",
			l.ThresholdMs, l.UpperThresholdMs)
	}
}

func (l *LatencyConfig) compile(c *compiler) (condition, error) {
	if l.UpperThresholdMs != 0 {
		return extentWithin{above: l.ThresholdMs, upTo: l.UpperThresholdMs, untold: untold{c.against}}, nil
	}
	if l.ThresholdMs < 0 {
		return alwaysSample{}, nil
	}
	return extentAbove(l.ThresholdMs), nil
}

// extentAbove holds for extents of more milliseconds. Extents only grow, so it stays true.
type extentAbove uint64

func (e extentAbove) eval(f facts) outcome {
	if f.extentMs > uint64(e) {
		return holdsFinal
	}
	return failsNow
}

// extentWithin holds for extents in (above, upTo].
type extentWithin struct {
	above, upTo int64
	untold
}

func (e extentWithin) eval(f facts) outcome {
	if e.by(&f) {
		return e.answer()
	}
	if ms := int64(f.extentMs); ms > e.above && ms <= e.upTo {
		return holds
	}
	return failsNow
}
