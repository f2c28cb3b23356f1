package red

import (
	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// series is one identity and all that was counted of it.
type series struct {
	id         uint32
	family     *family
	key        string
	resource   *resource
	attributes pcommon.Map
	overflow   bool

	acquired  uint64 // the flushes begun when a lane last asked for it; protected by registry.mu
	forgotten bool   // written under registry.mu, by a flush

	// The rest belongs to the flush.

	totals []uint64 // a cell
	hist   *structure.Float64
	start  pcommon.Timestamp // of its zero; 0: never flushed
	active pcommon.Timestamp // the last flush that found it counted
	// exemplar is the millisecond of the last exemplar sent.
	exemplar int64
}

// resource is what series have in common that are written under one pmetric resource.
type resource struct {
	key        string
	attributes pcommon.Map
	service    *service // nil for the overflow of all services
	live       int      // series that refer to it; protected by registry.mu

	// The rest belongs to the flush.

	listed bool
	active pcommon.Timestamp
	series [2][]*series // by family, in the order they were first flushed
}
