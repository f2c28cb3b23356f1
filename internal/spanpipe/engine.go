package spanpipe

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/coverage"
	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanstore"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// ErrNoBudget says that the memory budget is used up: the request can be sent again later.
var ErrNoBudget = tracebuf.ErrNoBudget

// ErrTooLarge says that the budget has no room for a request even where nothing is held. It is an ErrNoBudget.
var ErrTooLarge = fmt.Errorf("the request is larger than what may be held: %w", ErrNoBudget)

// ErrReloading says that policies have been changing for longer than requests wait: the request can be sent again later.
var ErrReloading = errors.New("policies are being changed, and all that is held is asked anew")

// Settings are what an engine is made of.
type Settings struct {
	Config Config
	Limits MemoryLimits
	// NoRED: no RED metrics are made; Config.RED means nothing.
	NoRED bool
	// WriterID tells the metrics of this process from those of other gateways; stable over restarts.
	WriterID string
	// Start is the beginning of the engine's clock and of its metrics.
	Start time.Time
	// Conditions reads the conditions of ottl_condition policies. Nil: such policies are refused.
	Conditions sampling.CompileConditions
	// SendTraces takes a batch of kept traces as an ExportTraceServiceRequest. The bytes are valid during the call.
	// Nil: nobody takes traces, so none are buffered or decided.
	SendTraces func(ctx context.Context, request []byte, spans int) error
	// InContext returns a context with what a door knows of spans beside their bytes, by the number that their request was
	// given (Request.SetContext); it is never called for 0. Spans of different numbers come in different calls of
	// SendTraces, be they of one trace. Nil: numbers mean nothing.
	InContext func(ctx context.Context, number uint32) context.Context
	// StoredContext returns what a number stands for as a text that means the same in another process, for the store; it is never
	// called for 0, and any number of times at once. RestoreContext returns the number of such a text in this process, and
	// fails where there can be none: what came in it is not recovered. Nil: contexts are lost with the process.
	StoredContext  func(number uint32) string
	RestoreContext func(stored string) (uint32, error)
	// IsPermanent tells an error of SendTraces that trying again won't mend. Nil: none is.
	IsPermanent func(error) bool
}

// Engine is the one pass. See the package comment.
type Engine struct {
	cfg      Config
	settings Settings
	start    time.Time
	epoch    time.Time // of the engine's clock: start, or what is left of an earlier process began before

	store     *spanstore.Store // nil: what is held is lost with the process
	recovered recovered

	budget      *tracebuf.Budget
	gate        *Gate
	buf         *tracebuf.Buffer
	compression tracebuf.Compression
	ladder      ladder
	deciding    deciding
	decided     *decisionLog
	red         *red.Aggregator // nil: none are made
	coverage    *coverage.Coverage
	out         *outQueue

	// plan is what a reload replaces. lasting is the schema of what it does not.
	plan     atomic.Pointer[plan]
	lasting  *spanview.Schema
	reloadMu sync.Mutex // serializes reloads

	lanes    *lanes
	laneList []*lane

	reliefMu sync.Mutex // one relief at a time
	emitter  emitter    // protected by the buffer's closing lock

	// sending is the context of all that is being sent, until breakOff.
	sending  context.Context
	breakOff context.CancelFunc
	senders  sync.WaitGroup

	// lastTick is the engine's clock at the last tick, for what needs to know the time only roughly.
	lastTick atomic.Int64
	bookDue  int64 // when series are booked next, of the ticks
	counts   counts
}

// New compiles the configuration. Every mistake in it is reported at once.
func New(s Settings) (*Engine, error) {
	e := &Engine{cfg: s.Config, settings: s, start: s.Start, epoch: s.Start}
	e.sending, e.breakOff = context.WithCancel(context.Background())
	e.budget = tracebuf.NewBudget(s.Limits.Buffers)
	e.gate = &Gate{budget: e.budget, max: inFlightShare(s.Limits.Buffers)}
	e.deciding.engine = e
	laneCount := lanesFor(s.Limits.Buffers)
	if err := e.compile(laneCount); err != nil {
		return nil, err
	}
	var err error
	e.compression, err = tracebuf.ParseCompression(s.Config.Sampling.Compression)
	if err != nil {
		return nil, fmt.Errorf("sampling.compression %w", err)
	}
	e.buf, err = tracebuf.New(tracebuf.Settings{
		Budget:        e.budget,
		Shards:        4 * laneCount,
		DecisionsMax:  s.Config.Sampling.DecisionMemory.TracesMax,
		TraceBytesMax: s.Config.Sampling.TraceBytesMax(),
		WaitAfterRoot: waitAfterRoot(&s.Config.Sampling),
		DecideEarly:   s.Config.Sampling.DecideEarly,
		Judge:         &e.deciding,
		Compression:   e.compression,
	})
	if err != nil {
		return nil, err
	}
	e.out = newOutQueue(e.budget, &s.Config.Output, s.Limits.Buffers, s.InContext != nil)
	e.out.stores = s.Config.Sampling.Storage.Directory != ""
	e.decided = newDecisionLog(e.budget, s.Config.Sampling.DecisionLog)
	e.emitter.init(e)
	for i := range laneCount {
		l := &lane{index: i, writer: e.buf.NewWriter(), rowsMax: rowsFor(s.Limits.Buffers, laneCount, e.plan.Load().schema)}
		l.batch.RowsMax = l.rowsMax
		e.laneList = append(e.laneList, l)
	}
	e.lanes = newLanes(e.laneList)
	if err := e.openStore(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// laneShare is what a lane's slab and its part of the trace table (three MiB when nearly empty) must be little of.
const laneShare = 16 * mib

// lanesFor is a lane for each processor, but no more than the budget has room for: lanes hold on to a slab each.
func lanesFor(buffers int64) int {
	return max(min(runtime.GOMAXPROCS(0), int(buffers/laneShare)), 2)
}

// rowShare is what the lanes' batches may take of the budget all together: a quarter.
const rowShare = 4

// rowsFor is how many spans a batch may hold, so that many spans of a few bytes each, whose rows take a hundred times
// that, stay within the lanes' share. Ordinary spans come nowhere near it.
func rowsFor(buffers int64, lanes int, s *spanview.Schema) int {
	return int(buffers / rowShare / int64(lanes) / spanview.RowBytes(s))
}

// inFlightShare is an eighth of the budget, but room for a few requests of ordinary limits where the budget is small.
func inFlightShare(buffers int64) int64 {
	return min(max(buffers/8, 32*mib), buffers/2)
}

// InFlight bounds the bytes of requests that are being received.
func (e *Engine) InFlight() *Gate { return e.gate }

// clock returns a time as milliseconds of the engine's clock. It starts at 1: 0 is before everything.
func (e *Engine) clock(now time.Time) int64 { return now.Sub(e.epoch).Milliseconds() + 1 }

// Close gives the memory back. Run and Drain must have returned, and no request may be open.
func (e *Engine) Close() {
	for _, l := range e.laneList {
		l.writer.Close()
	}
	e.buf.Close()
	e.out.close()
	e.decided.close()
	if e.store != nil {
		_ = e.store.Close() // nothing is open for writing that matters
	}
}

// waitAfterRoot is the configured one, none where a trace's deadline comes first anyway.
func waitAfterRoot(c *sampling.Config) int64 {
	if c.DecisionWaitAfterRoot >= c.DecisionWait {
		return 0
	}
	return millis(c.DecisionWaitAfterRoot)
}
