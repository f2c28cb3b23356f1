package otlpsloreceiver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

var tracesMethod = methodOf(signalTraces)

func methodOf(s signalKind) string { return "/" + grpcServices[s] + "/" + grpcMethod }

// export sends encoded bytes over gRPC and returns the encoded answer.
func export(ctx context.Context, conn *grpc.ClientConn, s signalKind, body []byte, options ...grpc.CallOption) ([]byte, error) {
	var received receivedMessage
	err := conn.Invoke(ctx, methodOf(s), rawMessage(body), &received, append(options, grpc.ForceCodecV2(newCodec()))...)
	defer received.body.Free()
	return received.body.Materialize(), err
}

// retryInfo returns what a gRPC error says of sending again, nil if nothing.
func retryInfo(err error) *errdetails.RetryInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info
		}
	}
	return nil
}

// frame puts gRPC's message header in front of a message.
func frame(compressed byte, body []byte) []byte {
	header := []byte{compressed, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[1:], uint32(len(body)))
	return append(header, body...)
}

// rawClient speaks gRPC's frames itself, so that it can send what no proper client does.
func rawClient(t *testing.T) *http2.Transport {
	client := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// raw sends a request's body, frames and all, and returns the grpc-status of the answer.
func (r *running) raw(t *testing.T, client *http2.Transport, body io.Reader, header ...string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.grpc.listener.Addr().String()+tracesMethod, body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.RoundTrip(request)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if code := response.Header.Get("Grpc-Status"); code != "" {
		return code
	}
	return response.Trailer.Get("Grpc-Status")
}

// trickle is a body that says how long it is, sends a bit and then nothing until it is closed.
func trickle(t *testing.T) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write(frame(0, make([]byte, 1000))[:100])
	}()
	t.Cleanup(func() { _ = writer.Close() })
	return reader
}

func TestBodiesThatTrickleAreCutOff(t *testing.T) {
	const timeout = 100 * time.Millisecond
	r := start(t, withConfig(func(c *Config) { c.ReceiveTimeout = timeout }))
	client := rawClient(t)

	t.Run("gRPC without a deadline", func(t *testing.T) {
		require.Equal(t, "4", r.raw(t, client, trickle(t)))
		r.await(t, 1, "otelcol_otlp_slo_refused_requests", "reason", "not_received", "transport", "grpc")
		r.awaitNothingInFlight(t)
	})
	t.Run("gRPC that never sends a byte", func(t *testing.T) {
		reader, writer := io.Pipe()
		defer writer.Close()
		require.Equal(t, "4", r.raw(t, client, reader))
		r.awaitNothingInFlight(t)
	})
	t.Run("gRPC with a deadline further away", func(t *testing.T) {
		require.Equal(t, "4", r.raw(t, client, trickle(t), "Grpc-Timeout", "1H"))
	})
	t.Run("HTTP", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.http.listener.Addr().String()+"/v1/traces", trickle(t))
		require.NoError(t, err)
		request.ContentLength = 1000
		request.Header.Set("Content-Type", protobufType)
		got := do(t, request)
		require.Equal(t, http.StatusServiceUnavailable, got.code)
		require.EqualValues(t, 1, r.figure(t, "otelcol_otlp_slo_refused_requests", "reason", "not_received", "transport", "http"))
		require.Zero(t, r.inFlight(t))
	})
	t.Run("the timeout bounds receiving alone", func(t *testing.T) {
		body := protoOf(t, traceOf(1, 1, false))
		for range 3 { // each on its own stream of one connection
			require.Equal(t, "0", r.raw(t, client, bytes.NewReader(frame(0, body))))
		}
	})
}

func TestRequestsThatBreakOffHoldNothing(t *testing.T) {
	r := start(t)
	client := rawClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.grpc.listener.Addr().String()+tracesMethod, reader)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/grpc")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if response, err := client.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	_, err = writer.Write(frame(0, make([]byte, 1<<20))[:200_000])
	require.NoError(t, err)
	for r.inFlight(t) == 0 { // until its first bytes are there
	}
	cancel()
	<-gone
	_ = writer.Close()
	r.awaitNothingInFlight(t)
	r.await(t, 1, "otelcol_otlp_slo_refused_requests", "reason", "not_received")
}
