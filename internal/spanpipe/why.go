package spanpipe

import (
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// States that a trace can be in, as Why tells them.
const (
	stateUnknown   = "unknown" // never seen, or forgotten
	stateUndecided = "undecided"
	stateDropped   = "dropped"
	stateKept      = "kept"
)

// Why is what is known of a trace, and why it was decided as it was.
type Why struct {
	State string
	// Reason is how it came to be kept: decided, early, late, rescued, rescued_partial. Empty unless kept.
	Reason string
	// Policy that decided; empty where none matched or it is not known any more.
	Policy string
	// Threshold is the rejection threshold that kept spans carry as ot=th, where ThresholdKnown.
	Threshold      uint64
	ThresholdKnown bool
	Randomness     uint64

	// FirstSeen is when the first span arrived, Decided when the trace was kept; zero where not known.
	FirstSeen, Decided time.Time
	// Start and End are the earliest start and latest end of the spans.
	Start, End time.Time
	// SpansSeen and Errors count all spans, SpansKept those that went out with the decision, SpansHeld those that are here.
	SpansSeen, Errors, SpansKept, SpansHeld uint32
	Truncated, Rescued, Partial, Early      bool
	// Services that spans came from, by the spans that are held; of a kept trace up to four, by their numbers then.
	Services []string
	// Policies is what each policy says of the record as it stands; nil where the record is gone.
	Policies []sampling.Answer
}

// Why looks a trace up. It is for a person's question: deciding waits for it.
func (e *Engine) Why(id [16]byte) Why {
	w := Why{State: stateUnknown}
	reader := serviceReader{seen: map[string]bool{}}
	known := e.buf.Lookup(id, reader.read)
	w.Services = reader.names
	logged, found := e.decided.find(id)
	switch {
	case known.Record != nil:
		e.tellRecord(&w, known)
	case known.Remembered && !known.Kept:
		w.State = stateDropped
	case known.Remembered, found:
		w.State = stateKept
	}
	if found && w.State == stateKept {
		e.tellLogged(&w, &logged)
	}
	return w
}

func (e *Engine) tellRecord(w *Why, known tracebuf.Known) {
	r := known.Record
	w.State = map[tracebuf.State]string{
		tracebuf.Undecided: stateUndecided, tracebuf.Dropped: stateDropped, tracebuf.Kept: stateKept,
	}[r.State]
	w.Randomness = sampling.Randomness(r)
	w.FirstSeen, w.Start, w.End = e.at(known.First), unixNano(r.MinStart), unixNano(r.MaxEnd)
	w.SpansSeen, w.Errors, w.SpansHeld = r.Spans, r.Errors, known.Held
	w.tellFlags(r.Flags)
	if r.State == tracebuf.Kept { // its record says no more what policies would say of it
		w.Reason = reasonOf(r, false)
		return
	}
	w.Policies = e.plan.Load().policies.Explain(r)
	for _, a := range w.Policies { // what would decide, or has: a drop policy first
		if a.Matches && (w.Policy == "" || a.Drops) {
			w.Policy = a.Policy
			if a.Drops {
				break
			}
		}
	}
}

func (w *Why) tellFlags(f tracebuf.Flags) {
	w.Truncated, w.Rescued = f&tracebuf.Truncated != 0, f&tracebuf.Rescued != 0
	w.Partial, w.Early = f&tracebuf.Partial != 0, f&tracebuf.Early != 0
}

// tellLogged tells what the log has beyond a record, and everything where there is none.
func (e *Engine) tellLogged(w *Why, l *logged) {
	w.Policy = e.decided.policy(l.policy)
	w.Threshold, w.ThresholdKnown = l.threshold, l.known
	w.Decided, w.SpansKept = e.at(l.decided), l.kept
	if w.SpansSeen == 0 {
		w.FirstSeen, w.Start, w.End = e.at(l.first), unixNano(l.minStart), unixNano(l.maxEnd)
		w.SpansSeen, w.Errors = l.spans, l.errors
		w.tellFlags(l.flags)
		w.Reason = reasonOf(&tracebuf.Record{Flags: l.flags}, false)
	}
	if len(w.Services) == 0 {
		for _, number := range l.services {
			if name := e.coverage.ServiceName(number); name != "" {
				w.Services = append(w.Services, name)
			}
		}
	}
}

// at turns milliseconds of the engine's clock back into a time.
func (e *Engine) at(ms int64) time.Time { return e.epoch.Add(time.Duration(ms-1) * time.Millisecond) }

func unixNano(ns uint64) time.Time { return time.Unix(0, int64(ns)) }

// serviceReader lists the services of spans.
type serviceReader struct {
	seen  map[string]bool
	names []string
	batch spanview.Batch
}

// read adds the service of a span.
func (s *serviceReader) read(b tracebuf.Buffered) {
	var a otlpwire.Assembler
	a.Add(otlpwire.Piece{Resource: b.Resource, Span: b.Span})
	var schema spanview.Schema
	slot, err := schema.ResourceSlot("service.name")
	if err != nil || otlpwire.Scan(a.AppendTo(nil), &schema, &s.batch) != nil { // cannot be: it was read before
		return
	}
	if name := s.batch.ResourceValue(0, slot).Str; name != "" && !s.seen[name] {
		s.seen[name] = true
		s.names = append(s.names, name)
	}
}
