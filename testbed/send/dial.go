package send

import (
	"fmt"
	"net/url"
	"strings"
)

// Dial returns the sender for a target: "grpc://host:port" or "http://host:port". contentType is for HTTP only.
func Dial(target, contentType string, connections int, gzip bool) (Sender, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "grpc":
		return DialGRPC(u.Host, GRPCOptions{Connections: connections, Gzip: gzip})
	case "http":
		return NewHTTP(strings.TrimSuffix(target, "/"), HTTPOptions{ContentType: contentType, Gzip: gzip}), nil
	default:
		return nil, fmt.Errorf("target must begin with grpc:// or http:// (got %q)", target)
	}
}
