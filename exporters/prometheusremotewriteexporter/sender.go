package prometheusremotewriteexporter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

const (
	// maxErrorText is how much of an answer is logged.
	maxErrorText = 1024
	// maxAnswer is how much of an answer is read so that the connection can be used again.
	maxAnswer = 64 * 1024
)

// sender sends what is queued for one shard, one request at a time, in order.
type sender struct {
	*metricsExporter
	shard *remotewrite.Shard
	// attempt counts the requests with the batch that is the shard's head.
	attempt int
	// hurried: the wait that Shutdown found the sender in was cut short, once.
	hurried bool
	// batch is what was sent last, suspicion what speaks against it or what it is part of.
	batch     *remotewrite.Batch
	suspicion suspicion
}

// run sends until the exporter is shut down, or the shard gets nothing any more.
func (s *sender) run() {
	for {
		b, wait, ok := s.shard.Next(time.Now())
		if !ok || b != nil && !s.send(b) {
			return
		}
		if b == nil && !s.rest(wait) {
			return
		}
	}
}

// rest waits until there may be something to send, at most for a time unless that is 0. It returns false where there
// will be nothing any more.
func (s *sender) rest(wait time.Duration) bool {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-s.draining:
		return s.shard.Pending()
	case <-s.shard.Wake():
	case <-due:
	case <-s.life.Done():
		return false
	}
	return true
}

// send sends the shard's head once and settles what becomes of it. It returns false when the exporter's life is over.
func (s *sender) send(b *remotewrite.Batch) bool {
	if s.batch != b && !b.Derived() {
		s.suspicion = suspicion{} // it is another batch
	}
	s.batch = b
	if b.Message == remotewrite.V2 && s.negotiation.Message(time.Now()) == remotewrite.V1 {
		s.downgrade(b)
		return true
	}
	s.attempt++
	response, text, err := s.post(b)
	now := time.Now()
	if err != nil {
		if s.life.Err() != nil {
			return false
		}
		return s.retry(b, 0, now, zap.Error(err))
	}
	if s.partHistograms(b, response, text, now) {
		return true
	}
	switch s.negotiation.Outcome(b.Message, response, now) {
	case remotewrite.Delivered:
		s.delivered(b, response)
	case remotewrite.Retry:
		if s.poisoned(b, response, text, now) {
			return true
		}
		return s.retry(b, response.RetryAfter, now, zap.Int("status", response.Status), zap.String("response", text))
	case remotewrite.TooLarge:
		s.split(b, now)
	case remotewrite.Downgrade:
		if _, ok := s.downgrading.allow(now); ok {
			s.logger.Info("the endpoint does not understand Remote-Write 2.0, it is sent 1.0",
				zap.Int("status", response.Status), zap.Duration("asked_again_in", remotewrite.ReprobeAfter))
		}
		s.downgrade(b)
	case remotewrite.Rejected:
		s.rejected(b, response, text, now)
	}
	return true
}

// post sends a batch and returns the answer, with the text of one that isn't a success.
func (s *sender) post(b *remotewrite.Batch) (remotewrite.Response, string, error) {
	request, err := http.NewRequestWithContext(s.life, http.MethodPost, s.config.HTTP.Endpoint, bytes.NewReader(b.Body))
	if err != nil {
		return remotewrite.Response{}, "", fmt.Errorf("cannot make a request: %w", err)
	}
	request.Header.Set("Content-Encoding", "snappy")
	request.Header.Set("Content-Type", b.Message.ContentType())
	request.Header.Set("X-Prometheus-Remote-Write-Version", b.Message.Version())
	request.Header.Set("User-Agent", s.userAgent)
	if s.attempt > 1 {
		request.Header.Set("Retry-Attempt", strconv.Itoa(s.attempt-1))
	}
	s.shard.Headers().Each(request.Header.Add)
	add(s.telemetry.requests, 1, s.telemetry.id)
	answer, err := s.client.Do(request)
	if err != nil {
		return remotewrite.Response{}, "", fmt.Errorf("cannot send a request: %w", err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
		_ = answer.Body.Close()
	}()
	response := remotewrite.ReadResponse(answer.StatusCode, answer.Header, time.Now())
	if answer.StatusCode/100 == 2 {
		return response, "", nil
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxErrorText))
	return response, string(text), nil
}

func (s *sender) delivered(b *remotewrite.Batch, r remotewrite.Response) {
	lost := s.account(b, r, b.Counts)
	s.telemetry.lost(lost, remotewrite.LostNotWritten)
	add(s.telemetry.sentPoints, b.Points, s.telemetry.id)
	s.suspicion.worked = time.Now()
	s.done(nil)
}

func (s *sender) rejected(b *remotewrite.Batch, r remotewrite.Response, text string, now time.Time) {
	lost := s.account(b, r, remotewrite.Counts{})
	if lost.Samples+lost.Histograms == 0 {
		// Exemplars alone were refused: every data point arrived.
		s.telemetry.lost(lost, remotewrite.LostRejected)
		add(s.telemetry.sentPoints, b.Points, s.telemetry.id)
		s.done(nil)
	} else {
		err := fmt.Errorf("the endpoint refused samples with status %d: %s", r.Status, text)
		s.giveUp(b, lost, remotewrite.LostRejected, consumererror.NewPermanent(err))
	}
	if skipped, ok := s.losing.allow(now); ok {
		s.logger.Error("the endpoint refused samples, they are lost", zap.Int("status", r.Status), zap.String("response", text),
			zap.Int("samples", lost.Samples), zap.Int("histograms", lost.Histograms), zap.Int("exemplars", lost.Exemplars),
			zap.Int("other_requests", skipped))
	}
}

