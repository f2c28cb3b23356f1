package red

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// keyRig is an aggregator with two dimensions and a batch of one resource for spans made by hand.
func keyRig(tb testing.TB) (*rig, [2]spanview.SpanSlot) {
	cfg := DefaultConfig()
	cfg.Dimensions = []Dimension{{Name: "a"}, {Name: "b"}}
	r := newRig(tb, cfg, Options{})
	a, err := r.schema.SpanSlot("a")
	require.NoError(tb, err)
	b, err := r.schema.SpanSlot("b")
	require.NoError(tb, err)
	r.batch.Reset(r.schema)
	r.batch.AddResource()
	return r, [2]spanview.SpanSlot{a, b}
}

func TestRawTextsOfAnyLengthAreWritten(t *testing.T) {
	text := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 40)
	for n := range textMax + 20 {
		key := make([]byte, 3+rawMax)
		end := putRawText(key, 3, text[:n])
		require.Equal(t, appendRawText(make([]byte, 3), text[:n], spanview.String), key[:end], "%d bytes", n)
		require.Equal(t, make([]byte, len(key)-end), key[end:], "behind %d bytes", n)
	}
}

// FuzzKeys checks what tables and registry rely on: of two spans with equal raw keys the series are the same, and of two
// spans with different labels the series are not.
func FuzzKeys(f *testing.F) {
	r, slots := keyRig(f)
	fam := r.families[0]
	types := []spanview.ValueType{
		spanview.Absent, spanview.Empty, spanview.String, spanview.Bool, spanview.Int, spanview.Double,
		spanview.Bytes, spanview.Complex,
	}
	f.Add("GET", "x", "y", uint64(1), byte(2), byte(4), "GET", "x", "y", uint64(1), byte(2), byte(2))
	f.Add("GETx", "", "y", uint64(0), byte(2), byte(2), "GET", "x", "y", uint64(0), byte(2), byte(2))
	f.Add("n", strings.Repeat("x", textMax)+"1", "", uint64(0), byte(7), byte(6), "n", strings.Repeat("x", textMax)+"2", "", uint64(0), byte(7), byte(6))
	f.Add("n", "\x0a\x01a", "", math.Float64bits(200), byte(7), byte(5), "n", "a", "", uint64(200), byte(2), byte(4))
	f.Fuzz(func(t *testing.T, name1, a1, b1 string, n1 uint64, ta1, tb1 byte, name2, a2, b2 string, n2 uint64, ta2, tb2 byte) {
		r.batch.Truncate(0, 0)
		value := func(typ byte, s string, n uint64) spanview.Value {
			v := spanview.Value{Type: types[int(typ)%len(types)]}
			switch v.Type {
			case spanview.String, spanview.Bytes, spanview.Complex:
				v.Str = s
			case spanview.Bool:
				v.Num = n & 1
			case spanview.Int, spanview.Double:
				v.Num = n
			}
			return v
		}
		var raw, labels, ids [2]string
		for i, in := range []struct {
			name string
			a, b spanview.Value
		}{{name1, value(ta1, a1, n1), value(tb1, b1, n1)}, {name2, value(ta2, a2, n2), value(tb2, b2, n2)}} {
			r.batch.AddSpan()
			s := &r.batch.Spans[i]
			s.Name = in.name
			*r.batch.SpanValue(i, slots[0]), *r.batch.SpanValue(i, slots[1]) = in.a, in.b
			raw[i] = string(fam.appendRawSpan(nil, s, r.batch.SpanValues(i)))
			var k seriesKey
			k.build(fam, &r.batch, i)
			ids[i] = string(k.key)
			set := map[string]string{}
			for key, v := range fam.attributes(&r.batch, i).All() {
				set[key] = v.AsString()
			}
			labels[i] = labelsText(set)
		}
		if raw[0] == raw[1] {
			require.Equal(t, ids[0], ids[1], "equal raw keys, different series")
		}
		require.Equal(t, ids[0] == ids[1], labels[0] == labels[1], "%q %q", labels[0], labels[1])
	})
}

func TestTableFindsWhatWasInserted(t *testing.T) {
	tbl := newTable(4, 0)
	keys := map[string]int{}
	for i := range 5000 {
		key := strings.Repeat("k", i%7) + string(rune(i))
		hash := uint64(i%50) * 0x9e3779b97f4a7c15 // many keys have the same hash
		if _, ok := keys[key]; ok {
			continue
		}
		require.Equal(t, -1, tbl.find(hash, []byte(key)))
		keys[key] = tbl.insert(hash, []byte(key), nil)
		tbl.cell(keys[key])[0] = uint64(i)
	}
	for i := range 5000 {
		key := strings.Repeat("k", i%7) + string(rune(i))
		require.Equal(t, keys[key], tbl.find(uint64(i%50)*0x9e3779b97f4a7c15, []byte(key)))
	}
	tbl.clear(5000)
	assert.Equal(t, -1, tbl.find(0, []byte{0}))
	n := tbl.insert(1, []byte("again"), nil)
	assert.Equal(t, make([]uint64, 4), tbl.cell(n), "cells are zero again")
}
