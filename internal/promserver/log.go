package promserver

import (
	"context"
	"log/slog"
	"strings"
)

// perSample leaves out what Prometheus logs for every single sample of remote write and of rules that is refused: answers and
// the rules' health say so, and the limit's are counted.
type perSample struct{ slog.Handler }

// perSampleMessages begin what is left out.
var perSampleMessages = []string{
	"Out of order ", "failed to ingest exemplar", "Invalid metric names or labels", "Invalid labels for series",
	"Rule evaluation result discarded",
}

// Handle implements slog.Handler.
func (h perSample) Handle(ctx context.Context, r slog.Record) error {
	for _, begin := range perSampleMessages {
		if strings.HasPrefix(r.Message, begin) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h perSample) WithAttrs(attrs []slog.Attr) slog.Handler {
	return perSample{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h perSample) WithGroup(name string) slog.Handler { return perSample{h.Handler.WithGroup(name)} }
