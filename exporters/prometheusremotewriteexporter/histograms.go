package prometheusremotewriteexporter

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// partHistograms gives up the native histograms of the head where the endpoint takes none, so that all else arrives: an
// endpoint of that kind asks for the whole request again, for ever. It returns false where that is not why it failed.
func (s *sender) partHistograms(b *remotewrite.Batch, r remotewrite.Response, text string, now time.Time) bool {
	if !b.RefusesHistograms(r, text) {
		return false
	}
	histograms, others, err := b.PartHistograms()
	if err != nil {
		return false // it is sent again as it is
	}
	if others.Series == 0 {
		s.shard.Replace(histograms)
	} else {
		s.shard.Replace(histograms, others)
	}
	s.giveUp(histograms, histograms.Counts, remotewrite.LostRejected,
		consumererror.NewPermanent(fmt.Errorf("the endpoint refused native histograms with status %d: %s", r.Status, text)))
	if skipped, ok := s.losing.allow(now); ok {
		s.logger.Error("the endpoint takes no native histograms, they are lost and the rest is sent without them; "+
			"start it with --enable-feature=native-histograms, or send explicit histograms",
			zap.Int("status", r.Status), zap.String("response", text), zap.Int("histograms", histograms.Counts.Histograms),
			zap.Int("other_requests", skipped))
	}
	return true
}
