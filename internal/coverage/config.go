package coverage

import (
	"errors"
	"fmt"
	"time"
)

// Config is the block `coverage`.
type Config struct {
	// Enabled turns all of it on. Default true.
	Enabled bool `mapstructure:"enabled"`
	// SpansPerSecondMax is how many spans a second are looked at when their traces are decided. Of more, a share of the
	// traces is looked at, chosen by trace id. Default 20000; 0: all.
	SpansPerSecondMax int `mapstructure:"spans_per_second_max"`
	// ServicesMax bounds the services that are told apart, and the peers. Default 10000; at least 1.
	ServicesMax int `mapstructure:"services_max"`
	// OpenAfter is how long something must be missing before that is a gap. Default 1m; 0: the first flush that sees it.
	OpenAfter time.Duration `mapstructure:"open_after"`
	// ResolveAfter is how long nothing must be missing before a gap is over. Default 5m; 0: the first flush that sees it.
	ResolveAfter time.Duration `mapstructure:"resolve_after"`
	// ForgetAfter is how long a service or peer is remembered that nothing is heard of. Default 1h; must be more
	// than OpenAfter.
	ForgetAfter time.Duration `mapstructure:"forget_after"`
}

// DefaultConfig returns the defaults that the field comments name.
func DefaultConfig() Config {
	return Config{
		Enabled: true, SpansPerSecondMax: 20_000, ServicesMax: 10_000,
		OpenAfter: time.Minute, ResolveAfter: 5 * time.Minute, ForgetAfter: time.Hour,
	}
}

// Validate returns every rule that the block breaks.
func (c *Config) Validate() error {
	var errs []error
	if c.SpansPerSecondMax < 0 {
		errs = append(errs, fmt.Errorf("spans_per_second_max must not be negative (got %d): 0 looks at all traces", c.SpansPerSecondMax))
	}
	if c.ServicesMax < 1 || c.ServicesMax > servicesLimit {
		errs = append(errs, fmt.Errorf("services_max must be from 1 to %d (got %d): 10000 is the default", servicesLimit, c.ServicesMax))
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"open_after", c.OpenAfter}, {"resolve_after", c.ResolveAfter}} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s must not be negative (got %s): 0 waits for nothing", d.key, d.value))
		}
	}
	if c.ForgetAfter <= c.OpenAfter {
		errs = append(errs, fmt.Errorf("forget_after must be more than open_after, %s (got %s): 1h is the default", c.OpenAfter, c.ForgetAfter))
	}
	return errors.Join(errs...)
}

// servicesLimit keeps a mistyped services_max from taking the memory.
const servicesLimit = 1_000_000
