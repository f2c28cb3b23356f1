package slo

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// series is the ledger's side of one SLO: its groups, each a pair of counters.
//
// A group's key is its label values, the service first, each preceded by its length. Keys are text: two values that
// would become the same label are the same group.
type series struct {
	ledger  *ledger
	id      int
	name    string
	groupBy []string

	// admitted holds the groups by key. Once groups_max are in it, further ones are counted under their service alone
	// (spilled), and further services all together.
	admitted groupIndex
	spilled  groupIndex

	mu     sync.Mutex
	groups []*group // never shrinks; a group's index is its number

	announced [tallies]flush.Announced
}

// group is one set of label values. All but what Flush announced is immutable.
type group struct {
	service   string
	values    []string // of the attributes of groupBy; "": the attribute is absent
	good, bad flush.Announced
}

// newSeries must be called with the ledger's lock held.
func newSeries(l *ledger, d *definition) *series {
	s := &series{ledger: l, id: len(l.all), name: d.name, groupBy: d.groupBy}
	s.admitted.groups, s.spilled.groups = map[string]int32{}, map[string]int32{}
	return s
}

// setMax changes groups_max; groups that exist stay.
func (s *series) setMax(n int) {
	s.admitted.setMax(n)
	s.spilled.setMax(n)
}

func (s *series) add(key []byte) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := splitKey(key)
	lanes := int64(len(s.ledger.lanes))
	s.ledger.bytes.Add(groupBytes + 2*int64(len(key)) + lanes*(laneGroupBytes+int64(len(key))))
	s.groups = append(s.groups, &group{service: values[0], values: values[1:]})
	return int32(len(s.groups) - 1)
}

func (s *series) snapshot() []*group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.groups)
}

// group returns the number of the group of a key. Keys that were found are remembered by the lane, so that no lock is
// taken for them again; spill is room to build other keys in.
func (s *series) group(ln *lane, key []byte) int32 {
	known := ln.groups[s.id]
	if g, ok := known[string(key)]; ok {
		return g
	}
	if g, ok := s.admitted.get(key, s.add); ok {
		known[string(key)] = g
		return g
	}
	return s.spill(ln, key)
}

// spill returns the overflow group of a key: that of its service, or that of all services where they are too many.
func (s *series) spill(ln *lane, key []byte) int32 {
	known := ln.groups[s.id]
	values := len(s.groupBy)
	from := len(key)
	if values > 0 {
		key = append(key, key[:firstValueLen(key)]...)
		for range values {
			key = appendText(key, overflowValue)
		}
		ln.key = key[:0]
		if g, ok := known[string(key[from:])]; ok {
			return g
		}
		if g, ok := s.spilled.get(key[from:], s.add); ok {
			known[string(key[from:])] = g
			return g
		}
	}
	from = len(key)
	for range values + 1 {
		key = appendText(key, overflowValue)
	}
	ln.key = key[:0]
	if g, ok := known[string(key[from:])]; ok {
		return g
	}
	g := s.spilled.force(key[from:], s.add)
	known[string(key[from:])] = g
	return g
}

// groupIndex maps keys to groups, up to a maximum. At the maximum it is frozen: nothing is added any more, so it is read
// without its lock, and a flood of new values costs each span no more than a look-up.
type groupIndex struct {
	mu     sync.Mutex
	max    int
	groups map[string]int32
	frozen atomic.Pointer[map[string]int32]
}

// get returns the group of a key, added where there is room, or false.
func (x *groupIndex) get(key []byte, add func(key []byte) int32) (int32, bool) {
	if frozen := x.frozen.Load(); frozen != nil {
		g, ok := (*frozen)[string(key)]
		return g, ok
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	g, ok := x.groups[string(key)]
	if !ok && len(x.groups) < x.max {
		g, ok = add(key), true
		x.groups[string(key)] = g
		x.freeze()
	}
	return g, ok
}

// force returns the group of a key, added beyond the maximum if it must be.
func (x *groupIndex) force(key []byte, add func(key []byte) int32) int32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	g, ok := x.groups[string(key)]
	if !ok {
		g = add(key)
		x.groups[string(key)] = g
	}
	return g
}

// freeze must be called with the lock held.
func (x *groupIndex) freeze() {
	if len(x.groups) >= x.max {
		frozen := maps.Clone(x.groups)
		x.frozen.Store(&frozen)
	} else {
		x.frozen.Store(nil)
	}
}

func (x *groupIndex) setMax(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.max = n
	x.freeze()
}

// appendValue appends a label value to a key.
func appendValue(key []byte, v *spanview.Value) []byte {
	var room [32]byte
	switch v.Type {
	case spanview.String:
		return appendText(key, v.Str)
	case spanview.Int:
		return appendText(key, string(strconv.AppendInt(room[:0], v.Int(), 10)))
	case spanview.Double:
		return appendText(key, string(strconv.AppendFloat(room[:0], v.Double(), 'g', -1, 64)))
	case spanview.Bool:
		return appendText(key, strconv.FormatBool(v.Bool()))
	}
	return appendText(key, "")
}

// valueMax bounds a label value in bytes.
const valueMax = 256

// appendText appends a label value to a key: cut at valueMax, invalid UTF-8 replaced, so that every key has labels of
// its own.
func appendText(key []byte, s string) []byte {
	if len(s) > valueMax {
		cut := valueMax
		for cut > valueMax-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	key = binary.LittleEndian.AppendUint16(key, uint16(len(s)))
	return append(key, s...)
}

// firstValueLen returns the length of a key's first value with its length.
func firstValueLen(key []byte) int {
	return 2 + int(binary.LittleEndian.Uint16(key))
}

func splitKey(key []byte) []string {
	var values []string
	for len(key) > 0 {
		n := firstValueLen(key)
		values = append(values, string(key[2:n]))
		key = key[n:]
	}
	return values
}
