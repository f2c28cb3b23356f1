package prometheusremotewriteexporter

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// QueueConfig is the configuration of the queue.
type QueueConfig struct {
	// Enabled: metrics are queued and the caller goes on. Otherwise the caller waits until the endpoint has them.
	Enabled bool `mapstructure:"enabled"`
	// QueueSize is the most payloads of which something is queued, where there is no wal. Default 10000.
	QueueSize int `mapstructure:"queue_size"`
	// NumConsumers is the most shards: requests in flight at once, for each tenant. Default and 0: 5.
	NumConsumers int `mapstructure:"num_consumers"`
	// MinConsumers is the fewest shards. Default 1.
	MinConsumers int `mapstructure:"min_consumers"`
	// MaxPendingBytes bounds the memory of what is queued. Default 67108864 (64 MiB), or max_batch_size_bytes where that is more.
	MaxPendingBytes int `mapstructure:"max_pending_bytes"`
	// BatchSendDeadline is how long a request waits to become full. Default 1s; 0: it leaves as soon as its shard is free.
	// Without a queue, where callers wait, it is 0.
	BatchSendDeadline time.Duration `mapstructure:"batch_send_deadline"`
}

// WALConfig is where what is queued outlives the process.
type WALConfig struct {
	// Directory gets a folder for this exporter. Required.
	Directory string `mapstructure:"directory"`
	// MaxBytes bounds what the exporter has on disk. The oldest is lost beyond it. Default 2147483648 (2 GiB).
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MaxAge bounds how old it may become. Default 24h; 0: any age.
	MaxAge time.Duration `mapstructure:"max_age"`

	// Keys of the contrib exporter that have no meaning here: all is written at once, and space comes back by itself.
	BufferSize         int           `mapstructure:"buffer_size"`
	TruncateFrequency  time.Duration `mapstructure:"truncate_frequency"`
	LagRecordFrequency time.Duration `mapstructure:"lag_record_frequency"`
}

const (
	defaultMaxRetryAge = time.Hour
	// minLogBytes is the least that a log is of use with: a payload may take an eighth of it.
	minLogBytes = 1 << 20
)

func defaultQueue() QueueConfig {
	return QueueConfig{Enabled: true, QueueSize: 10_000, NumConsumers: 5, MinConsumers: 1, MaxPendingBytes: 64 << 20, BatchSendDeadline: time.Second}
}

func defaultWAL() *WALConfig { return &WALConfig{MaxBytes: 2 << 30, MaxAge: 24 * time.Hour} }

// applyDefaults sets what depends on other keys, before those are read.
func (c *Config) applyDefaults(conf *confmap.Conf) {
	if conf.IsSet("wal") {
		c.WAL = defaultWAL()
	}
}

// resolve sets what the configuration leaves to other keys, after it was read.
func (c *Config) resolve(conf *confmap.Conf) {
	if c.Queue.NumConsumers == 0 {
		c.Queue.NumConsumers = defaultQueue().NumConsumers
	}
	if !conf.IsSet("remote_write_queue::max_pending_bytes") {
		c.Queue.MaxPendingBytes = max(c.Queue.MaxPendingBytes, c.MaxBatchSizeBytes)
	}
	if conf.IsSet("max_retry_age") {
		return
	}
	switch {
	case conf.IsSet("retry_on_failure::max_elapsed_time"):
		c.MaxRetryAge = c.Retry.MaxElapsedTime
	case c.WAL != nil:
		c.MaxRetryAge = c.WAL.MaxAge
	}
}

