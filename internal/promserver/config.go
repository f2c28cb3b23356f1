package promserver

import (
	"errors"
	"fmt"
	"time"
)

// Config says where data lies and what bounds it.
type Config struct {
	// Directory is where the data lies; it is made where it isn't there. One process at a time has it.
	Directory string `mapstructure:"directory"`
	// RetentionTime is how long samples are kept. Default 24h; at least 1h.
	RetentionTime time.Duration `mapstructure:"retention_time"`
	// RetentionMiB bounds what lies in the directory; the oldest blocks go first. Default 1024; at least 64.
	RetentionMiB int64 `mapstructure:"retention_mib"`
	// SeriesMax bounds the series that have had a sample lately. Samples of further ones are refused. Default 100000; at least 1.
	SeriesMax int `mapstructure:"series_max"`
	// ExemplarsMax is how many exemplars are kept, the latest. Default 100000; 0: none.
	ExemplarsMax int `mapstructure:"exemplars_max"`
	// RuleFiles are globs of rule files, in Prometheus' format.
	RuleFiles []string `mapstructure:"rule_files"`
	// EvaluationInterval is how often rules are evaluated whose group says nothing. Default 15s; must be above 0.
	EvaluationInterval time.Duration `mapstructure:"evaluation_interval"`
	// QueryTimeout bounds a query. Default 1m; must be above 0.
	QueryTimeout time.Duration `mapstructure:"query_timeout"`
	// QueryConcurrency is how many queries run at the same time. Default 4; at least 1.
	QueryConcurrency int `mapstructure:"query_concurrency"`
	// QuerySamplesMax bounds the samples that a query has in memory, about 16 bytes each. Default 10000000; at least 1.
	QuerySamplesMax int `mapstructure:"query_samples_max"`
}

// DefaultConfig returns the defaults that the field comments name.
func DefaultConfig() Config {
	return Config{
		Directory:          "data/prometheus",
		RetentionTime:      24 * time.Hour,
		RetentionMiB:       1024,
		SeriesMax:          100_000,
		ExemplarsMax:       100_000,
		EvaluationInterval: 15 * time.Second,
		QueryTimeout:       time.Minute,
		QueryConcurrency:   4,
		QuerySamplesMax:    10_000_000,
	}
}

const (
	retentionMin    = time.Hour
	retentionMinMiB = 64
)

// Validate returns every rule that the configuration breaks.
func (c *Config) Validate() error {
	var errs []error
	if c.Directory == "" {
		errs = append(errs, errors.New(`directory must be named (got ""): "data/prometheus" is the default`))
	}
	if c.RetentionTime < retentionMin {
		errs = append(errs, fmt.Errorf("retention_time must be at least %s (got %s): 24h is the default", retentionMin, c.RetentionTime))
	}
	if c.RetentionMiB < retentionMinMiB {
		errs = append(errs, fmt.Errorf("retention_mib must be at least %d (got %d): 1024 is the default", retentionMinMiB, c.RetentionMiB))
	}
	if c.ExemplarsMax < 0 {
		errs = append(errs, fmt.Errorf("exemplars_max must not be negative (got %d): 0 keeps none", c.ExemplarsMax))
	}
	for _, n := range []struct {
		key            string
		value, usually int
	}{
		{"series_max", c.SeriesMax, 100_000}, {"query_concurrency", c.QueryConcurrency, 4}, {"query_samples_max", c.QuerySamplesMax, 10_000_000},
	} {
		if n.value < 1 {
			errs = append(errs, fmt.Errorf("%s must be at least 1 (got %d): %d is the default", n.key, n.value, n.usually))
		}
	}
	for _, d := range []struct {
		key            string
		value, usually time.Duration
	}{{"evaluation_interval", c.EvaluationInterval, 15 * time.Second}, {"query_timeout", c.QueryTimeout, time.Minute}} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("%s must be a positive duration (got %s): %s is the default", d.key, d.value, d.usually))
		}
	}
	return errors.Join(errs...)
}
