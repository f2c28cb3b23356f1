package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lagQuantile is the share of decisions whose lag is reported.
const lagQuantile = 0.99

// lags is what our binary says of how late its decisions were: how many were at most so late, by milliseconds, and how many traces
// were decided early because its memory was used up.
type lags struct {
	traces map[float64]float64
	early  float64
}

// readLags asks an address of own telemetry.
func readLags(ctx context.Context, address string) (lags, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return lags{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return lags{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return lags{}, err
	}
	return parseLags(string(body))
}

// parseLags reads the exposition format, of which it knows as much as it needs.
func parseLags(text string) (lags, error) {
	l := lags{traces: map[float64]float64{}}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "{")
		name = strings.TrimSuffix(name, "_total")
		labels, value, ok := strings.Cut(rest, "} ")
		isLag, isEarly := strings.HasSuffix(name, "_decision_lag_traces"), strings.HasSuffix(name, "_early_decisions")
		if !ok || strings.HasPrefix(name, "#") || !isLag && !isEarly {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return l, fmt.Errorf("cannot read own metric %q: %w", line, err)
		}
		if isEarly {
			l.early += n
			continue
		}
		bound, err := lagBound(labels)
		if err != nil {
			return l, fmt.Errorf("cannot read own metric %q: %w", line, err)
		}
		l.traces[bound] += n
	}
	return l, nil
}

// lagBound returns the label lag_max in milliseconds.
func lagBound(labels string) (float64, error) {
	_, after, _ := strings.Cut(labels, `lag_max="`)
	text, _, _ := strings.Cut(after, `"`)
	if text == "+Inf" {
		return math.Inf(1), nil
	}
	d, err := time.ParseDuration(text)
	return float64(d) / float64(time.Millisecond), err
}

// since returns how late a share of the decisions since an earlier reading were at most, in milliseconds: a bound that the binary
// counts by, so no less than the truth. NaN where there were none.
func (l *lags) since(before *lags, share float64) float64 {
	bounds := make([]float64, 0, len(l.traces))
	all := 0.0
	for bound, n := range l.traces {
		bounds = append(bounds, bound)
		all += n - before.traces[bound]
	}
	slices.Sort(bounds)
	sum := 0.0
	for _, bound := range bounds {
		sum += l.traces[bound] - before.traces[bound]
		if all > 0 && sum >= share*all {
			return bound
		}
	}
	return math.NaN()
}
