package otlpwire

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// requireSameReassembled builds the request of a batch anew, its spans in a random order, and compares what pdata finds
// in it with what it found in the original.
func requireSameReassembled(t testing.TB, want []string, buf []byte, batch *spanview.Batch, a *Assembler, rng *rand.Rand) {
	t.Helper()
	a.Reset()
	for _, i := range rng.Perm(len(batch.Spans)) {
		a.Add(pieceOf(batch, buf, i))
	}
	built := a.AppendTo([]byte("before"))
	require.Equal(t, "before", string(built[:6]))
	require.Equal(t, a.Size(), len(built)-6)
	require.Equal(t, len(batch.Spans), a.Len())
	got := flatten(unmarshal(t, built[6:]))
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)

	requireNoGroupsAlike(t, built[6:])

	// A request for each span, put together again.
	var apart []byte
	for _, i := range rng.Perm(len(batch.Spans)) {
		a.Reset()
		a.Add(pieceOf(batch, buf, i))
		apart = a.AppendTo(apart)
	}
	a.Reset()
	require.NoError(t, a.AddRequest(apart))
	merged := a.AppendTo(nil)
	require.Len(t, merged, a.Size())
	require.LessOrEqual(t, len(merged), len(apart))
	got = flatten(unmarshal(t, merged))
	slices.Sort(got)
	require.Equal(t, want, got)
	requireNoGroupsAlike(t, merged)
}

// requireNoGroupsAlike checks that a request scans, and tells no resource or scope twice.
func requireNoGroupsAlike(t testing.TB, request []byte) {
	t.Helper()
	batch := &spanview.Batch{}
	require.NoError(t, Scan(request, oracleSchema(), batch))
	seen := map[string]bool{}
	for _, scope := range batch.Scopes {
		resource := batch.Resources[scope.Resource]
		key := fmt.Sprintf("%q %q %q %q", batch.Bytes(request, resource.Raw), batch.Bytes(request, resource.SchemaURL),
			batch.Bytes(request, scope.Raw), batch.Bytes(request, scope.SchemaURL))
		require.False(t, seen[key], "two groups of %s", key)
		seen[key] = true
	}
}

func TestARequestThatCannotBeReadIsNotAdded(t *testing.T) {
	var a Assembler
	a.Add(Piece{Resource: []byte{}, Span: []byte{tagKind, 1}})
	whole := a.AppendTo(nil)
	for n := 1; n < len(whole); n++ {
		a.Reset()
		require.Error(t, a.AddRequest(whole[:n]), "cut off behind %d bytes", n)
	}
}

func TestReassembledRequestsSayTheSame(t *testing.T) {
	batch, a := &spanview.Batch{}, &Assembler{}
	rng := rand.New(rand.NewPCG(1, 4))
	for seed := range uint64(400) {
		g := generator{rng: rand.New(rand.NewPCG(seed, 4)), odd: 0.1}
		buf := g.request()
		if traces, ok := scanLikePdata(t, buf, oracleSchema(), batch); ok {
			requireSameReassembled(t, flatten(traces), buf, batch, a, rng)
		}
	}
}

func TestPiecesShareResourcesAndScopesInTheOrderOfTheirFirst(t *testing.T) {
	var a Assembler
	for round := range 2 { // the second on used memory
		a.Reset()
		name := func(i int) []byte { return wrap(fmt.Appendf(nil, "%d.%d", round, i), 5) }
		r1, r2, s1, s2 := wrap([]byte("1"), 1, 1), wrap([]byte("2"), 1, 1), wrap([]byte("s1"), 1), wrap([]byte("s2"), 1)
		for i, p := range []Piece{
			{Resource: r2, Scope: s1},
			{Resource: r1, Scope: s1},
			{Resource: bytes.Clone(r2), Scope: s2},
			{Resource: r2, Scope: bytes.Clone(s1)},
			{Resource: r2, Scope: s1, ScopeSchemaURL: []byte("u")},
			{Resource: r2, Scope: s1, ResourceSchemaURL: []byte("u")},
			{Resource: r1, Scope: s1},
			{},
		} {
			p.Span = name(i)
			a.Add(p)
		}
		var got []string
		traces := unmarshal(t, a.AppendTo(nil))
		for _, rs := range traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				group := fmt.Sprint(rs.Resource().Attributes().Len(), rs.SchemaUrl(), " ", ss.Scope().Name(), ss.SchemaUrl(), ":")
				for _, span := range ss.Spans().All() {
					group += " " + span.Name()[2:]
				}
				got = append(got, group)
			}
		}
		require.Equal(t, []string{"1 s1: 0 3", "1 s2: 2", "1 s1u: 4", "1 s1: 1 6", "1u s1: 5", "0 : 7"}, got)
		require.Equal(t, 4, traces.ResourceSpans().Len())
	}
}

