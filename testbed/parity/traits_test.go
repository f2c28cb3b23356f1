package parity

import (
	"fmt"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// values are what an attribute of each key may hold: mostly of the type that its key suggests.
var values = map[string][]any{
	"tier":  {"gold", "silver", "bronze", "", "golden", "gö"},
	"path":  {"/healthz", "/api/v1/users/17", "/api/v2/orders", "/api/v1/users/", "a/healthz/b", ""},
	"code":  {int64(200), int64(404), int64(499), int64(500), int64(503), int64(0), int64(-5), int64(math.MaxInt64), int64(math.MinInt64)},
	"retry": {true, false},
	"score": {0.0, 0.5, 1.5, -3.0, math.Inf(1)},
	"tags":  {[]any{"a", int64(1), true}, []any{}},
	"where": {map[string]any{"zone": "b"}, map[string]any{}},
	"blob":  {[]byte{0, 1, 2, 255}, []byte{}},
	"void":  {nil},
}

// keys are in a fixed order, so that the same seed makes the same traffic.
var keys = []string{"tier", "path", "code", "retry", "score", "tags", "where", "blob", "void"}

// palette is which attributes the spans of a trace have, and with which values.
type palette map[string][]any

// palette draws keys, each with a chance, and up to two values for each; one key in twelve gets a value of another's.
func (g *generator) palette(chance float64) palette {
	p := palette{}
	for _, key := range keys {
		if g.rnd.Float64() >= chance {
			continue
		}
		from := values[key]
		if g.rnd.IntN(12) == 0 {
			from = values[keys[g.rnd.IntN(len(keys))]]
		}
		for range 1 + g.rnd.IntN(2) {
			p[key] = append(p[key], from[g.rnd.IntN(len(from))])
		}
	}
	return p
}

// fill puts each attribute with a chance.
func (p palette) fill(g *generator, m pcommon.Map, chance float64) {
	for _, key := range keys {
		if of := p[key]; of != nil && g.rnd.Float64() < chance {
			if err := m.PutEmpty(key).FromRaw(of[g.rnd.IntN(len(of))]); err != nil {
				panic(err) // a value above that pdata has no type for
			}
		}
	}
}

// traits are what the spans of a trace have in common.
type traits struct {
	attributes palette
	states     []string
	flags      []uint32
	statuses   []ptrace.StatusCode
	events     []string
}

func (g *generator) traits() traits {
	t := traits{
		attributes: g.palette(0.3), states: []string{""}, flags: []uint32{0, 0x100}, statuses: []ptrace.StatusCode{ptrace.StatusCodeUnset},
	}
	rv := fmt.Sprintf("%014x", g.rnd.Uint64()>>8) // the same in all spans of a trace that have one
	for g.rnd.IntN(2) == 0 {
		t.states = append(t.states, g.state(rv))
	}
	if len(t.states) > 1 && g.rnd.IntN(3) > 0 {
		t.states = t.states[1:2] // all spans of a trace have the same, mostly
	}
	if g.rnd.IntN(4) == 0 {
		t.flags = append(t.flags, []uint32{1, 2, 3, 0x101, 0x200, 0x301, 0xff00, 0xff}[g.rnd.IntN(8)])
	}
	if g.rnd.IntN(3) == 0 {
		t.statuses = append(t.statuses, []ptrace.StatusCode{ptrace.StatusCodeOk, ptrace.StatusCodeError, 7}[g.rnd.IntN(3)])
	}
	if g.rnd.IntN(8) == 0 {
		t.statuses = t.statuses[len(t.statuses)-1:]
	}
	if g.rnd.IntN(4) == 0 {
		t.events = append(t.events, []string{"exception", "retry", "log"}[g.rnd.IntN(3)])
	}
	return t
}

// state is a tracestate: with and without sampling's entry, other vendors', and some that are not valid.
func (g *generator) state(rv string) string {
	return []string{
		"ot=rv:" + rv, "ot=th:8;rv:" + rv, "ot=th:c", "ot=th:0", "acme=gold", "acme=silver,ot=th:8", "ot=th:8;rv:" + rv + ",acme=gold",
		"tenant@acme=gold", "other=1, acme=gold", "acme=gold,acme=silver", "acme", "acme=go=ld", "not valid, at all", "ot=th:zz,acme=gold",
	}[g.rnd.IntN(14)]
}

func (t traits) fill(g *generator, s ptrace.Span) {
	t.attributes.fill(g, s.Attributes(), 0.3)
	s.SetName([]string{"GET /users/{id}", "SELECT", "charge", "publish"}[g.rnd.IntN(4)])
	s.SetKind(ptrace.SpanKind(g.rnd.IntN(6)))
	s.TraceState().FromRaw(t.states[g.rnd.IntN(len(t.states))])
	s.SetFlags(t.flags[g.rnd.IntN(len(t.flags))])
	s.Status().SetCode(t.statuses[g.rnd.IntN(len(t.statuses))])
	for _, name := range t.events {
		e := s.Events().AppendEmpty()
		e.SetName(name)
		e.SetTimestamp(s.EndTimestamp())
		t.attributes.fill(g, e.Attributes(), 0.5)
	}
	if g.rnd.IntN(10) == 0 {
		s.Links().AppendEmpty().SetSpanID(s.SpanID())
		s.SetDroppedAttributesCount(3)
	}
}