// Validate returns all that is wrong with the queue.
func (c *QueueConfig) Validate() error {
	var errs []error
	if c.QueueSize < 0 || c.Enabled && c.QueueSize == 0 {
		errs = append(errs, fmt.Errorf("queue_size must be at least 1 (got %d): it counts payloads", c.QueueSize))
	}
	if c.NumConsumers < 1 || c.NumConsumers > maxShards {
		errs = append(errs, fmt.Errorf("num_consumers must be between 1 and %d (got %d): it is the number of requests in flight at once", maxShards, c.NumConsumers))
	}
	if c.MinConsumers < 1 || c.MinConsumers > maxShards {
		errs = append(errs, fmt.Errorf("min_consumers must be between 1 and %d (got %d): it is the fewest shards", maxShards, c.MinConsumers))
	}
	if c.MaxPendingBytes < 1 {
		errs = append(errs, fmt.Errorf("max_pending_bytes must be at least 1 (got %d): the queue is always bounded", c.MaxPendingBytes))
	}
	if c.BatchSendDeadline < 0 {
		errs = append(errs, fmt.Errorf("batch_send_deadline must be at least 0s (got %s): 0s sends at once", c.BatchSendDeadline))
	}
	return errors.Join(errs...)
}

// Validate returns all that is wrong with the log.
func (c *WALConfig) Validate() error {
	var errs []error
	if c.Directory == "" {
		errs = append(errs, errors.New("directory must be set, such as /var/lib/otelcol-slo/remote-write: what is queued is written there"))
	}
	if c.MaxBytes < minLogBytes {
		errs = append(errs, fmt.Errorf("max_bytes must be at least %d (got %d): it bounds what is on disk", minLogBytes, c.MaxBytes))
	}
	if c.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("max_age must be at least 0s (got %s): 0s keeps what is queued at any age", c.MaxAge))
	}
	return errors.Join(errs...)
}

// validateQueue returns what is wrong between the queue's keys and others.
func (c *Config) validateQueue() error {
	var errs []error
	if c.Queue.MaxPendingBytes > 0 && c.Queue.MaxPendingBytes < c.maxBatchBytes() {
		errs = append(errs, fmt.Errorf("remote_write_queue.max_pending_bytes must be at least max_batch_size_bytes, %d (got %d): raise the one or lower the other",
			c.maxBatchBytes(), c.Queue.MaxPendingBytes))
	}
	if c.MaxBatchRequestParallelism < 0 || c.MaxBatchRequestParallelism > maxShards {
		errs = append(errs, fmt.Errorf("max_batch_request_parallelism must be between 0 and %d (got %d): 0 leaves it to remote_write_queue.num_consumers",
			maxShards, c.MaxBatchRequestParallelism))
	}
	if c.MaxRetryAge < 0 {
		errs = append(errs, fmt.Errorf("max_retry_age must be at least 0s (got %s): 0s tries for ever", c.MaxRetryAge))
	}
	return errors.Join(errs...)
}

// shards returns the most there are of each tenant.
func (c *Config) shards() int {
	if c.MaxBatchRequestParallelism > 0 {
		return c.MaxBatchRequestParallelism
	}
	return c.Queue.NumConsumers
}

// queue returns the configuration of the queue of an exporter.
func (c *Config) queue(id component.ID) remotewrite.QueueConfig {
	out := remotewrite.QueueConfig{
		MinShards:     min(c.Queue.MinConsumers, c.shards()),
		MaxShards:     c.shards(),
		MaxBytes:      c.Queue.MaxPendingBytes,
		MaxPayloads:   max(c.Queue.QueueSize, 1),
		MaxBatchBytes: c.maxBatchBytes(),
		MaxRoutes:     c.tenants(),
		SendDelay:     c.Queue.BatchSendDeadline,
		Metadata:      c.SendMetadata,
		Track:         !c.Queue.Enabled,
	}
	if !c.Queue.Enabled {
		out.SendDelay = 0
	}
	if c.WAL != nil {
		folder := strings.ReplaceAll(id.String(), "/", "_")
		out.Log = &remotewrite.LogConfig{Dir: filepath.Join(c.WAL.Directory, folder), MaxBytes: c.WAL.MaxBytes, MaxAge: c.WAL.MaxAge}
	}
	return out
}
