//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// largeRequests are of gRPC's own limit in size. Each span is a trace of its own, the first of each request an error.
type largeRequests struct {
	spans   int
	padding mem.SliceBuffer // at each span's end; all requests share it, so that many can be under way
	// head returns a span up to its padding, with an attribute that the padding is the value of where there is one.
	head func(id truth.TraceID, isError bool, padding int) []byte
}

var (
	fewLargeSpans = largeRequests{spans: 127, padding: make([]byte, 32<<10), head: paddedSpan}
	// About as many as a batch has rows for, at 512 and at 256 MiB.
	manySmallSpans  = largeRequests{spans: 50_000, head: smallestSpan}
	fewerSmallSpans = largeRequests{spans: 15_000, head: smallestSpan}
)

func largeTraceID(request uint64, span int) truth.TraceID {
	var id truth.TraceID
	binary.BigEndian.PutUint64(id[:], request+1)
	binary.BigEndian.PutUint64(id[8:], (request+1)<<20+uint64(span)+1)
	return id
}

// encode returns a request.
func (l *largeRequests) encode(request uint64) mem.BufferSlice {
	var pieces mem.BufferSlice
	var small []byte
	size := 0
	for i := range l.spans {
		head := l.head(largeTraceID(request, i), i == 0, len(l.padding))
		size += len(head) + len(l.padding)
		if len(l.padding) == 0 {
			small = append(small, head...)
			continue
		}
		pieces = append(pieces, mem.SliceBuffer(head), l.padding)
	}
	resource := []byte("\x0a\x18\x0a\x16\x0a\x0cservice.name\x12\x06\x0a\x04bulk") // resource {attributes {service.name: bulk}}
	scopeSpans := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.BytesType), uint64(size))
	head := protowire.AppendTag(nil, 1, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(resource)+len(scopeSpans)+size))
	head = append(append(head, resource...), scopeSpans...)
	return append(mem.BufferSlice{mem.SliceBuffer(append(head, small...))}, pieces...)
}

func field(to []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), value)
}

// opened begins a field of which value and padding are the contents.
func opened(number protowire.Number, value []byte, padding int) []byte {
	to := protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(len(value)+padding))
	return append(to, value...)
}

var statusError = field(nil, 15, []byte{3 << 3, 2})

func paddedSpan(id truth.TraceID, isError bool, padding int) []byte {
	span := field(field(nil, 1, id[:]), 2, id[8:])
	span = append(span, 6<<3, 2) // kind: SERVER
	if isError {
		span = append(span, statusError...)
	}
	attribute := append(field(nil, 1, []byte("padding")), opened(2, opened(1, nil, padding), padding)...)
	return opened(2, append(span, opened(9, attribute, padding)...), padding)
}

// smallestSpan is a trace id and nothing else.
func smallestSpan(id truth.TraceID, isError bool, _ int) []byte {
	span := field(nil, 1, id[:])
	if isError {
		span = append(span, statusError...)
	}
	return field(nil, 2, span)
}

// sliceCodec sends a request's pieces as they are and ignores answers.
type sliceCodec struct{}

func (sliceCodec) Name() string                           { return "proto" }
func (sliceCodec) Marshal(v any) (mem.BufferSlice, error) { return v.(mem.BufferSlice), nil }
func (sliceCodec) Unmarshal(mem.BufferSlice, any) error   { return nil }

// largeLoad sends large requests in many streams at once, each again until it is accepted.
type largeLoad struct {
	requests      largeRequests
	next, refused atomic.Uint64
	mu            sync.Mutex // protects accepted
	accepted      []uint64
}

func (l *largeLoad) run(t *testing.T, address string, conns, streams int, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var sending sync.WaitGroup
	for range conns {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		defer conn.Close()
		for range streams / conns {
			sending.Go(func() {
				for ctx.Err() == nil && l.send(ctx, t, conn) {
				}
			})
		}
	}
	sending.Wait()
}

