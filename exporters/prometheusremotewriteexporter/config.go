package prometheusremotewriteexporter

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Config is the configuration of the exporter. Its keys are those of the contrib exporter where the meaning is the
// same; README.md lists what differs.
type Config struct {
	// HTTP is the HTTP client: endpoint (required), tls, headers, auth, timeout (default 30s)... Its settings may stand
	// at the top level too, see Unmarshal.
	HTTP confighttp.ClientConfig `mapstructure:"http"`

	// Retry is how refused and failed requests are sent again: from 30 ms, doubling, to 5 s, 10 % more or less, for
	// one hour (max_elapsed_time, counted from when the batch was queued; 0: for ever).
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	Queue QueueConfig               `mapstructure:"remote_write_queue"`
	// MaxBatchSizeBytes bounds a request before compression. Default and 0: 3000000.
	MaxBatchSizeBytes int `mapstructure:"max_batch_size_bytes"`
	// MaxBatchRequestParallelism takes the place of remote_write_queue.num_consumers where it is above 0.
	MaxBatchRequestParallelism int `mapstructure:"max_batch_request_parallelism"`
	// ShutdownTimeout bounds how long a shutdown waits for what is queued. Default 5s; 0: it doesn't wait.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// ProtobufMessage is the message to send: io.prometheus.write.v2.Request (default; 1.0 is sent to endpoints that
	// don't understand it) or prometheus.WriteRequest.
	ProtobufMessage remotewrite.Message `mapstructure:"protobuf_message"`
	// SendMetadata adds type, help and unit to Remote-Write 1.0 requests. 2.0 always has them.
	SendMetadata bool `mapstructure:"send_metadata"`

	// TranslationConfig is what becomes of metrics.
	TranslationConfig `mapstructure:",squash"`
}

// QueueConfig is the configuration of the queue.
type QueueConfig struct {
	// Enabled: metrics are queued and the caller goes on. Otherwise the caller waits until the endpoint has them.
	Enabled bool `mapstructure:"enabled"`
	// QueueSize is the most payloads of which something is queued. Default 10000.
	QueueSize int `mapstructure:"queue_size"`
	// NumConsumers is the number of shards: of requests in flight at once. Default 5.
	NumConsumers int `mapstructure:"num_consumers"`
	// MaxPendingBytes bounds the memory of what is queued. Default 67108864 (64 MiB).
	MaxPendingBytes int `mapstructure:"max_pending_bytes"`
}

var (
	_                      component.Config    = (*Config)(nil)
	_                      confmap.Unmarshaler = (*Config)(nil)
	_                      confmap.Validator   = (*Config)(nil)
	_                      confmap.Validator   = (*QueueConfig)(nil)
	reservedRequestHeaders                     = []string{
		"Content-Encoding", "Content-Type", "User-Agent", "X-Prometheus-Remote-Write-Version", "Retry-Attempt",
	}
)

const (
	defaultMaxBatchBytes = 3_000_000
	// maxShards keeps a slip of the keyboard from opening thousands of connections.
	maxShards = 256
)

func createDefaultConfig() component.Config {
	return &Config{
		HTTP: defaultHTTP(),
		Retry: configretry.BackOffConfig{
			Enabled:             true,
			InitialInterval:     30 * time.Millisecond,
			RandomizationFactor: 0.1,
			Multiplier:          2,
			MaxInterval:         5 * time.Second,
			MaxElapsedTime:      time.Hour,
		},
		Queue:             QueueConfig{Enabled: true, QueueSize: 10_000, NumConsumers: 5, MaxPendingBytes: 64 << 20},
		MaxBatchSizeBytes: defaultMaxBatchBytes,
		ShutdownTimeout:   5 * time.Second,
		ProtobufMessage:   remotewrite.V2,
		TranslationConfig: defaultTranslation(),
	}
}

func defaultHTTP() confighttp.ClientConfig {
	c := confighttp.NewDefaultClientConfig()
	c.Timeout = 30 * time.Second
	c.WriteBufferSize = 512 * 1024
	return c
}

