// Command jaeger is a Jaeger that holds its traces in memory: the collector and the query service as Jaeger's all-in-one
// puts them together. That one has the clients of Elasticsearch, Cassandra, Kafka and Badger in it too, which are most of
// its build.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	collector "github.com/jaegertracing/jaeger/cmd/collector/app"
	collectorflags "github.com/jaegertracing/jaeger/cmd/collector/app/flags"
	query "github.com/jaegertracing/jaeger/cmd/query/app"
	"github.com/jaegertracing/jaeger/cmd/query/app/querysvc"
	"github.com/jaegertracing/jaeger/pkg/config"
	"github.com/jaegertracing/jaeger/pkg/healthcheck"
	"github.com/jaegertracing/jaeger/pkg/jtracer"
	"github.com/jaegertracing/jaeger/pkg/metrics"
	"github.com/jaegertracing/jaeger/pkg/telemetery"
	"github.com/jaegertracing/jaeger/pkg/tenancy"
	"github.com/jaegertracing/jaeger/plugin/metrics/disabled"
	"github.com/jaegertracing/jaeger/plugin/sampling/strategyprovider/static"
	"github.com/jaegertracing/jaeger/plugin/storage/memory"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"go.uber.org/zap"
)

func main() {
	v := viper.New()
	command := &cobra.Command{Use: "jaeger", RunE: func(*cobra.Command, []string) error { return run(v) }}
	config.AddFlags(v, command, func(f *flag.FlagSet) {
		collectorflags.AddFlags(f)
		query.AddFlags(f)
		memory.AddFlags(f)
	})
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}

func run(v *viper.Viper) error {
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, os.Interrupt, syscall.SIGTERM)

	storage := memory.NewFactory()
	storage.InitFromViper(v, logger)
	if err := storage.Initialize(metrics.NullFactory, logger); err != nil {
		return err
	}
	tenants := tenancy.NewManager(&tenancy.Options{})
	health := healthcheck.New()
	in, err := startCollector(v, logger, storage, tenants, health)
	if err != nil {
		return fmt.Errorf("cannot start the collector: %w", err)
	}
	out, err := startQuery(v, logger, storage, tenants, health)
	if err != nil {
		return fmt.Errorf("cannot start the query service: %w", err)
	}
	<-terminate
	return errors.Join(in.Close(), out.Close())
}

func startCollector(
	v *viper.Viper, logger *zap.Logger, storage *memory.Factory, tenants *tenancy.Manager, health *healthcheck.HealthCheck,
) (*collector.Collector, error) {
	options, err := new(collectorflags.CollectorOptions).InitFromViper(v, logger)
	if err != nil {
		return nil, err
	}
	writer, err := storage.CreateSpanWriter()
	if err != nil {
		return nil, err
	}
	strategies, err := static.NewProvider(static.Options{}, logger)
	if err != nil {
		return nil, err
	}
	c := collector.New(&collector.CollectorParams{
		ServiceName: "jaeger-collector", Logger: logger, MetricsFactory: metrics.NullFactory, SpanWriter: writer,
		SamplingProvider: strategies, HealthCheck: health, TenancyMgr: tenants,
	})
	return c, c.Start(options)
}

func startQuery(
	v *viper.Viper, logger *zap.Logger, storage *memory.Factory, tenants *tenancy.Manager, health *healthcheck.HealthCheck,
) (*query.Server, error) {
	options, err := new(query.QueryOptions).InitFromViper(v, logger)
	if err != nil {
		return nil, err
	}
	reader, err := storage.CreateSpanReader()
	if err != nil {
		return nil, err
	}
	dependencies, err := storage.CreateDependencyReader()
	if err != nil {
		return nil, err
	}
	noMetrics, err := disabled.NewMetricsReader()
	if err != nil {
		return nil, err
	}
	service := querysvc.NewQueryService(reader, dependencies, *options.BuildQueryServiceOptions(storage, logger))
	s, err := query.NewServer(service, noMetrics, options, tenants, telemetery.Setting{
		Logger: logger, TracerProvider: jtracer.NoOp().OTEL, Metrics: metrics.NullFactory, ReportStatus: telemetery.HCAdapter(health),
	})
	if err != nil {
		return nil, err
	}
	return s, s.Start()
}