// send sends a request until it is accepted or the time is up; it returns false where it was refused otherwise.
func (l *largeLoad) send(ctx context.Context, t *testing.T, conn *grpc.ClientConn) bool {
	n := l.next.Add(1)
	body := l.requests.encode(n)
	for {
		// What has been begun is answered, so that nothing is accepted and not known of.
		err := conn.Invoke(context.WithoutCancel(ctx), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, nil, grpc.ForceCodecV2(sliceCodec{}))
		if err == nil {
			l.mu.Lock()
			l.accepted = append(l.accepted, n)
			l.mu.Unlock()
			return true
		}
		wait := retryAfter(err)
		if status.Code(err) != codes.ResourceExhausted || wait == 0 {
			t.Errorf("want RESOURCE_EXHAUSTED with RetryInfo, got %v", err)
			return false
		}
		l.refused.Add(1)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
}

func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func TestManyStreamsOfLargeRequestsStayWithinTheBudget(t *testing.T) {
	for _, c := range []struct {
		name     string
		mib      int
		streams  int
		requests largeRequests
	}{
		{"few large spans, 512 MiB", 512, 400, fewLargeSpans},
		{"few large spans, 256 MiB", 256, 400, fewLargeSpans},
		{"many small spans, 512 MiB", 512, 24, manySmallSpans},
		{"many small spans, 256 MiB", 256, 24, fewerSmallSpans},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shipped{memoryMiB: c.mib, decisionWait: 5 * time.Second, decisionWaitMin: 2 * time.Second}
			s.start(t)
			l := largeLoad{requests: c.requests}
			l.run(t, s.grpc, 8, c.streams, 8*time.Second)
			s.withinBudget(t)
			a := s.stop(t, 20*time.Second)
			t.Logf("%d requests accepted, %d refused", len(l.accepted), l.refused.Load())
			acknowledged := uint64(len(l.accepted) * c.requests.spans)
			s.conserved(t, acknowledged, a)
			assert.Equal(t, acknowledged, s.remote.Calls(), "RED")
			kept := s.otlp.Kept()
			for _, n := range l.accepted {
				require.Equal(t, 1, kept[largeTraceID(n, 0)], "the error of request %d", n)
			}
			if len(c.requests.padding) > 0 { // else all may fit, and no span is a request's
				assert.NotZero(t, l.refused.Load())
				assert.Equal(t, acknowledged, s.sli("good")+s.sli("bad"), "SLI")
				assert.EqualValues(t, len(l.accepted), s.sli("bad"), "SLI")
			}
		})
	}
}

// Bodies that trickle hold room for receive_timeout at most; whoever comes meanwhile is told to come again.
func TestBodiesThatTrickleAreCutOffAndCostNobodyASpan(t *testing.T) {
	s := shipped{memoryMiB: 256, extra: "    receive_timeout: 2s"}
	s.start(t)
	plan := reference(t, 0.05)
	g := s.send(t, plan, load.Options{SpansPerSecond: offered})
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	var codes sync.Map
	var trickling sync.WaitGroup
	streams := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer streams.CloseIdleConnections()
	plain := &http.Transport{DisableKeepAlives: true}
	for range 200 {
		trickling.Go(func() {
			trickleUntil(ctx, &codes, streams, "http://"+s.grpc+"/opentelemetry.proto.collector.trace.v1.TraceService/Export", "application/grpc")
		})
		trickling.Go(func() { trickleUntil(ctx, &codes, plain, "http://"+s.http+"/v1/traces", "application/x-protobuf") })
	}
	trickling.Wait()
	run(t, 3*time.Second)
	g.Stop()
	var seen []string
	codes.Range(func(code, _ any) bool { seen = append(seen, code.(string)); return true })
	t.Logf("trickling bodies were answered %v", seen)
	assert.Subset(t, []string{"200 4", "200 8", "503 ", "429 "}, seen)
	assert.Contains(t, seen, "200 4")
	assert.Contains(t, seen, "503 ")
	s.withinBudget(t)
	refused := g.Stats().Refused
	t.Logf("the load: %d requests acknowledged, refused %v", g.Stats().Requests, refused)
	delete(refused, "ResourceExhausted")
	assert.Empty(t, refused)
	s.conserved(t, g.Spans(), s.stop(t, 20*time.Second))
	s.nothingWorthKeepingIsLost(t, plan, g)
	s.complete(t, plan, g)
}

// trickleUntil posts bodies of 4 MB, a few bytes at a time, and notes the HTTP status and grpc-status of each answer.
func trickleUntil(ctx context.Context, codes *sync.Map, transport http.RoundTripper, url, contentType string) {
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &trickle{ctx: ctx, head: []byte{0, 0, 0x3d, 0x09, 0x00}})
		if err != nil {
			return
		}
		request.ContentLength = 4_000_005
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("TE", "trailers")
		answer, err := transport.RoundTrip(request)
		if err != nil { // the connection may be gone before the answer was read
			continue
		}
		var drained strings.Builder
		_ = answer.Write(&drained)
		code := answer.Header.Get("Grpc-Status") + answer.Trailer.Get("Grpc-Status")
		codes.Store(fmt.Sprintf("%d %s", answer.StatusCode, code), true)
	}
}

// trickle is a body of which a little comes every 100 ms.
type trickle struct {
	ctx  context.Context
	head []byte
}

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	select {
	case <-time.After(100 * time.Millisecond):
		return copy(p, "0123456789"), nil
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
}
