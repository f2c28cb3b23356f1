package promserver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// limit bounds the series in the head. It implements tsdb.SeriesLifecycleCallback.
type limit struct {
	max    int64
	series atomic.Int64
	// enforced only once the log was read again: what was acknowledged is taken back whole.
	enforced atomic.Bool
	refused  atomic.Uint64 // samples
}

// tooManySeries is why a sample is refused. The handler of remote write takes it for a sample out of bounds: the request is
// answered 400, not to be sent again, and the other samples of remote write 2.0 are written.
type tooManySeries struct{ max int64 }

func (e tooManySeries) Error() string {
	return fmt.Sprintf("the sample is of a new series, and there are series_max (%d) already", e.max)
}

func (tooManySeries) Is(target error) bool { return target == storage.ErrOutOfBounds }

// PreCreation implements tsdb.SeriesLifecycleCallback.
func (l *limit) PreCreation(labels.Labels) error {
	if l.enforced.Load() && l.series.Load() >= l.max {
		return tooManySeries{l.max}
	}
	return nil
}

// PostCreation implements tsdb.SeriesLifecycleCallback.
func (l *limit) PostCreation(labels.Labels) { l.series.Add(1) }

// PostDeletion implements tsdb.SeriesLifecycleCallback.
func (l *limit) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	l.series.Add(-int64(len(gone)))
}

// limited counts the samples that the limit refuses. Where the request can't say which of its samples were refused, as with
// remote write 1.0, they are left out and the others written: the handler would drop all of them.
type limited struct {
	storage.Appendable
	limit *limit
}

// lenient marks the context of such a request.
type lenient struct{}

// Appender implements storage.Appendable.
func (l limited) Appender(ctx context.Context) storage.Appender {
	return &limitedAppender{Appender: l.Appendable.Appender(ctx), limit: l.limit, lenient: ctx.Value(lenient{}) != nil}
}

type limitedAppender struct {
	storage.Appender
	limit   *limit
	lenient bool
}

func (a *limitedAppender) judge(ref storage.SeriesRef, err error) (storage.SeriesRef, error) {
	if _, refused := errors.AsType[tooManySeries](err); !refused {
		return ref, err
	}
	a.limit.refused.Add(1)
	if a.lenient {
		return 0, nil
	}
	return ref, err
}

// Append implements storage.Appender.
func (a *limitedAppender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	return a.judge(a.Appender.Append(ref, l, t, v))
}

// AppendHistogram implements storage.Appender.
func (a *limitedAppender) AppendHistogram(ref storage.SeriesRef, l labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return a.judge(a.Appender.AppendHistogram(ref, l, t, h, fh))
}
