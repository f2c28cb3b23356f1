package otlpsloreceiver

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// keepAll is a configuration whose sampling drops nothing.
func keepAll(c *Config) {
	c.Sampling.Policies = []sampling.PolicyConfig{{Name: "all", Type: "always_sample"}}
}

func TestItListensWhenItsLastSignalHasStarted(t *testing.T) {
	cfg, set, factory, host := quick(), receivertest.NewNopSettings(componentType), NewFactory(), componenttest.NewNopHost()
	traces, err := factory.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	logs, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	shared := traces.(*signal).shared
	require.Same(t, shared, logs.(*signal).shared, "one instance serves the signals of a configuration")

	require.NoError(t, logs.Start(t.Context(), host))
	require.Nil(t, shared.receiver.grpc)
	require.NoError(t, traces.Start(t.Context(), host))
	require.NotNil(t, shared.receiver.grpc)

	require.NoError(t, traces.Shutdown(t.Context()))
	require.NoError(t, logs.Shutdown(t.Context()))
	require.NoError(t, logs.Shutdown(t.Context()))
	require.NotContains(t, instances.byConfig, cfg)

	again, err := factory.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NotSame(t, shared, again.(*signal).shared)
	require.NoError(t, again.Start(t.Context(), host))
	require.NoError(t, again.Shutdown(t.Context()))
}

func TestItShutsDownWithoutAStart(t *testing.T) {
	cfg, set := quick(), receivertest.NewNopSettings(componentType)
	r, err := NewFactory().CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()), "a start that comes too late does nothing")
	require.NotContains(t, instances.byConfig, cfg)
}

func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, change := range map[string]func(*Config){
		"cannot listen for OTLP/gRPC": func(c *Config) { c.Protocols.GRPC.Get().NetAddr.Endpoint = taken.Addr().String() },
		"cannot listen for OTLP/HTTP": func(c *Config) { c.Protocols.HTTP.Get().NetAddr.Endpoint = taken.Addr().String() },
		"no-such-file.yaml":           func(c *Config) { c.SLO.Files = []string{"no-such-file.yaml"} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quick()
			change(cfg)
			r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(componentType), cfg, consumertest.NewNop())
			require.NoError(t, err)
			require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), name)
			require.NoError(t, r.Shutdown(t.Context()))
		})
	}
}

// reportingHost remembers what was reported to it.
type reportingHost struct {
	component.Host
	events chan *componentstatus.Event
}

func (h reportingHost) Report(event *componentstatus.Event) { h.events <- event }

func TestAServerThatEndsIsReportedForEverySignal(t *testing.T) {
	host := reportingHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 10)}
	r := startWith(t, host)
	require.NoError(t, r.grpc.listener.Close())
	for range r.signals {
		event := <-host.events
		require.Equal(t, componentstatus.StatusFatalError, event.Status())
		require.Error(t, event.Err())
	}
}

func TestWhatHasNoPipelineIsRefusedAndToldAtStart(t *testing.T) {
	for _, tt := range []struct {
		signal   string
		warnings int
		served   [signals]bool
	}{
		{"traces", 1, [signals]bool{signalTraces: true}},
		{"metrics", 1, [signals]bool{signalTraces: true, signalMetrics: true}},
		{"logs", 2, [signals]bool{signalLogs: true}},
	} {
		t.Run(tt.signal+" alone", func(t *testing.T) {
			r := startAlone(t, tt.signal)
			require.Equal(t, tt.warnings, r.logs.FilterLevelExact(1).Len())
			for s, served := range tt.served {
				_, err := export(t.Context(), r.dial(t), signalKind(s), nil)
				got := r.post(t, httpPaths[s], protobufType, "", nil)
				if served {
					require.NoError(t, err)
					require.Equal(t, 200, got.code)
				} else {
					require.ErrorContains(t, err, "Unimplemented")
					require.Equal(t, 404, got.code)
				}
			}
		})
	}
}

func TestShutdownInMidLoadLosesNothing(t *testing.T) {
	var delivered atomic.Int64
	r := start(t, withConfig(keepAll), withOutlet(func(o *outlet) {
		o.traces = func(_ context.Context, td ptrace.Traces) error { delivered.Add(int64(td.SpanCount())); return nil }
	}))
	var acknowledged atomic.Int64
	var sending sync.WaitGroup
	enough := make(chan struct{})
	const spans = 5
	acknowledge := func() {
		if acknowledged.Add(spans) == 200*spans {
			close(enough)
		}
	}
	for i := range byte(4) {
		conn, body := r.dial(t), protoOf(t, traceOf(i+1, spans, true))
		sending.Go(func() {
			for {
				if _, err := export(context.Background(), conn, signalTraces, body); err != nil {
					return
				}
				acknowledge()
			}
		})
		sending.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				response, err := client.Post("http://"+r.http.listener.Addr().String()+"/v1/traces", protobufType, bytes.NewReader(body))
				if err != nil {
					return
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					return
				}
				acknowledge()
			}
		})
	}
	<-enough
	r.shutdown()
	sending.Wait()
	require.Equal(t, acknowledged.Load(), delivered.Load())
	require.Empty(t, r.logs.FilterMessageSnippet("could not be delivered").All())
}

