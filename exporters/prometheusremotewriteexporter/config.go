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

	// Retry is how refused and failed requests are sent again: from 30 ms, doubling, to 5 s, 10 % more or less. Where
	// MaxRetryAge is not set, max_elapsed_time says it.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// MaxRetryAge is the age, counted from when it was queued, from which a batch that fails again is given up. 0: never.
	// Default: retry_on_failure.max_elapsed_time where that is set, else 1h, with a wal its max_age.
	MaxRetryAge time.Duration `mapstructure:"max_retry_age"`
	Queue       QueueConfig   `mapstructure:"remote_write_queue"`
	// WAL is nil by default: what is queued is in memory alone.
	WAL *WALConfig `mapstructure:"wal"`
	// Tenant is off by default.
	Tenant TenantConfig `mapstructure:"tenant"`
	// IncludeMetadataKeys are metadata of the client that sent a payload, which become headers of the requests with it.
	IncludeMetadataKeys []string `mapstructure:"include_metadata_keys"`
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

var (
	_                      component.Config    = (*Config)(nil)
	_                      confmap.Unmarshaler = (*Config)(nil)
	_                      confmap.Validator   = (*Config)(nil)
	_                      confmap.Validator   = (*QueueConfig)(nil)
	_                      confmap.Validator   = (*WALConfig)(nil)
	_                      confmap.Validator   = (*TenantConfig)(nil)
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
		Queue:             defaultQueue(),
		MaxRetryAge:       defaultMaxRetryAge,
		Tenant:            defaultTenant(),
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
	errs := []error{c.validateHTTP(), c.validateQueue(), c.validateTenant()}
	if c.MaxBatchSizeBytes < 0 {
		errs = append(errs, fmt.Errorf("max_batch_size_bytes must be at least 0 (got %d): remove it for the default", c.MaxBatchSizeBytes))
	}
	if c.ShutdownTimeout < 0 {
		errs = append(errs, fmt.Errorf("shutdown_timeout must be at least 0s (got %s): 0s does not wait", c.ShutdownTimeout))
	}
	if err := c.ProtobufMessage.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("protobuf_message %w", err))
	}
	return errors.Join(append(errs, c.validate(c.ProtobufMessage))...)
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
