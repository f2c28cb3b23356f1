package spanpipe

import (
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
	"github.com/otelcol-slo/otelcol-slo/internal/spanstore"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// RefusedReason is why a request was refused, a closed set.
type RefusedReason uint8

const (
	refusedInvalid RefusedReason = iota
	refusedTooMany
	refusedNoBudget
	refusedReloading

	refusedReasons
)

// Name returns the reason's value of the attribute "reason".
func (r RefusedReason) Name() string {
	return [refusedReasons]string{"invalid", "too_many_spans", "no_budget", "reloading"}[r]
}

// counts are the engine's own counters, beside those of the buffer.
type counts struct {
	requests, spans, bytes atomic.Uint64
	zeroTraceID            atomic.Uint64
	refused                [refusedReasons]struct{ requests, bytes atomic.Uint64 }

	deliveredSpans, deliveredLate, deliveredTraces atomic.Uint64
	failedSpans, failedTraces                      atomic.Uint64
	retries                                        atomic.Uint64
	lostSpans                                      atomic.Uint64
	incomplete                                     atomic.Uint64
	reliefs                                        atomic.Uint64
}

func (c *counts) accept(a Accepted, bytes int) {
	c.requests.Add(1)
	c.spans.Add(uint64(a.Spans))
	c.bytes.Add(uint64(bytes))
	c.zeroTraceID.Add(uint64(a.ZeroTraceID))
}

func (c *counts) refuse(r RefusedReason, bytes int) {
	c.refused[r].requests.Add(1)
	c.refused[r].bytes.Add(uint64(bytes))
}

// delivered counts a batch that was taken.
func (c *counts) delivered(b *outBatch) {
	c.deliveredTraces.Add(b.traces)
	c.deliveredSpans.Add(b.spans - b.late)
	c.deliveredLate.Add(b.late)
}

func (c *counts) sendFailed(b *outBatch) {
	c.failedTraces.Add(b.traces)
	c.failedSpans.Add(b.spans)
}

// Refused is how much was refused for one reason.
type Refused struct {
	Reason          string
	Requests, Bytes uint64
}

// Stats is what the engine counted since its start and what it holds now. Spans are conserved:
//
//	AcceptedSpans + RecoveredSpans = DeliveredSpans + DeliveredLateSpans + SendFailedSpans + Buffer.DroppedSpans + Buffer.LateDropped
//	              + Buffer.Truncated + LostSpans + held (Held.Spans + QueuedSpans)
type Stats struct {
	AcceptedRequests, AcceptedSpans, AcceptedBytes uint64
	ZeroTraceIDSpans                               uint64
	Refused                                        []Refused

	Buffer tracebuf.Tally
	Held   tracebuf.Held

	DeliveredTraces, DeliveredSpans, DeliveredLateSpans uint64
	SendFailedTraces, SendFailedSpans                   uint64
	SendRetries                                         uint64
	QueuedBatches, QueuedBytes                          int
	QueuedSpans                                         uint64
	// LostSpans were accepted and are gone because the system gave no memory for them; it stays 0 on a sound system.
	LostSpans uint64
	// IncompleteTraces were kept without some of the spans that had come of them by then: their cap was passed, or these were gone.
	IncompleteTraces uint64
	// Reliefs is how often memory had to be freed before its time.
	Reliefs uint64

	// Degradation is how the ladder stands, from its first rung to its last.
	Degradation []Rung
	// Burning is for how many services the error budget of each declared SLO burns.
	Burning []slo.Burning
	// Storage is how the store stands; zero where there is none. Recovered requests of an earlier process, and the spans of
	// them that were recorded, were taken in at the start; Damaged ones could not be, nor those of NoContext, which
	// Settings.RestoreContext refused.
	Storage                                               spanstore.Stats
	RecoveredRequests, DamagedRequests, NoContextRequests int
	RecoveredSpans                                        uint64

	// Compression is what compressing did; zero where sampling.compression is none.
	Compression tracebuf.CompressionStats

	// RED is how the series of RED metrics stand, as of the last flush.
	RED red.Stats

	// Sampling is how the tables stand that policies compare by.
	Sampling sampling.Stats

	MemoryLimit int64
	Memory      []MemoryUse

	// Policies is what each policy matched, since the policies are as they are; Shadow and ShadowPolicies are about the shadow
	// policies, nil where there are none.
	Policies, ShadowPolicies []sampling.Matched
	Shadow                   []Shadowed
	// EvaluationErrors are of the policies that have conditions on payload, in the configuration's order.
	EvaluationErrors []EvaluationErrors

	// Adaptive is how the adaptive_throughput policies stand.
	Adaptive []sampling.AdaptiveStats

	// OldestUndecided is the age of the oldest undecided trace, 0 where there is none.
	OldestUndecided time.Duration
	// DecisionLag is by how much deciding is behind: how long the oldest undecided trace is past its decision_wait, 0 where none is.
	DecisionLag time.Duration
	// OldestHeld is the age of the oldest trace whose spans are held, decided or not.
	OldestHeld time.Duration
}

// MemoryUse is how many bytes are in use for something.
type MemoryUse struct {
	Use   string
	Bytes int64
}

// EvaluationErrors is on how many spans a policy's conditions failed.
type EvaluationErrors struct {
	Policy string
	Spans  uint64
}

// Empty reports whether nothing is held.
func (e *Engine) Empty() bool {
	_, held := e.buf.Tally()
	return held.Traces == 0 && e.out.stats().batches == 0
}

// Stats returns the counters and gauges of this moment.
func (e *Engine) Stats(now time.Time) Stats {
	c := &e.counts
	s := Stats{
		AcceptedRequests: c.requests.Load(), AcceptedSpans: c.spans.Load(), AcceptedBytes: c.bytes.Load(),
		ZeroTraceIDSpans: c.zeroTraceID.Load(),
		DeliveredTraces:  c.deliveredTraces.Load(), DeliveredSpans: c.deliveredSpans.Load(), DeliveredLateSpans: c.deliveredLate.Load(),
		SendFailedTraces: c.failedTraces.Load(), SendFailedSpans: c.failedSpans.Load(), SendRetries: c.retries.Load(),
		Reliefs:          c.reliefs.Load(),
		IncompleteTraces: c.incomplete.Load(),
		Burning:          e.plan.Load().slo.Burning(),
		Sampling:         e.plan.Load().policies.Stats(),
		MemoryLimit:      e.budget.Limit(),
	}
	if e.red != nil {
		s.RED = e.red.Stats()
	}
	for r := range refusedReasons {
		s.Refused = append(s.Refused, Refused{Reason: r.Name(), Requests: c.refused[r].requests.Load(), Bytes: c.refused[r].bytes.Load()})
	}
	s.Buffer, s.Held = e.buf.Tally()
	s.LostSpans = c.lostSpans.Load() + s.Buffer.Lost
	s.Compression = e.buf.Compression()
	if e.store != nil {
		s.Storage = e.store.Stats()
	}
	s.RecoveredRequests, s.RecoveredSpans = e.recovered.requests, e.recovered.spans
	s.DamagedRequests, s.NoContextRequests = e.recovered.damaged, e.recovered.noContext
	out := e.out.stats()
	s.QueuedBatches, s.QueuedBytes, s.QueuedSpans = out.batches, out.bytes, out.spans
	for _, u := range tracebuf.Uses() {
		s.Memory = append(s.Memory, MemoryUse{Use: u.Name(), Bytes: e.budget.Used(u)})
	}
	policies := e.plan.Load().policies
	s.Adaptive = policies.Adaptive()
	s.Policies = policies.Matched()
	if policies.Shadow() != nil {
		s.Shadow, s.ShadowPolicies = e.deciding.shadow.list(), policies.Shadow().Matched()
	}
	for i := range policies.Len() {
		if spans, known := policies.EvaluationErrors(i); known {
			s.EvaluationErrors = append(s.EvaluationErrors, EvaluationErrors{Policy: policies.Name(i), Spans: spans})
		}
	}
	ages, ms := e.buf.Ages(), e.clock(now)
	s.Degradation = e.ladder.list(ms)
	s.OldestUndecided = age(ages.Undecided, ms)
	s.DecisionLag = max(s.OldestUndecided-e.cfg.Sampling.DecisionWait, 0)
	s.OldestHeld = age(ages.Oldest, ms)
	return s
}

func age(first, now int64) time.Duration {
	if first == math.MaxInt64 || first > now {
		return 0
	}
	return time.Duration(now-first) * time.Millisecond
}

// Flush returns the RED, SLO and coverage metrics of this moment, and what coverage has to tell since the last time. Two
// calls must not overlap.
func (e *Engine) Flush(now time.Time) (pmetric.Metrics, plog.Logs) {
	md, ld := pmetric.NewMetrics(), plog.NewLogs()
	if e.red != nil {
		e.red.Flush(now, md)
	}
	counter := e.plan.Load().slo
	counter.Flush(now, md)
	e.coverage.Flush(now, counter.IsAbout, md, ld)
	e.bookSeries()
	return md, ld
}

// bookEvery is how often series are booked, in milliseconds, at least: not every door asks for metrics.
const bookEvery = 5_000

// bookSeries books what is remembered of services, operations and SLOs.
func (e *Engine) bookSeries() {
	p := e.plan.Load()
	series := p.slo.Bytes() + e.coverage.Bytes() + p.policies.Bytes()
	if e.red != nil {
		series += e.red.Bytes()
	}
	e.budget.Set(tracebuf.UseSeries, series)
}
