package spanpipe

import (
	"context"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// compressSpare is how many sealed slabs stay uncompressed for the time being: traces of a few spans that are decided at
// once, as for want of memory, are mostly in these.
const compressSpare = 4

// compressLoop compresses what was sealed until ctx is done. It has a goroutine of its own, so that no decision waits.
func (e *Engine) compressLoop(ctx context.Context) {
	if e.compression == tracebuf.CompressionNone {
		return
	}
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for more := true; more && ctx.Err() == nil; {
			_, more = e.buf.Compress(compressSpare)
		}
	}
}

// compressAll compresses, also the latest slabs, until memory came free; it returns false where none did.
func (e *Engine) compressAll() bool {
	freed, more := e.buf.Compress(0)
	for total := freed; ; total += freed {
		if !more || total > 0 {
			return total > 0
		}
		freed, more = e.buf.Compress(0)
	}
}
