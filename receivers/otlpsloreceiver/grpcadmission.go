package otlpsloreceiver

import (
	"context"
	"maps"
	"net"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// withPeer tells pipelines who sends.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return client.NewContext(ctx, client.Info{Addr: c.RemoteAddr()})
}

// admission returns what is to be asked before a request's message is read, as configgrpc does: whether its sender may
// send, and what its headers are where pipelines want them. Nil: nothing is.
func admission(ctx context.Context, host component.Host, cfg *configgrpc.ServerConfig) (func(context.Context, map[string][]string) (context.Context, error), error) {
	var server extensionauth.Server
	if cfg.Auth.HasValue() {
		var err error
		if server, err = cfg.Auth.Get().GetServerAuthenticator(ctx, host.GetExtensions()); err != nil {
			return nil, err
		}
	}
	if server == nil && !cfg.IncludeMetadata {
		return nil, nil
	}
	return func(ctx context.Context, headers map[string][]string) (context.Context, error) {
		if cfg.IncludeMetadata {
			ctx = withMetadata(ctx, headers)
		}
		if server == nil {
			return ctx, nil
		}
		ctx, err := server.Authenticate(ctx, headers)
		if err == nil {
			return ctx, nil
		}
		if _, ok := status.FromError(err); ok {
			return nil, err
		}
		return nil, status.Error(codes.Unauthenticated, err.Error())
	}, nil
}

func withMetadata(ctx context.Context, headers map[string][]string) context.Context {
	const authority = ":authority"
	info := client.FromContext(ctx)
	metadata := maps.Clone(headers)
	if len(metadata[client.MetadataHostName]) == 0 && len(metadata[authority]) > 0 {
		metadata[client.MetadataHostName] = metadata[authority]
	}
	info.Metadata = client.NewMetadata(metadata)
	return client.NewContext(ctx, info)
}
