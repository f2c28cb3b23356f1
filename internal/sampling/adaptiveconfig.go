package sampling

import (
	"fmt"
	"slices"
	"time"
)

// AdaptiveThroughputConfig is the `adaptive_throughput:` block: the policy matches as many traces as a number of spans or bytes a
// second allows, shared fairly between keys. A key that asks for less than its share is matched whole; what it leaves goes to the others.
type AdaptiveThroughputConfig struct {
	// SpansPerSecond is how many spans of matching traces there are a second, in the long run. 0: BytesPerSecond counts.
	SpansPerSecond int64 `mapstructure:"spans_per_second"`
	// BytesPerSecond is the same in bytes of spans as they came, without resources and scopes. 0: SpansPerSecond counts.
	BytesPerSecond int64 `mapstructure:"bytes_per_second"`

	// Key is what traces are told apart by: root_operation, the default, is service and name of the root; error_signature is service,
	// name and error of a span of status ERROR, and traces without such a span don't match.
	Key string `mapstructure:"key"`
	// KeyAttributes are attributes of the root span, or else of its resource, to tell traces apart by in place of Key. Default: none.
	KeyAttributes []string `mapstructure:"key_attributes"`
	// KeysMax is how many keys are told apart; further ones are one together. Default 0, which stands for 500; at most 10000.
	KeysMax int `mapstructure:"keys_max"`
	// MinTracesPerMinute: a trace matches whatever the rate if none of its key did for as long as this makes. Default 4, which is a
	// trace each 15 s; 0: none.
	MinTracesPerMinute *int64 `mapstructure:"min_traces_per_minute"`

	// Method is how the rates of keys are estimated: ema, the default, is a moving average, windowed an average over Lookback.
	Method string `mapstructure:"method"`
	// AdjustmentInterval is how often estimates are renewed. Default 0s, which stands for 15s with ema, 1s with windowed.
	AdjustmentInterval time.Duration `mapstructure:"adjustment_interval"`
	// Weight is how much the latest interval counts in a moving average, against all before. Default 0, which stands for 0.5; at most 1.
	Weight float64 `mapstructure:"weight"`
	// Lookback is how far back windowed looks. Default 0s, which stands for 30s; at most 100 intervals.
	Lookback time.Duration `mapstructure:"lookback"`
}

const (
	keyRootOperation  = "root_operation"
	keyErrorSignature = "error_signature"
	methodEMA         = "ema"
	methodWindowed    = "windowed"

	keysMaxDefault     = 500
	keysMaxLimit       = 10_000
	minTracesDefault   = 4
	minTracesLimit     = 6000
	weightDefault      = 0.5
	lookbackDefault    = 30 * time.Second
	bucketsLimit       = 100
	adjustmentShortest = 100 * time.Millisecond
	adjustmentLongest  = time.Hour
)

func (a *AdaptiveThroughputConfig) validate(path string, errs *problems) {
	validateRate(a.SpansPerSecond, path+".spans_per_second", errs)
	validateRate(a.BytesPerSecond, path+".bytes_per_second", errs)
	if (a.SpansPerSecond == 0) == (a.BytesPerSecond == 0) {
		errs.addf(path, "must set either spans_per_second or bytes_per_second (got %d and %d): 0 stands for the other one",
			a.SpansPerSecond, a.BytesPerSecond)
	}
	a.validateKey(path, errs)
	a.validateMethod(path, errs)
}

func (a *AdaptiveThroughputConfig) validateKey(path string, errs *problems) {
	switch {
	case a.Key != "" && len(a.KeyAttributes) > 0:
		errs.addf(path+".key", "must not be there with key_attributes (got %q): traces are told apart by one of them", a.Key)
	case a.Key != "" && a.Key != keyRootOperation && a.Key != keyErrorSignature:
		errs.addf(path+".key", "must be %s or %s (got %q): for attributes use key_attributes", keyRootOperation, keyErrorSignature, a.Key)
	}
	for i, key := range a.KeyAttributes {
		if key == "" || slices.Contains(a.KeyAttributes[:i], key) {
			errs.addf(fmt.Sprintf("%s.key_attributes[%d]", path, i), "must not be empty or listed twice (got %q): it names an attribute", key)
		}
	}
	if a.KeysMax < 0 || a.KeysMax > keysMaxLimit {
		errs.addf(path+".keys_max", "must be between 0 and %d (got %d): 0 stands for %d", keysMaxLimit, a.KeysMax, keysMaxDefault)
	}
	if n := a.minTraces(); n < 0 || n > minTracesLimit {
		errs.addf(path+".min_traces_per_minute", "must be between 0 and %d (got %d): 0 stands for none", minTracesLimit, n)
	}
}

