package tracestoreexporter

import (
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
)

// Config is the configuration of an exporter trace_store.
type Config struct {
	// HTTP is where traces are served, the Collector's server block. It listens on localhost:3200 where nothing else is said.
	HTTP confighttp.ServerConfig `mapstructure:"http"`
	// SizeMiB bounds what is stored; the oldest traces make room. Default 64; at least 1.
	SizeMiB int64 `mapstructure:"size_mib"`
}

// Validate returns the rule that is broken.
func (c *Config) Validate() error {
	if c.SizeMiB < 1 {
		return fmt.Errorf("size_mib must be at least 1 (got %d): 64 is the default", c.SizeMiB)
	}
	return nil
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:3200"
	server.TLS = configoptional.None[configtls.ServerConfig]()
	return &Config{HTTP: server, SizeMiB: 64}
}
