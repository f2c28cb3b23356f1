package remotewrite

import (
	"fmt"
	"net/http"
	"strings"
)

// RefusesHistograms reports whether an endpoint refused a batch, all of it, only because native histograms are switched
// off there. What it says then is Prometheus' own sentence (storage.ErrNativeHistogramsDisabled); the releases that have
// the switch answer 500, which asks for the same again.
func (b *Batch) RefusesHistograms(r Response, text string) bool {
	if b.Counts.Histograms == 0 || r.Status/100 == 2 || !strings.Contains(text, "native histograms are disabled") {
		return false
	}
	// A 2.0 receiver that accounts for a request it will not take has written the rest of it.
	return b.Message == V1 || !r.Accounted || r.Status >= http.StatusInternalServerError
}

// PartHistograms returns two batches: the native histograms of a batch and all else, each in order. The batch itself stays
// as it is. It fails where the body is not what its message says.
func (b *Batch) PartHistograms() (histograms, others *Batch, err error) {
	series, err := b.decode()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot part the histograms of a batch: %w", err)
	}
	var natives, rest []Series
	for i := range series {
		if series[i].Histogram != nil {
			natives = append(natives, series[i])
		} else {
			rest = append(rest, series[i])
		}
	}
	histograms, others = b.encode(newEncoder(b.Message, true), natives), b.encode(newEncoder(b.Message, true), rest)
	// A native histogram is all that its data point became.
	histograms.Points = min(histograms.Series, b.Points)
	others.Points = b.Points - histograms.Points
	histograms.apart, others.apart = b.apart || !b.derived, b.apart || !b.derived
	return histograms, others, nil
}