// account counts what the endpoint took of a batch and returns the rest. Endpoints that don't say took assumed.
func (s *sender) account(b *remotewrite.Batch, r remotewrite.Response, assumed remotewrite.Counts) (lost remotewrite.Counts) {
	written := assumed
	if b.Message == remotewrite.V2 && r.Accounted {
		s.telemetry.written(r.Written)
		written = b.Counts.Min(r.Written)
	}
	s.telemetry.arrived(written)
	if written.Samples+written.Histograms > 0 {
		s.sentThrough(b.Newest)
	}
	return b.Counts.Sub(written)
}

// retry waits before the head is sent again, or gives it up. It returns false when the exporter's life ends meanwhile.
func (s *sender) retry(b *remotewrite.Batch, after time.Duration, now time.Time, why ...zap.Field) bool {
	r := &s.config.Retry
	if limit := s.config.MaxRetryAge; !r.Enabled || limit > 0 && now.Sub(b.Since) >= limit {
		s.giveUp(b, b.Counts, remotewrite.LostGaveUp, errors.New("the samples were given up after retries"))
		if skipped, ok := s.losing.allow(now); ok {
			s.logger.Error("samples are given up", append(why, zap.Int("samples", b.Counts.Samples),
				zap.Duration("age", now.Sub(b.Since)), zap.Int("other_requests", skipped))...)
		}
		return true
	}
	backoff := remotewrite.Backoff{Initial: r.InitialInterval, Max: r.MaxInterval, Multiplier: r.Multiplier, Jitter: r.RandomizationFactor}
	delay := max(backoff.Delay(s.attempt, rand.Float64()), after)
	add(s.telemetry.retries, 1, s.telemetry.id)
	if skipped, ok := s.failing.allow(now); ok {
		s.logger.Warn("cannot write to the endpoint, will try again", append(why, zap.Int("attempt", s.attempt),
			zap.Duration("delay", delay), zap.Int("pending_bytes", s.queue.Load().Pending().Bytes), zap.Int("other_requests", skipped))...)
	}
	s.shard.Park()
	if s.config.WAL != nil && s.shuttingDown() {
		return false // it is on disk, and the next start sends it
	}
	return s.wait(delay)
}

// shuttingDown reports whether Shutdown has begun.
func (s *sender) shuttingDown() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// wait waits, and returns false when the exporter's life ends meanwhile. When Shutdown begins, a wait that is longer than it
// lasts is cut short, once: a last attempt is worth more to the endpoint than none. Where there is a log the next start makes it.
func (s *sender) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	draining := s.draining
	if s.config.WAL == nil && (s.hurried || d < s.config.ShutdownTimeout) {
		draining = nil
	}
	select {
	case <-timer.C:
	case <-draining:
		s.hurried = true
		return s.config.WAL == nil
	case <-s.life.Done():
		return false
	}
	return true
}

// minSplitBytes is the size of a request, compressed, from which an endpoint may mean what it says: that it is too large.
const minSplitBytes = 2048

// split replaces the head by its halves.
func (s *sender) split(b *remotewrite.Batch, now time.Time) {
	first, second, err := b.Split()
	if err == nil && len(b.Body) < minSplitBytes {
		err = fmt.Errorf("%w: it has %d bytes", remotewrite.ErrCannotSplit, len(b.Body))
	}
	if err == nil {
		s.shard.Replace(first, second)
		s.attempt = 0
		return
	}
	why := remotewrite.LostBroken
	if errors.Is(err, remotewrite.ErrCannotSplit) {
		why = remotewrite.LostTooLarge
	}
	s.giveUp(b, b.Counts, why, consumererror.NewPermanent(fmt.Errorf("the endpoint refused a request as too large: %w", err)))
	if skipped, ok := s.losing.allow(now); ok {
		s.logger.Error("the endpoint refused a request as too large, it is lost", zap.Error(err), zap.Int("other_requests", skipped))
	}
}

// downgrade replaces the head by the same in 1.0.
func (s *sender) downgrade(b *remotewrite.Batch) {
	old, err := b.Transcode(remotewrite.V1, s.config.SendMetadata)
	if err == nil {
		s.shard.Replace(old)
		return
	}
	s.giveUp(b, b.Counts, remotewrite.LostBroken, consumererror.NewPermanent(err))
	if skipped, ok := s.losing.allow(time.Now()); ok {
		s.logger.Error("samples are lost", zap.Error(err), zap.Int("other_requests", skipped))
	}
}

func (s *sender) giveUp(b *remotewrite.Batch, lost remotewrite.Counts, why remotewrite.Loss, err error) {
	s.telemetry.lost(lost, why)
	add(s.telemetry.failedPoints, b.Points, s.telemetry.id)
	s.done(err)
}

func (s *sender) done(err error) {
	s.attempt = 0
	s.suspicion.answers = 0
	s.shard.Done(time.Now(), err)
}
