package embeddedprometheusextension

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-slo/otelcol-slo/internal/promserver"
)

// Config is the configuration of an extension embedded_prometheus.
type Config struct {
	// HTTP is where the API is, the Collector's server block. It listens on localhost:9090 where nothing else is said. It has a
	// key of its own: beside one that is squashed, the Collector lets unknown keys pass.
	HTTP       confighttp.ServerConfig `mapstructure:"http"`
	Prometheus promserver.Config       `mapstructure:",squash"`
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:9090"
	server.TLS = configoptional.None[configtls.ServerConfig]()
	server.CompressionAlgorithms = []string{} // remote write is snappy, which Prometheus decodes itself
	server.WriteTimeout = 0                   // query_timeout bounds a query
	return &Config{HTTP: server, Prometheus: promserver.DefaultConfig()}
}
