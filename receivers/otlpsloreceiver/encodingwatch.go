package otlpsloreceiver

import (
	"context"
	"slices"
	"strings"

	grpcencoding "google.golang.org/grpc/encoding"
	"google.golang.org/grpc/stats"
)

// encodingWatch counts requests in a compression that nobody registered: gRPC refuses them before it asks a handler.
type encodingWatch struct{ refused *refused }

// TagRPC implements stats.Handler.
func (*encodingWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (*encodingWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (*encodingWatch) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC implements stats.Handler.
func (w *encodingWatch) HandleRPC(_ context.Context, event stats.RPCStats) {
	header, ok := event.(*stats.InHeader)
	if !ok || header.Compression == "" || header.Compression == grpcencoding.Identity ||
		grpcencoding.GetCompressor(header.Compression) != nil {
		return
	}
	service := strings.TrimSuffix(strings.TrimPrefix(header.FullMethod, "/"), "/"+grpcMethod)
	if signal := slices.Index(grpcServices[:], service); signal >= 0 {
		w.refused.add(transportGRPC, signalKind(signal), reasonUnknownEncoding)
	}
}
