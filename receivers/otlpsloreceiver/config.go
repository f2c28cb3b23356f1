package otlpsloreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/confighint"
	"github.com/otelcol-slo/otelcol-slo/internal/coverage"
	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// Config is the configuration of a receiver otlp_slo.
type Config struct {
	// Protocols are where OTLP is taken, the stock otlp receiver's blocks.
	Protocols Protocols `mapstructure:"protocols"`
	// Debug is where questions are answered that metrics have no room for. It says who sends what: keep it on this machine.
	Debug Debug `mapstructure:"debug"`
	// ReceiveTimeout bounds how long a request may take to arrive. Default 30s; must be above 0.
	ReceiveTimeout time.Duration `mapstructure:"receive_timeout"`
	// ShutdownTimeout bounds how long the end may take: requests that have begun, deciding and sending what is held, the
	// last flush. Default 20s; must be above 0.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	Memory   spanpipe.MemoryConfig `mapstructure:"memory"`
	Sampling sampling.Config       `mapstructure:"sampling"`
	Output   spanpipe.OutputConfig `mapstructure:"output"`
	RED      red.Config            `mapstructure:"red"`
	SLO      slo.Config            `mapstructure:"slo"`
	Coverage coverage.Config       `mapstructure:"coverage"`
}

// Protocols are the protocols that OTLP is taken over. One that is absent is off.
type Protocols struct {
	// GRPC listens on localhost:4317 where nothing else is said.
	GRPC configoptional.Optional[configgrpc.ServerConfig] `mapstructure:"grpc"`
	// HTTP listens on localhost:4318 where nothing else is said; paths are /v1/traces, /v1/metrics and /v1/logs.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`
}

// Debug is the debug endpoint. Without HTTP there is none.
type Debug struct {
	// HTTP listens on localhost:8887 where nothing else is said.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`
}

var (
	_ component.Config  = (*Config)(nil)
	_ confmap.Validator = (*Config)(nil)
)

const (
	// grpcMessageMiBDefault is gRPC's own default.
	grpcMessageMiBDefault = 4
	// grpcStreamsDefault is how many requests a client may have under way on a connection.
	grpcStreamsDefault = 128
	// grpcReadBufferDefault has an ordinary request whole. Connections have one only while something arrives.
	grpcReadBufferDefault = 256 << 10
	// httpBodyDefault is confighttp's own default.
	httpBodyDefault = 20 << 20
)

func createDefaultConfig() component.Config {
	grpc := configgrpc.NewDefaultServerConfig()
	grpc.NetAddr.Endpoint = "localhost:4317"
	grpc.ReadBufferSize = grpcReadBufferDefault
	grpc.MaxRecvMsgSizeMiB = grpcMessageMiBDefault
	grpc.MaxConcurrentStreams = grpcStreamsDefault

	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "localhost:4318"
	http.TLS = configoptional.None[configtls.ServerConfig]()
	http.MaxRequestBodySize = httpBodyDefault
	// It would run while a body arrives, which receive_timeout bounds, and while a next consumer works. Answers are short.
	http.WriteTimeout = 0

	debug := confighttp.NewDefaultServerConfig()
	debug.NetAddr.Endpoint = "localhost:8887"
	debug.TLS = configoptional.None[configtls.ServerConfig]()

	engine := spanpipe.DefaultConfig()
	return &Config{
		Protocols:       Protocols{GRPC: configoptional.Default(grpc), HTTP: configoptional.Default(http)},
		Debug:           Debug{HTTP: configoptional.Default(debug)},
		ReceiveTimeout:  30 * time.Second,
		ShutdownTimeout: 20 * time.Second,
		Memory:          engine.Memory,
		Sampling:        engine.Sampling,
		Output:          engine.Output,
		RED:             engine.RED,
		SLO:             engine.SLO,
		Coverage:        engine.Coverage,
	}
}

// Unmarshal reads the configuration as the Collector does; mistakes are told as those of Validate.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return confighint.Unmarshal(conf, c) }

// Validate returns the rules that are broken across blocks; each block is asked by the Collector itself.
func (c *Config) Validate() error {
	var errs []error
	if !c.Protocols.GRPC.HasValue() && !c.Protocols.HTTP.HasValue() {
		errs = append(errs, errors.New("protocols must have grpc, http or both (got none): add e.g. `grpc:` below it"))
	}
	if c.ReceiveTimeout <= 0 {
		errs = append(errs, fmt.Errorf("receive_timeout must be a positive duration (got %s): 30s is the default", c.ReceiveTimeout))
	}
	if c.ShutdownTimeout <= 0 {
		errs = append(errs, fmt.Errorf("shutdown_timeout must be a positive duration (got %s): 20s is the default", c.ShutdownTimeout))
	}
	if err := ottlcondition.Check(c.Sampling); err != nil {
		errs = append(errs, fmt.Errorf("sampling: %w", err))
	}
	return errors.Join(errs...)
}

func (c *Config) engine() spanpipe.Config {
	return spanpipe.Config{Memory: c.Memory, Sampling: c.Sampling, Output: c.Output, RED: c.RED, SLO: c.SLO, Coverage: c.Coverage}
}