func TestTheTraceStateOfAPieceReplacesThatOfItsSpan(t *testing.T) {
	span := append(wrap([]byte("old=1"), 3), wrap([]byte("name"), 5)...)
	var a Assembler
	a.Add(Piece{Span: span, TraceState: "ot=th:8", SetTraceState: true})
	a.Add(Piece{Span: span, SetTraceState: true})
	a.Add(Piece{Span: span})
	var got []string
	for _, span := range unmarshal(t, a.AppendTo(nil)).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		require.Equal(t, "name", span.Name())
		got = append(got, span.TraceState().AsRaw())
	}
	require.Equal(t, []string{"ot=th:8", "", "old=1"}, got)
}

func TestUnknownFieldsSurvive(t *testing.T) {
	unknown := wrap([]byte("from the future"), 77)
	piece := Piece{
		Resource: append(wrap([]byte("r"), 1, 1), unknown...), Scope: append(unknown, wrap([]byte("s"), 1)...), Span: unknown,
	}
	var a Assembler
	a.Add(piece)
	built := a.AppendTo(nil)
	batch := &spanview.Batch{}
	require.NoError(t, Scan(built, oracleSchema(), batch))
	require.Equal(t, piece, func() Piece {
		p := pieceOf(batch, built, 0)
		p.ResourceSchemaURL, p.ScopeSchemaURL = nil, nil
		return p
	}())
}

func TestAnEmptyAssemblerBuildsTheEmptyRequest(t *testing.T) {
	var a Assembler
	require.Zero(t, a.Size())
	require.Empty(t, a.AppendTo(nil))
}

func TestReassemblingDoesNotAllocate(t *testing.T) {
	batch, a := &spanview.Batch{}, &Assembler{}
	buf := spantest.ReferenceRequest(1)
	require.NoError(t, Scan(buf, referenceSchema(), batch))
	var built []byte
	assemble := func() {
		a.Reset()
		for i := range batch.Spans {
			a.Add(pieceOf(batch, buf, i))
		}
		built = a.AppendTo(built[:0])
	}
	assemble()
	require.Zero(t, testing.AllocsPerRun(100, assemble))
}

// BenchmarkAssemble builds each trace of a reference request anew, as the sampler does with kept ones.
func BenchmarkAssemble(b *testing.B) {
	batch, a := &spanview.Batch{}, &Assembler{}
	buf := spantest.ReferenceRequest(1)
	require.NoError(b, Scan(buf, referenceSchema(), batch))
	pieces := make([]Piece, len(batch.Spans))
	for i := range pieces {
		pieces[i] = pieceOf(batch, buf, i)
	}
	slices.SortStableFunc(pieces, func(x, y Piece) int { // trace ids are the last 16 bytes of a span
		return bytes.Compare(x.Span[len(x.Span)-16:], y.Span[len(y.Span)-16:])
	})
	var built []byte
	b.ReportAllocs()
	for b.Loop() {
		for trace := range slices.Chunk(pieces, 8) {
			a.Reset()
			for _, p := range trace {
				a.Add(p)
			}
			built = a.AppendTo(built[:0])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "ns/span")
}

func TestAttributesOfAPieceAreAddedToThoseOfItsSpan(t *testing.T) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.Attributes().PutStr("own", "value")
	span.SetName("a name")
	var m ptrace.ProtoMarshaler
	request, err := m.MarshalTraces(td)
	require.NoError(t, err)
	batch := &spanview.Batch{}
	require.NoError(t, Scan(request, oracleSchema(), batch))
	for _, n := range []int64{0, 1, 127, 128, 1 << 40, math.MaxInt64, -1, math.MinInt64} {
		added := AppendString(nil, "policy", strings.Repeat("x", int(uint64(n)%300)))
		added = AppendBool(AppendBool(added, "yes", true), "no", false)
		added = AppendInt(added, "n", n)
		var a Assembler
		p := pieceOf(batch, request, 0)
		p.Attributes, p.TraceState, p.SetTraceState = added, "ot=th:8", true
		a.Add(p)
		built := a.AppendTo(nil)
		require.Len(t, built, a.Size())
		got := unmarshal(t, built).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		require.Equal(t, map[string]any{
			"own": "value", "policy": strings.Repeat("x", int(uint64(n)%300)), "yes": true, "no": false, "n": n,
		}, got.Attributes().AsRaw())
		require.Equal(t, "ot=th:8", got.TraceState().AsRaw())
		require.Equal(t, "a name", got.Name())
	}
}
