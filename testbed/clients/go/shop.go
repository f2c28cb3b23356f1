package main

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/global"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const (
	// name is that of the instrumentation.
	name = "shop"
	// orders is how many are taken: with two spans each they are more than one batch of 512.
	orders = 300
	// slowness is how long the slow order takes, by its times.
	slowness = 900 * time.Millisecond
)

// shop takes orders, and notes what it tells of them.
type shop struct {
	tracer trace.Tracer
	logger log.Logger
	orders metric.Int64Counter
	size   metric.Int64Histogram
	open   metric.Int64UpDownCounter
	sizes  []float64 // observed
	sent   sent
}

func openShop() (*shop, error) {
	meter := otel.Meter(name)
	s := &shop{tracer: otel.Tracer(name), logger: global.Logger(name)}
	var errs [4]error
	s.orders, errs[0] = meter.Int64Counter("shop.orders", metric.WithUnit("{order}"))
	s.size, errs[1] = meter.Int64Histogram("shop.request.size", metric.WithUnit("By"))
	s.open, errs[2] = meter.Int64UpDownCounter("shop.open", metric.WithUnit("{order}"))
	_, errs[3] = meter.Float64ObservableGauge("shop.stock", metric.WithUnit("{item}"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(41.5)
			return nil
		}))
	return s, errors.Join(errs[:]...)
}

// work takes orders, refuses one and is slow with one.
func (s *shop) work(ctx context.Context) {
	var last trace.SpanContext
	for i := range orders {
		last = s.take(ctx, i)
	}
	s.sent.Failed = s.refuse(ctx, last).TraceID().String()
	s.sent.Slow = s.dawdle(ctx).TraceID().String()
	s.sent.Metrics = []series{
		{Name: "shop.orders", Attributes: attributes{"outcome": "taken"}, Value: orders},
		{Name: "shop.orders", Attributes: attributes{"outcome": "refused"}, Value: 1},
		{Name: "shop.request.size", Observations: s.sizes},
		{Name: "shop.open", Value: orders - 1},
		{Name: "shop.stock", Value: 41.5},
	}
}

func (s *shop) take(ctx context.Context, i int) trace.SpanContext {
	ctx, root := s.tracer.Start(ctx, "POST /orders", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", "POST"), attribute.String("http.route", "/orders")))
	_, child := s.tracer.Start(ctx, "SELECT stock", trace.WithSpanKind(trace.SpanKindClient))
	child.End()
	s.sent.ended(child)

	size := int64(7 * (i % 50))
	s.size.Record(ctx, size)
	s.sizes = append(s.sizes, float64(size))
	s.orders.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", "taken")))
	s.open.Add(ctx, 1)
	s.log(ctx, log.SeverityInfo, "order taken", attribute.Int("order", i))
	root.SetAttributes(attribute.Int("http.response.status_code", 201))
	root.End()
	s.sent.ended(root)
	return root.SpanContext()
}

func (s *shop) refuse(ctx context.Context, before trace.SpanContext) trace.SpanContext {
	ctx, root := s.tracer.Start(ctx, "POST /orders", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithLinks(trace.Link{SpanContext: before}), trace.WithAttributes(
			attribute.String("http.request.method", "POST"), attribute.String("http.route", "/orders"),
			attribute.Float64("order.weight", 1.5), attribute.Bool("order.express", true),
			attribute.StringSlice("order.items", []string{"tea", "Bücher"})))
	_, child := s.tracer.Start(ctx, "SELECT stock", trace.WithSpanKind(trace.SpanKindClient))
	child.RecordError(errors.New("out of stock"), trace.WithStackTrace(true))
	child.SetStatus(codes.Error, "out of stock")
	child.End()
	s.sent.ended(child)

	root.AddEvent("refused", trace.WithAttributes(attribute.Int("order.tries", 2)))
	s.orders.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", "refused")))
	s.open.Add(ctx, -1)
	s.log(ctx, log.SeverityError, "order refused", attribute.String("reason", "out of stock"), attribute.Float64("weight", 1.5))
	root.SetAttributes(attribute.Int("http.response.status_code", 503))
	root.SetStatus(codes.Error, "order refused")
	root.End()
	s.sent.ended(root)
	return root.SpanContext()
}

func (s *shop) dawdle(ctx context.Context) trace.SpanContext {
	now := time.Now()
	_, root := s.tracer.Start(ctx, "GET /stock", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(now.Add(-slowness)))
	root.End(trace.WithTimestamp(now))
	s.sent.ended(root)
	return root.SpanContext()
}

func (s *shop) log(ctx context.Context, severity log.Severity, body string, attrs ...attribute.KeyValue) {
	var r log.Record
	r.SetTimestamp(time.Now())
	r.SetSeverity(severity)
	r.SetBody(attribute.StringValue(body))
	r.AddAttributes(attrs...)
	s.logger.Emit(ctx, r)

	at := trace.SpanContextFromContext(ctx)
	s.sent.Logs = append(s.sent.Logs, record{
		TraceID: at.TraceID().String(), SpanID: at.SpanID().String(), Severity: int(severity), Body: body, Attributes: asMap(attrs),
	})
}
