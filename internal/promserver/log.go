package promserver

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// perSample leaves out what Prometheus logs for every single sample of remote write and of rules that is refused: answers and
// the rules' health say so, and the limit's are counted. What it logs for every request that can't be stored, as when the disk is
// full, is a warning once a minute.
type perSample struct {
	slog.Handler
	told *atomic.Int64 // when the last of those was, Unix nanoseconds
}

func newPerSample(h slog.Handler) perSample { return perSample{h, &atomic.Int64{}} }

const (
	notStored = "Error while storing the remote write request"
	tellAgain = time.Minute
)

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
	if r.Message == notStored {
		last, now := h.told.Load(), r.Time.UnixNano()
		if now-last < int64(tellAgain) || !h.told.CompareAndSwap(last, now) {
			return nil
		}
		r.Level = slog.LevelWarn
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h perSample) WithAttrs(attrs []slog.Attr) slog.Handler {
	return perSample{h.Handler.WithAttrs(attrs), h.told}
}

// WithGroup implements slog.Handler.
func (h perSample) WithGroup(name string) slog.Handler {
	return perSample{h.Handler.WithGroup(name), h.told}
}
