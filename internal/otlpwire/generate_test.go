package otlpwire

import (
	"encoding/binary"
	"math/rand/v2"
)

// generator writes random requests straight as protobuf: every field of every message, in any order, repeated, unknown,
// encoded longer than needed, and, as often as wrong says, with one mistake or another.
type generator struct {
	rng   *rand.Rand
	odd   float64 // chance of a field to be valid but unusual
	wrong float64 // chance of a field to be invalid
	depth int     // of values
}

func (g *generator) chance(p float64) bool { return p > 0 && g.rng.Float64() < p }

func (g *generator) request() []byte { return g.message(requestMessage) }

// message writes a message of a few fields.
func (g *generator) message(m messageID) []byte {
	if m == anyValueMessage {
		if g.depth > 5 {
			return g.field(nil, m, 1+g.rng.IntN(4))
		}
		g.depth++
		defer func() { g.depth-- }()
	}
	n, limit := 4, len(messages[m])
	switch m {
	case requestMessage, scopeSpansMessage:
		n = 6
	case resourceSpansMessage:
		n, limit = 6, 4
	case spanMessage:
		n = 24
	}
	var buf []byte
	if m == keyValueMessage && !g.chance(g.odd) {
		for _, num := range g.rng.Perm(2) {
			buf = g.field(buf, m, 1+num)
		}
		return buf
	}
	if m == anyValueMessage && !g.chance(g.odd) {
		return g.field(buf, m, 1+g.rng.IntN(8))
	}
	for range g.rng.IntN(n + 1) {
		num := 1 + g.rng.IntN(limit-1)
		if m == resourceSpansMessage && g.chance(g.odd) {
			num = deprecatedScopeSpans
		}
		buf = g.field(buf, m, num)
	}
	return buf
}

// field writes one field, an unknown one where the message has no field of this number.
func (g *generator) field(buf []byte, m messageID, num int) []byte {
	t := typeOf(m, num)
	if t.kind == unknown || g.chance(g.odd/4) {
		return g.unknown(buf, m)
	}
	wire := wireTypes[t.kind]
	if g.chance(g.wrong) {
		wire = uint8(g.rng.IntN(8))
	}
	tag := uint64(num)<<3 | uint64(wire)
	if g.chance(g.odd / 4) {
		tag |= uint64(g.rng.Uint32()) << 35 // cut off by the reader
	}
	buf = g.varint(buf, tag)
	switch t.kind {
	case number:
		return g.varint(buf, g.number())
	case fixed64:
		return binary.LittleEndian.AppendUint64(buf, g.rng.Uint64())
	case fixed32:
		return binary.LittleEndian.AppendUint32(buf, g.rng.Uint32())
	case message:
		return g.body(buf, g.message(t.message))
	case traceID:
		return g.body(buf, g.id(16))
	case spanID:
		return g.body(buf, g.id(8))
	}
	if m == keyValueMessage {
		return g.body(buf, []byte(oracleKeys[g.rng.IntN(len(oracleKeys))]))
	}
	return g.body(buf, g.text())
}

func (g *generator) unknown(buf []byte, m messageID) []byte {
	num := 17 + g.rng.IntN(100)
	if fields := messages[m]; g.rng.IntN(2) == 0 && len(fields) < 16 {
		num = len(fields)
	}
	if g.chance(g.wrong) {
		num = 0
	}
	tag := func(wire int) { buf = g.varint(buf, uint64(num)<<3|uint64(wire)) }
	switch g.rng.IntN(6) {
	case 0:
		tag(wireVarint)
		return g.varint(buf, g.number())
	case 1:
		tag(wireFixed64)
		return binary.LittleEndian.AppendUint64(buf, g.rng.Uint64())
	case 2:
		tag(wireFixed32)
		return binary.LittleEndian.AppendUint32(buf, g.rng.Uint32())
	case 3: // groups in groups, which pdata reads in its own way
		n := 1 + g.rng.IntN(3)
		for range n {
			tag(wireStartGroup)
		}
		if g.rng.IntN(2) == 0 {
			tag(wireVarint)
			return g.varint(buf, g.number())
		}
		if g.chance(g.wrong) {
			n++
		}
		for range n {
			tag(wireEndGroup)
		}
		return buf
	}
	tag(wireLen)
	return g.body(buf, g.text())
}

func (g *generator) body(buf, body []byte) []byte {
	n := uint64(len(body))
	if g.chance(g.wrong) {
		n += g.rng.Uint64N(3)
	}
	if g.chance(g.wrong / 8) {
		n = g.rng.Uint64()
	}
	return append(g.varint(buf, n), body...)
}

func (g *generator) varint(buf []byte, v uint64) []byte {
	if !g.chance(g.odd/8) && !g.chance(g.wrong/4) {
		return binary.AppendUvarint(buf, v)
	}
	n := 10
	if g.chance(g.wrong) {
		n = 11
	}
	for range n - 1 {
		buf = append(buf, byte(v)|0x80)
		v >>= 7
	}
	if n == 10 {
		v |= uint64(g.rng.IntN(64)) << 1 // beyond the 64th bit: dropped by the reader
	}
	return append(buf, byte(v)&0x7f)
}

func (g *generator) number() uint64 {
	switch g.rng.IntN(4) {
	case 0:
		return g.rng.Uint64()
	case 1:
		return g.rng.Uint64N(1 << 20)
	}
	return g.rng.Uint64N(6)
}

func (g *generator) id(n int) []byte {
	if g.chance(g.wrong) {
		n = g.rng.IntN(20)
	} else if g.rng.IntN(8) == 0 {
		n = 0
	}
	id := make([]byte, n)
	for i := range id {
		id[i] = byte(g.rng.Uint32())
	}
	return id
}

func (g *generator) text() []byte {
	n := g.rng.IntN(12)
	if g.rng.IntN(10) == 0 {
		n = g.rng.IntN(20_000)
	} else if g.rng.IntN(5) == 0 {
		n = g.rng.IntN(200)
	}
	text := make([]byte, n)
	for i := range text {
		text[i] = 'a' + byte(i%26)
	}
	return text
}