// Validate returns all that is wrong with the configuration.
func (c *Config) Validate() error {
	errs := []error{c.validateHTTP()}
	if c.MaxBatchSizeBytes < 0 {
		errs = append(errs, fmt.Errorf("max_batch_size_bytes must be at least 0 (got %d): remove it for the default", c.MaxBatchSizeBytes))
	}
	if c.Queue.MaxPendingBytes > 0 && c.Queue.MaxPendingBytes < c.maxBatchBytes() {
		errs = append(errs, fmt.Errorf("remote_write_queue.max_pending_bytes must be at least max_batch_size_bytes, %d (got %d): raise the one or lower the other",
			c.maxBatchBytes(), c.Queue.MaxPendingBytes))
	}
	if c.MaxBatchRequestParallelism < 0 || c.MaxBatchRequestParallelism > maxShards {
		errs = append(errs, fmt.Errorf("max_batch_request_parallelism must be between 0 and %d (got %d): 0 leaves it to remote_write_queue.num_consumers",
			maxShards, c.MaxBatchRequestParallelism))
	}
	if c.ShutdownTimeout < 0 {
		errs = append(errs, fmt.Errorf("shutdown_timeout must be at least 0s (got %s): 0s does not wait", c.ShutdownTimeout))
	}
	if err := c.ProtobufMessage.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("protobuf_message %w", err))
	}
	return errors.Join(append(errs, c.validate(c.ProtobufMessage))...)
}

// Validate returns all that is wrong with the queue.
func (c *QueueConfig) Validate() error {
	var errs []error
	if c.QueueSize < 1 {
		errs = append(errs, fmt.Errorf("queue_size must be at least 1 (got %d): it counts payloads", c.QueueSize))
	}
	if c.NumConsumers < 1 || c.NumConsumers > maxShards {
		errs = append(errs, fmt.Errorf("num_consumers must be between 1 and %d (got %d): it is the number of requests in flight at once", maxShards, c.NumConsumers))
	}
	if c.MaxPendingBytes < 1 {
		errs = append(errs, fmt.Errorf("max_pending_bytes must be at least 1 (got %d): the queue is always bounded", c.MaxPendingBytes))
	}
	return errors.Join(errs...)
}

func (c *Config) validateHTTP() error {
	var errs []error
	endpoint, err := url.Parse(c.HTTP.Endpoint)
	switch {
	case c.HTTP.Endpoint == "":
		errs = append(errs, errors.New("endpoint must be set, here or as http.endpoint: the URL to write to, such as http://prometheus:9090/api/v1/write"))
	case err != nil:
		errs = append(errs, fmt.Errorf("endpoint must be a URL (got %q): %w", c.HTTP.Endpoint, err))
	case endpoint.Scheme == "" || endpoint.Host == "":
		errs = append(errs, fmt.Errorf("endpoint must have a scheme and a host, such as http://prometheus:9090/api/v1/write (got %q)", c.HTTP.Endpoint))
	}
	if c.HTTP.Compression != "" && c.HTTP.Compression != "snappy" {
		errs = append(errs, fmt.Errorf("compression must be snappy (got %q): Remote-Write knows no other, remove it", c.HTTP.Compression))
	}
	for _, reserved := range reservedRequestHeaders {
		for name := range c.HTTP.Headers.Iter {
			if http.CanonicalHeaderKey(name) == http.CanonicalHeaderKey(reserved) {
				errs = append(errs, fmt.Errorf("headers must not set %q: the protocol sets it, remove it", name))
			}
		}
	}
	return errors.Join(errs...)
}

func (c *Config) maxBatchBytes() int {
	if c.MaxBatchSizeBytes == 0 {
		return defaultMaxBatchBytes
	}
	return c.MaxBatchSizeBytes
}

func (c *Config) shards() int {
	if c.MaxBatchRequestParallelism > 0 {
		return c.MaxBatchRequestParallelism
	}
	return c.Queue.NumConsumers
}
