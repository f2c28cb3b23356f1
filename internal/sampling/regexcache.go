package sampling

import (
	"hash/maphash"
	"math/bits"
)

const (
	regexCacheDefault = 128
	regexCacheLimit   = 1 << 16
)

var regexCacheSeed = maphash.MakeSeed()

// regexCache remembers the results of one predicate's regular expressions, each text in the one place its hash points
// at. Texts are held in the entries, so that neither a hit nor a miss allocates, and a hit is exact.
type regexCache []regexCacheEntry

// regexCacheEntry is 64 bytes. Longer texts than fit are not remembered.
type regexCacheEntry struct {
	used    bool
	matched bool
	size    uint8
	text    [61]byte
}

// newRegexCache returns a cache of the configured size, rounded up to a power of two; 0 and below stand for
// the default size.
func newRegexCache(size int) regexCache {
	if size <= 0 {
		size = regexCacheDefault
	}
	return make(regexCache, 1<<bits.Len(uint(min(size, regexCacheLimit)-1)))
}

// entry returns the one entry where a text may be.
func (c regexCache) entry(text string) *regexCacheEntry {
	return &c[maphash.String(regexCacheSeed, text)&uint64(len(c)-1)]
}

func (e *regexCacheEntry) is(text string) bool {
	return e.used && string(e.text[:e.size]) == text
}

func (e *regexCacheEntry) set(text string, matched bool) {
	if len(text) > len(e.text) {
		return
	}
	e.used, e.matched = true, matched
	e.size = uint8(copy(e.text[:], text))
}