func TestShutdownIsBoundedAndTellsWhatIsLeft(t *testing.T) {
	r := start(t,
		withConfig(keepAll),
		withConfig(func(c *Config) { c.ShutdownTimeout = 400 * time.Millisecond }),
		withOutlet(func(o *outlet) {
			o.traces = func(context.Context, ptrace.Traces) error { return errors.New("not now") }
		}))
	sendGRPC(t, r, traceOf(1, 3, true))
	began := time.Now()
	r.shutdown()
	require.Less(t, time.Since(began), 5*time.Second)
	told := r.logs.FilterMessageSnippet("could not be delivered").All()
	require.Len(t, told, 1)
	require.EqualValues(t, 3, told[0].ContextMap()["spans"])
}

func TestShutdownDoesNotWaitForAConsumerThatHangs(t *testing.T) {
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	r := start(t, withConfig(func(c *Config) { c.ShutdownTimeout = 100 * time.Millisecond }), withOutlet(func(o *outlet) {
		o.logs = func(context.Context, plog.Logs) error {
			entered <- struct{}{}
			<-leave
			return nil
		}
	}))
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logsOf(1))
	require.NoError(t, err)
	conn := r.dial(t)
	var clients sync.WaitGroup
	clients.Go(func() { _, _ = export(context.Background(), conn, signalLogs, body) })
	clients.Go(func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		if response, err := client.Post("http://"+r.http.listener.Addr().String()+"/v1/logs", protobufType, bytes.NewReader(body)); err == nil {
			_ = response.Body.Close()
		}
	})
	<-entered
	<-entered
	began := time.Now()
	r.shutdown()
	require.Less(t, time.Since(began), 10*time.Second)
	close(leave)
	clients.Wait()
	<-r.grpc.served
}

func TestRequestsAreRefusedWhileItShutsDown(t *testing.T) {
	r := start(t)
	conn := r.dial(t)
	r.door.stopping.Store(true)
	for s := range signals {
		_, err := export(t.Context(), conn, s, nil)
		require.ErrorContains(t, err, "Unavailable")
		require.NotNil(t, retryInfo(err))
		got := r.post(t, httpPaths[s], jsonType, "", []byte("{}"))
		require.Equal(t, 503, got.code)
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
	require.EqualValues(t, 3, r.figure(t, "otelcol_otlp_slo_refused_requests", "transport", "http", "reason", "shutting_down"))
}

func TestMetricsAreFlushedWhileItRuns(t *testing.T) {
	flushed := make(chan struct{}, 100)
	var fail atomic.Bool
	fail.Store(true)
	r := start(t,
		withConfig(func(c *Config) { c.RED.MetricsFlushInterval = 5 * time.Millisecond }),
		withOutlet(func(o *outlet) {
			o.metrics = func(context.Context, pmetric.Metrics) error {
				flushed <- struct{}{}
				if fail.Load() {
					return errors.New("not now")
				}
				return nil
			}
		}))
	sendGRPC(t, r, traceOf(1, 3, true))
	for range 3 {
		<-flushed
	}
	fail.Store(false)
	for range 3 {
		<-flushed
	}
	require.Equal(t, 1, r.logs.FilterMessageSnippet("refuses flushes").Len(), "told once")
	require.Equal(t, 1, r.logs.FilterMessageSnippet("takes flushes").Len())
	require.GreaterOrEqual(t, r.figure(t, "otelcol_otlp_slo_flush_failures"), int64(2))
	fail.Store(true)
}

func TestTheGoMemoryLimitIsLoweredAndRestored(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	var outer, inner goLimit
	outer.set(1 << 40)
	inner.set(1 << 50)
	require.EqualValues(t, 1<<40, outer.inUse(), "a lower limit stays")
	inner.restore()
	require.EqualValues(t, 1<<40, outer.inUse())
	outer.restore()
	require.EqualValues(t, math.MaxInt64, outer.inUse())
}

func TestReceiveTimeoutDoesNotBoundTheNextConsumer(t *testing.T) {
	const timeout = 50 * time.Millisecond
	r := start(t, withConfig(func(c *Config) { c.ReceiveTimeout = timeout }), withOutlet(func(o *outlet) {
		o.metrics = func(ctx context.Context, md pmetric.Metrics) error {
			if md.DataPointCount() != 1 {
				return nil // a flush
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(4 * timeout):
				return nil
			}
		}
	}))
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metricsOf(1))
	require.NoError(t, err)
	_, err = export(t.Context(), r.dial(t), signalMetrics, body)
	require.NoError(t, err)
	require.Equal(t, 200, r.post(t, "/v1/metrics", protobufType, "", body).code)
}

func TestWhatHasNoEffectIsToldAtStart(t *testing.T) {
	r := start(t, withConfig(func(c *Config) {
		c.Sampling.Policies = []sampling.PolicyConfig{{Name: "all", Type: "always_sample", Latency: &sampling.LatencyConfig{}}}
	}))
	require.Len(t, r.logs.FilterMessage("sampling: policies[0].latency has no effect on a policy of type always_sample").All(), 1)
}
