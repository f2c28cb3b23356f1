// Command client does what an instrumented shop does, with the OpenTelemetry SDK for Go as it comes: OTEL_* of the
// environment say where and how it sends. Then it prints what it sent, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log/global"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var failures failures
	otel.SetErrorHandler(&failures)
	shutdown, err := setUp(ctx)
	if err != nil {
		return err
	}
	s, err := openShop()
	if err != nil {
		return err
	}
	s.work(ctx)
	err = shutdown(ctx)
	if err := errors.Join(append(failures.all(), err)...); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s.sent)
}

// setUp makes the global providers, with the defaults of the SDK, and returns what sends the rest and ends them.
func setUp(ctx context.Context) (shutdown func(context.Context) error, err error) {
	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, err
	}
	records, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return nil, err
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	logs := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(records)))
	otel.SetTracerProvider(traces)
	otel.SetMeterProvider(metrics)
	global.SetLoggerProvider(logs)
	return func(ctx context.Context) error {
		return errors.Join(traces.Shutdown(ctx), metrics.Shutdown(ctx), logs.Shutdown(ctx))
	}, nil
}

// failures are what the SDK says went wrong.
type failures struct {
	mu   sync.Mutex
	errs []error
}

// Handle implements otel.ErrorHandler.
func (f *failures) Handle(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *failures) all() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.errs
}