func (a *AdaptiveThroughputConfig) validateMethod(path string, errs *problems) {
	const onlyFor = "must not be there with method %s (got %v): it has no effect on it"
	switch a.method() {
	case methodEMA:
		if a.Lookback != 0 {
			errs.addf(path+".lookback", onlyFor, methodEMA, a.Lookback)
		}
	case methodWindowed:
		if a.Weight != 0 {
			errs.addf(path+".weight", onlyFor, methodWindowed, a.Weight)
		}
		if at := a.interval(); at > 0 && (a.lookback() < at || a.lookback() > bucketsLimit*at) {
			errs.addf(path+".lookback", "must be between adjustment_interval, %s, and %d of it (got %s)", at, bucketsLimit, a.lookback())
		}
	default:
		errs.addf(path+".method", "must be %s or %s (got %q)", methodEMA, methodWindowed, a.Method)
	}
	if at := a.interval(); at < adjustmentShortest || at > adjustmentLongest {
		errs.addf(path+".adjustment_interval", "must be between %s and %s (got %s): 0s stands for the default",
			adjustmentShortest, adjustmentLongest, at)
	}
	if !(a.Weight >= 0 && a.Weight <= 1) { // NaN too
		errs.addf(path+".weight", "must be between 0 and 1 (got %v): 0 stands for %v", a.Weight, weightDefault)
	}
}

func (a *AdaptiveThroughputConfig) method() string {
	if a.Method == "" {
		return methodEMA
	}
	return a.Method
}

func (a *AdaptiveThroughputConfig) interval() time.Duration {
	switch {
	case a.AdjustmentInterval != 0:
		return a.AdjustmentInterval
	case a.method() == methodWindowed:
		return time.Second
	}
	return 15 * time.Second
}

func (a *AdaptiveThroughputConfig) lookback() time.Duration {
	if a.Lookback == 0 {
		return lookbackDefault
	}
	return a.Lookback
}

func (a *AdaptiveThroughputConfig) minTraces() int64 {
	if a.MinTracesPerMinute == nil {
		return minTracesDefault
	}
	return *a.MinTracesPerMinute
}

// estimates returns how the rates of keys are estimated.
func (a *AdaptiveThroughputConfig) estimates() estimates {
	e := estimates{interval: a.interval().Milliseconds(), weight: a.Weight}
	if a.method() == methodWindowed {
		e.buckets = int(a.lookback() / a.interval())
	} else if e.weight == 0 {
		e.weight = weightDefault
	}
	return e
}

func (a *AdaptiveThroughputConfig) compile(c *compiler) (condition, error) {
	unit, rate := costSpans, a.SpansPerSecond
	if a.BytesPerSecond > 0 {
		unit, rate = costBytes, a.BytesPerSecond
	}
	to := &adaptive{cost: unit.of, target: float64(rate), signatures: a.Key == keyErrorSignature, against: c.against}
	if n := a.minTraces(); n > 0 {
		to.gap = time.Minute.Milliseconds() / n
	}
	keysMax := a.KeysMax
	if keysMax == 0 {
		keysMax = keysMaxDefault
	}
	var err error
	if to.signatures {
		err = c.wantErrorSignatures()
	} else {
		err = c.wantKeys(a.KeyAttributes)
	}
	if err != nil {
		return nil, err
	}
	to.prepare(keysMax, a.estimates())
	to = standing(c, fmt.Sprintf("%d %s a second by %q %q, %d keys, gap %d, %+v", rate, unit.unit, a.Key, a.KeyAttributes, keysMax,
		to.gap, a.estimates()), to)
	c.into.adaptives = append(c.into.adaptives, adaptiveOf{adaptive: to, index: c.index})
	return to, nil
}

// rescues: a late error span brings a signature.
func (a *AdaptiveThroughputConfig) rescues() bool { return a.Key == keyErrorSignature }
