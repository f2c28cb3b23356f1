package unpack

import (
	"errors"
	"sync"

	"github.com/otelcol-slo/otelcol-slo/internal/inflate"
)

var inflaters = sync.Pool{New: func() any { return new(inflate.Decoder) }}

// Gunzip decompresses src into dst and returns how many bytes that were, and false where dst is too small for it.
func Gunzip(dst, src []byte) (n int, fits bool, err error) {
	d := inflaters.Get().(*inflate.Decoder)
	defer inflaters.Put(d)
	n, err = d.Gunzip(dst, src)
	if errors.Is(err, inflate.ErrFull) {
		return 0, false, nil
	}
	return n, true, err
}
