package prometheusremotewriteexporter

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

const (
	// poisonAge and poisonAnswers are how long and how often an endpoint must fail over the same batch before the batch is
	// suspected.
	poisonAge     = time.Minute
	poisonAnswers = 10
	// poisonAgain is how often it must fail over a part of a suspected batch.
	poisonAgain = 3
	// poisonEvidence is how long it counts that the endpoint took another part. What is tried meanwhile takes some 20 s a
	// series: an outage that begins then costs a few.
	poisonEvidence = 2 * time.Minute
	// maxParts bounds the parts of a batch while the endpoint takes none.
	maxParts = 16
)

// suspicion is what speaks for the oldest batch of a shard being why the endpoint fails.
type suspicion struct {
	since   time.Time // of the first failure over it, or over what it is part of
	answers int       // failures
	// cornered: it is part of a batch that was suspected.
	cornered bool
	// worked is when the endpoint took another part; zero: it took none.
	worked time.Time
}

// fails reports whether an answer may be about what was sent. The others come from what stands between, or say that the
// endpoint is busy.
func fails(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	default:
		return status/100 == 5
	}
}

// poisoned looks into a failure. A batch over which the endpoint fails again and again is parted, and the parts are tried
// in turns. Where the endpoint took another part of it not long ago, those that it fails over are parted on, until the series
// is alone; that one is given up, so that the others arrive and the shard goes on. What the endpoint takes of other batches
// says nothing: one tenant's storage may fail while another's works. Where it takes nothing, nothing is given up.
// It returns false where the batch is to be sent again as it is.
func (s *sender) poisoned(b *remotewrite.Batch, r remotewrite.Response, text string, now time.Time) bool {
	if !fails(r.Status) || !s.config.Retry.Enabled {
		return false
	}
	x := &s.suspicion
	if x.since.IsZero() {
		x.since = now
	}
	if x.answers++; !x.due(b.Series == 1, now) {
		return false
	}
	works := now.Sub(x.worked) < poisonEvidence
	x.answers, x.cornered = 0, true
	if works || s.shard.Parts() < maxParts {
		if first, second, err := b.Split(); err == nil && second.Apart() {
			s.shard.Replace(first, second)
		} else if works {
			s.spoilt(b, r, text, now)
			return true
		}
	}
	s.shard.Rotate()
	return true
}

// due reports whether the endpoint failed often enough: over a single series, which is about to be lost, more often.
func (x *suspicion) due(single bool, now time.Time) bool {
	if !x.cornered {
		return x.answers >= poisonAnswers && now.Sub(x.since) >= poisonAge
	}
	return x.answers >= poisonAnswers || !single && x.answers >= poisonAgain
}

// spoilt gives up a series.
func (s *sender) spoilt(b *remotewrite.Batch, r remotewrite.Response, text string, now time.Time) {
	s.giveUp(b, b.Counts, remotewrite.LostPoison, errors.New("the endpoint fails over a series again and again"))
	if skipped, ok := s.losing.allow(now); ok {
		s.logger.Error("the endpoint fails over a series again and again and works otherwise, its samples are lost",
			zap.Int("status", r.Status), zap.String("response", text), zap.Int("samples", b.Counts.Samples),
			zap.Int("histograms", b.Counts.Histograms), zap.Int("other_requests", skipped))
	}
}
