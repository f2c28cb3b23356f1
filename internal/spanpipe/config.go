package spanpipe

import (
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/coverage"
	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// Config is the engine's configuration, one block for each part.
type Config struct {
	Memory   MemoryConfig
	Output   OutputConfig
	Sampling sampling.Config
	RED      red.Config
	SLO      slo.Config
	Coverage coverage.Config
}

// MemoryConfig bounds the memory of the process.
type MemoryConfig struct {
	// LimitMiB is the one budget in MiB: buffered spans, trace table, decision memory, requests being received, kept
	// traces on their way out, and series together. 0, the default, takes half of the cgroup's limit or, where there is
	// none, of the machine's memory. At least 64.
	LimitMiB int64 `mapstructure:"limit_mib"`
	// OthersMiB is how much Go memory components need that hold much of it in the same process, such as an embedded
	// Prometheus, in MiB: the Go runtime's limit is higher by it. It is no part of LimitMiB. Default 0.
	OthersMiB int64 `mapstructure:"others_mib"`
}

// OutputConfig says how kept traces leave.
type OutputConfig struct {
	// QueueMiB bounds the kept traces that wait to be sent, in MiB. 0, the default, takes a quarter of the budget.
	// While the queue is full, traces wait undecided in the buffer.
	QueueMiB int64 `mapstructure:"queue_mib"`
	// BatchSpansMax is how many spans a batch holds at most (a trace is never split for it). Default 8192.
	BatchSpansMax int `mapstructure:"batch_spans_max"`
	// BatchTimeout is how long a batch waits to become full. Default 200ms.
	BatchTimeout time.Duration `mapstructure:"batch_timeout"`
	// Senders is how many batches are sent at the same time. Default 2.
	Senders int `mapstructure:"senders"`
	// Retry says how long a batch is tried again that the next consumer refused for the time being.
	Retry RetryConfig `mapstructure:"retry"`
}

// RetryConfig is an exponential backoff.
type RetryConfig struct {
	// InitialInterval is the first wait, doubled up to MaxInterval. Defaults 500ms and 10s.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	MaxInterval     time.Duration `mapstructure:"max_interval"`
	// MaxElapsedTime is how long a batch is tried before it is given up and counted as send_failed. Default 10m; 0 gives up
	// only when the budget is used up.
	MaxElapsedTime time.Duration `mapstructure:"max_elapsed_time"`
}

// DefaultConfig returns the defaults that the field comments name.
func DefaultConfig() Config {
	return Config{
		Output: OutputConfig{
			BatchSpansMax: 8192,
			BatchTimeout:  200 * time.Millisecond,
			Senders:       2,
			Retry:         RetryConfig{InitialInterval: 500 * time.Millisecond, MaxInterval: 10 * time.Second, MaxElapsedTime: 10 * time.Minute},
		},
		Sampling: sampling.DefaultConfig(),
		RED:      red.DefaultConfig(),
		SLO:      slo.DefaultConfig(),
		Coverage: coverage.DefaultConfig(),
	}
}

const memoryLimitMinMiB = 64

// Validate returns every rule that the memory block breaks.
func (c *MemoryConfig) Validate() error {
	if c.LimitMiB != 0 && c.LimitMiB < memoryLimitMinMiB {
		return fmt.Errorf("limit_mib must be 0 or at least %d (got %d): 0 takes half of the memory there is", memoryLimitMinMiB, c.LimitMiB)
	}
	if c.OthersMiB < 0 {
		return fmt.Errorf("others_mib must not be negative (got %d): 0 is for no other component that holds much", c.OthersMiB)
	}
	return nil
}

// Validate returns every rule that the output block breaks.
func (c *OutputConfig) Validate() error {
	var errs []error
	atLeast := func(key string, got, least int64) {
		if got < least {
			errs = append(errs, fmt.Errorf("%s must be at least %d (got %d)", key, least, got))
		}
	}
	atLeast("queue_mib", c.QueueMiB, 0)
	atLeast("batch_spans_max", int64(c.BatchSpansMax), 1)
	atLeast("senders", int64(c.Senders), 1)
	positive := func(key string, got time.Duration) {
		if got <= 0 {
			errs = append(errs, fmt.Errorf("%s must be a positive duration (got %s)", key, got))
		}
	}
	positive("batch_timeout", c.BatchTimeout)
	positive("retry.initial_interval", c.Retry.InitialInterval)
	if c.Retry.MaxInterval < c.Retry.InitialInterval {
		errs = append(errs, fmt.Errorf("retry.max_interval must be at least retry.initial_interval %s (got %s)", c.Retry.InitialInterval, c.Retry.MaxInterval))
	}
	if c.Retry.MaxElapsedTime < 0 {
		errs = append(errs, fmt.Errorf("retry.max_elapsed_time must be 0 (no limit) or positive (got %s)", c.Retry.MaxElapsedTime))
	}
	return errors.Join(errs...)
}
