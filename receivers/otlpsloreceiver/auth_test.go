package otlpsloreceiver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// gatekeeper is an authentication extension that wants a password.
type gatekeeper struct{ component.Component }

func (gatekeeper) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	for _, header := range []string{"Password", "password"} {
		if values := sources[header]; len(values) == 1 && values[0] == "sesame" {
			return ctx, nil
		}
	}
	return ctx, errors.New("who are you?")
}

type guardedHost struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h guardedHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func startGuarded(t *testing.T) *running {
	id := component.MustNewID("gatekeeper")
	host := guardedHost{componenttest.NewNopHost(), map[component.ID]component.Component{id: gatekeeper{}}}
	auth := configauth.Config{AuthenticatorID: id}
	return startWith(t, host, withConfig(func(c *Config) {
		c.ReceiveTimeout = 100 * time.Millisecond // net/http waits for a body before it refuses it
		c.Protocols.GRPC.Get().Auth = configoptional.Some(auth)
		c.Protocols.HTTP.Get().Auth = configoptional.Some(confighttp.AuthConfig{Config: auth})
	}))
}

func TestWhoMayNotSendIsRefusedBeforeAByteIsRead(t *testing.T) {
	r := startGuarded(t)
	gate := r.watchGate()

	body, sender := io.Pipe() // nothing is ever sent: an answer comes without
	defer sender.Close()
	require.Equal(t, "16", r.raw(t, rawClient(t), body))

	body, sender = io.Pipe()
	defer sender.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.http.listener.Addr().String()+"/v1/traces", body)
	require.NoError(t, err)
	request.ContentLength = 1000
	request.Header.Set("Content-Type", jsonType)
	got := do(t, request)
	require.Equal(t, http.StatusUnauthorized, got.code)
	require.Equal(t, codes.Unauthenticated, codes.Code(statusIn(t, got, jsonType).GetCode()))

	require.Zero(t, gate.most.Load(), "nothing was reserved")
	require.Zero(t, r.figure(t, "otelcol_otlp_slo_refused_requests"), "the Collector's own metrics count these")
}

func TestWhoMaySendIsTaken(t *testing.T) {
	r := startGuarded(t)
	body := protoOf(t, traceOf(1, 2, false))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "password", "sesame")
	for _, signal := range []signalKind{signalTraces, signalMetrics, signalLogs} {
		_, err := export(t.Context(), r.dial(t), signal, nil)
		require.ErrorContains(t, err, "who are you?")
		_, err = export(ctx, r.dial(t), signal, nil)
		require.NoError(t, err)
	}
	_, err := export(ctx, r.dial(t), signalTraces, body)
	require.NoError(t, err)
	require.EqualValues(t, 2, r.figure(t, "otelcol_receiver_accepted_spans"))
}

// tapping is a middleware of gRPC's own server.
type tapping struct{ component.Component }

func (tapping) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) { return nil, nil }

func TestAMiddlewareOfGRPCsServerIsAnErrorAtStart(t *testing.T) {
	id := component.MustNewID("tapping")
	cfg := quick()
	cfg.Protocols.GRPC.Get().Middlewares = []configmiddleware.Config{{ID: id}}
	r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(componentType), cfg, consumertest.NewNop())
	require.NoError(t, err)
	host := guardedHost{componenttest.NewNopHost(), map[component.ID]component.Component{id: tapping{}}}
	require.ErrorContains(t, r.Start(t.Context(), host), "protocols.grpc.middlewares must be empty (got 1)")
}
