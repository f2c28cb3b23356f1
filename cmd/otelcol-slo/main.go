// Command otelcol-slo is an OpenTelemetry Collector with the components that builder-config.yaml lists.
//
// This file is written by hand; components.go, go.mod and go.sum beside it are generated from the manifest by
// `make generate`. The command line is the Collector's own (otelcol.NewCommand); subcommands of ours are added to its root.
package main

import (
	"fmt"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/otelcol-slo/otelcol-slo/configs"
)

// version is the manifest's dist.version, set by `make build`.
var version = "dev"

// providers are those of the manifest, each with its module as the subcommand `components` prints it.
var providers = []struct {
	factory confmap.ProviderFactory
	module  string
}{
	{envprovider.NewFactory(), "go.opentelemetry.io/collector/confmap/provider/envprovider v1.66.0"},
	{fileprovider.NewFactory(), "go.opentelemetry.io/collector/confmap/provider/fileprovider v1.66.0"},
	{httpprovider.NewFactory(), "go.opentelemetry.io/collector/confmap/provider/httpprovider v1.66.0"},
	{yamlprovider.NewFactory(), "go.opentelemetry.io/collector/confmap/provider/yamlprovider v1.66.0"},
}

func main() {
	root := otelcol.NewCommand(settings())
	root.AddCommand(demoCommand())
	root.RunE = heedSignals(root.RunE)
	root.SilenceErrors, root.DisableSuggestions = true, true // an error is one line, and explain's
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", explain(err))
		os.Exit(1)
	}
}

func settings() otelcol.CollectorSettings {
	set := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{
			Command:     "otelcol-slo",
			Description: "OpenTelemetry Collector for the people who own reliability",
			Version:     version,
		},
		Factories:       components,
		ProviderModules: map[string]string{},
	}
	set.ConfigProviderSettings.ResolverSettings.URIs = []string{"yaml:" + configs.Standalone} // unless --config is given
	for _, p := range providers {
		scheme := p.factory.Create(confmap.ProviderSettings{}).Scheme()
		set.ProviderModules[scheme] = p.module
		resolver := &set.ConfigProviderSettings.ResolverSettings
		resolver.ProviderFactories = append(resolver.ProviderFactories, p.factory)
	}
	return set
}
