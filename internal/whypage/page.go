package whypage

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// Pattern is where the page is, for a http.ServeMux.
const Pattern = "GET /why/{trace_id}"

// answer is the page's JSON. What is not known is left out.
type answer struct {
	TraceID string `json:"trace_id"`
	// State: unknown, undecided, dropped, kept.
	State string `json:"state"`
	// Reason: decided, early, late, rescued, rescued_partial.
	Reason string `json:"reason,omitempty"`
	Policy string `json:"policy,omitempty"`
	// Threshold is what kept spans carry as ot=th, Probability what it stands for, Randomness the trace's R: all digits.
	Threshold   string  `json:"threshold,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Randomness  string  `json:"randomness,omitempty"`

	FirstSeen string `json:"first_seen,omitempty"`
	Decided   string `json:"decided,omitempty"`
	Start     string `json:"start,omitempty"`
	End       string `json:"end,omitempty"`

	SpansSeen uint32 `json:"spans_seen,omitempty"`
	SpansKept uint32 `json:"spans_kept,omitempty"`
	SpansHeld uint32 `json:"spans_held,omitempty"`
	Errors    uint32 `json:"errors,omitempty"`

	Truncated bool `json:"truncated,omitempty"`
	Rescued   bool `json:"rescued,omitempty"`
	Partial   bool `json:"partial,omitempty"`
	Early     bool `json:"early,omitempty"`

	Services []string       `json:"services,omitempty"`
	Policies []policyAnswer `json:"policies,omitempty"`
}

// policyAnswer is what a policy says of the trace as its record stands.
type policyAnswer struct {
	Policy  string `json:"policy"`
	Drops   bool   `json:"drops,omitempty"`
	Matches bool   `json:"matches"`
	// Probability of matching such a trace; left out where randomness does not tell it.
	Probability *float64 `json:"probability,omitempty"`
	Settled     bool     `json:"settled,omitempty"`
}

// Handler answers from what why tells.
func Handler(why func(id [16]byte) spanpipe.Why) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := r.PathValue("trace_id")
		var id [16]byte
		if raw, err := hex.DecodeString(text); err != nil || copy(id[:], raw) != len(id) || len(raw) != len(id) {
			http.Error(w, fmt.Sprintf("trace_id must be 32 hexadecimal digits (got %q)", text), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		known := why(id)
		_ = encoder.Encode(answerOf(hex.EncodeToString(id[:]), &known)) // who asked is gone
	})
}

func answerOf(id string, y *spanpipe.Why) answer {
	a := answer{
		TraceID: id, State: y.State, Reason: y.Reason, Policy: y.Policy,
		FirstSeen: timeText(y.FirstSeen), Decided: timeText(y.Decided), Start: timeText(y.Start), End: timeText(y.End),
		SpansSeen: y.SpansSeen, SpansKept: y.SpansKept, SpansHeld: y.SpansHeld, Errors: y.Errors,
		Truncated: y.Truncated, Rescued: y.Rescued, Partial: y.Partial, Early: y.Early, Services: y.Services,
	}
	if y.ThresholdKnown {
		a.Threshold, a.Probability = hex56(y.Threshold), 1-float64(y.Threshold)/math.Exp2(56)
	}
	if y.Policies != nil {
		a.Randomness = hex56(y.Randomness)
	}
	for _, p := range y.Policies {
		line := policyAnswer{Policy: p.Policy, Drops: p.Drops, Matches: p.Matches, Settled: p.Settled}
		if p.Known {
			line.Probability = &p.Share
		}
		a.Policies = append(a.Policies, line)
	}
	return a
}

// hex56 writes a threshold or randomness with all of its 14 digits.
func hex56(v uint64) string { return fmt.Sprintf("%014x", v) }

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
