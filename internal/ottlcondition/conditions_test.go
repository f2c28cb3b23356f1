package ottlcondition

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func policy(name string, c *sampling.OTTLConditionConfig) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: name, Type: "ottl_condition", OTTLCondition: c}
}

func drop(name string, subs ...sampling.PolicyConfig) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: name, Type: "drop", Drop: &sampling.DropConfig{SubPolicies: subs}}
}

func TestBitsAndErrorsAreTheOraclesForEverySpan(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	seen := map[answer]int{}
	for range 600 {
		c := randomConditions(rng)
		p, schema := compilePolicies(t, policy("p", c))
		require.True(t, p.HasConditions())
		o := newOracle(t, c)
		var errs uint64
		for range 5 {
			td := randomRequest(rng)
			request := marshal(t, td)
			fromBytes, fromTraces := read(t, schema, request), read(t, schema, request)
			for i, b := range []*spanview.Batch{fromBytes, fromTraces} {
				p.Match(b, &sampling.Scratch{})
				if i == 0 {
					p.MatchConditions(b, request)
				} else {
					p.MatchDecoded(b, td)
				}
			}
			want, _ := o.answers(td)
			require.Len(t, fromBytes.Spans, len(want))
			for i, a := range want {
				seen[a]++
				got := answer{fromBytes.Spans[i].Bits&1 != 0, fromBytes.Spans[i].Bits&2 != 0}
				require.Equal(t, a, got, "%+v", c)
				require.Equal(t, fromBytes.Spans[i].Bits, fromTraces.Spans[i].Bits)
				if a.failed {
					errs += 2
				}
			}
			require.Equal(t, marshal(t, td), request, "nothing is changed")
		}
		counted, known := p.EvaluationErrors(0)
		require.True(t, known)
		require.Equal(t, errs, counted)
	}
	require.Greater(t, seen[answer{}], 1000)
	require.Greater(t, seen[answer{matched: true}], 1000)
	require.Greater(t, seen[answer{failed: true}], 100)
}

// holds tells what a policy makes of the answers to a trace's spans: where it speaks for keeping the trace a failure is as
// good as a match; where it speaks against, as in drop and not, it takes a match and no failure.
func holds(a answer, against bool) bool {
	if against {
		return a.matched && !a.failed
	}
	return a.matched || a.failed
}

func not(p sampling.PolicyConfig) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: "not", Type: "not", Not: &sampling.NotConfig{SubPolicy: &p}}
}

func TestVerdictsAreTheOraclesInAnyOrderAndSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var kept, dropped, spared int
	for range 500 {
		keep, against := randomConditions(rng), randomConditions(rng)
		against.ErrorMode = "propagate"
		list := []sampling.PolicyConfig{policy("keep", keep), drop("against", policy("", against))}
		turned := rng.IntN(2) == 0
		if turned {
			list = []sampling.PolicyConfig{not(policy("", keep)), drop("against", not(policy("", against)))}
		}
		p, schema := compilePolicies(t, list...)
		td := randomRequest(rng)
		want := map[[16]byte][2]answer{}
		for i, c := range []*sampling.OTTLConditionConfig{keep, against} {
			answers, traces := newOracle(t, c).answers(td)
			for j, a := range answers {
				sum := want[traces[j]]
				sum[i].matched = sum[i].matched || a.matched
				sum[i].failed = sum[i].failed || a.failed
				want[traces[j]] = sum
			}
		}
		for _, parts := range [][]ptrace.Traces{{td}, shuffled(rng, td)} {
			records := map[[16]byte]*tracebuf.Record{}
			for _, part := range parts {
				request := marshal(t, part)
				b := read(t, schema, request)
				p.Match(b, &sampling.Scratch{})
				p.MatchConditions(b, request)
				fold(records, b)
			}
			require.Len(t, records, len(want))
			for id, a := range want {
				drops := holds(a[1], !turned) != turned
				keeps := !drops && holds(a[0], turned) != turned
				require.Equal(t, keeps, p.Decide(records[id]).Keep)
				require.Equal(t, keeps && !turned, p.Rescues(&tracebuf.Record{}, records[id]), "a late span with all of it would bring the trace back")
				if keeps {
					kept++
				} else {
					dropped++
				}
				if a[1].failed && a[1].matched && keeps {
					spared++
				}
			}
		}
	}
	require.Greater(t, kept, 200)
	require.Greater(t, dropped, 200)
	require.Greater(t, spared, 10)
}

// shuffled deals the spans of a request out to requests of one span each, in any order.
func shuffled(rng *rand.Rand, td ptrace.Traces) (parts []ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				part := ptrace.NewTraces()
				rsOut := part.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(rsOut.Resource())
				rsOut.SetSchemaUrl(rs.SchemaUrl())
				ssOut := rsOut.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(ssOut.Scope())
				span.CopyTo(ssOut.Spans().AppendEmpty())
				parts = append(parts, part)
			}
		}
	}
	rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return parts
}

func TestSpansInTheDeprecatedFieldAreAsked(t *testing.T) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{1})
	span.SetName("a")
	request := marshal(t, td)
	// The request is one ResourceSpans, whose scope spans get another tag.
	require.Equal(t, byte(2<<3|2), request[2])
	const deprecated = 1000<<3 | 2
	request = append(binary.AppendUvarint([]byte{request[0], request[1] + 1}, deprecated), request[3:]...)

	p, schema := compilePolicies(t, policy("p", &sampling.OTTLConditionConfig{Span: []string{`name == "a"`}}))
	b := read(t, schema, request)
	require.Len(t, b.Spans, 1)
	p.MatchConditions(b, request)
	require.Equal(t, uint64(1), b.Spans[0].Bits)
}

func TestARequestThatIsNotTheBatchsFails(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	td := randomRequest(rng)
	for td.SpanCount() < 10 {
		td = randomRequest(rng)
	}
	conditions := &sampling.OTTLConditionConfig{ErrorMode: "propagate", Span: []string{`name == "none"`}}
	f := func(match func(*sampling.Policies, *spanview.Batch), failed func(spans, i int) bool) {
		t.Helper()
		p, schema := compilePolicies(t, policy("p", conditions))
		b := read(t, schema, marshal(t, td))
		match(p, b)
		n := uint64(0)
		for i := range b.Spans {
			want := uint64(0)
			if failed(len(b.Spans), i) {
				want = 2
				n++
			}
			require.Equal(t, want, b.Spans[i].Bits)
		}
		counted, _ := p.EvaluationErrors(0)
		require.Equal(t, n, counted)
	}
	all := func(int, int) bool { return true }
	f(func(p *sampling.Policies, b *spanview.Batch) { p.MatchConditions(b, marshal(t, td)) }, func(int, int) bool { return false })
	f(func(p *sampling.Policies, b *spanview.Batch) { p.MatchConditions(b, []byte{0x0a, 5}) }, all)
	f(func(p *sampling.Policies, b *spanview.Batch) { p.MatchConditions(b, nil) }, all)
	f(func(p *sampling.Policies, b *spanview.Batch) {
		more := ptrace.NewTraces()
		td.CopyTo(more)
		more.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetTraceID([16]byte{1})
		p.MatchDecoded(b, more)
	}, func(int, int) bool { return false })
	f(func(p *sampling.Policies, b *spanview.Batch) {
		b.Spans[len(b.Spans)/2].TraceID = [16]byte{1: 7}
		p.MatchDecoded(b, td)
	}, func(spans, i int) bool { return i >= spans/2 })
}

func TestEveryPolicyThatAsksIsCounted(t *testing.T) {
	fails := func() *sampling.OTTLConditionConfig {
		return &sampling.OTTLConditionConfig{ErrorMode: "Propagate", Span: []string{`ParseJSON(name) != nil`}}
	}
	silent := fails()
	silent.ErrorMode = ""
	p, schema := compilePolicies(t,
		policy("first", fails()),
		sampling.PolicyConfig{Name: "other", Type: "always_sample"},
		sampling.PolicyConfig{Name: "both", Type: "and", And: &sampling.AndConfig{SubPolicies: []sampling.PolicyConfig{policy("", fails()), policy("", fails())}}},
		policy("silent", silent))
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 3 {
		spans.AppendEmpty().SetTraceID([16]byte{1})
	}
	request := marshal(t, td)
	b := read(t, schema, request)
	p.MatchConditions(b, request)
	for i, want := range []struct {
		spans uint64
		known bool
	}{{3, true}, {0, false}, {3, true}, {0, true}} {
		got, known := p.EvaluationErrors(i)
		require.Equal(t, want.spans, got, p.Name(i))
		require.Equal(t, want.known, known, p.Name(i))
	}
	require.Equal(t, uint64(2), b.Spans[0].Bits, "equal conditions are one")
}

func TestAConditionThatPanicsFailed(t *testing.T) {
	panics := ottl.NewFactory("Panics", nil, func(ottl.FunctionContext, ottl.Arguments) (ottl.ExprFunc[*ottlspan.TransformContext], error) {
		return func(context.Context, *ottlspan.TransformContext) (any, error) { panic(errors.New("of this test")) }, nil
	})
	parser, err := ottlspan.NewParser(ottl.CreateFactoryMap(panics), settings, ottlspan.EnablePathContextNames())
	require.NoError(t, err)
	list, err := compile(settings, &parser, ottlspan.ContextName, "", []string{`Panics() == 1`, `name == "a"`})
	require.NoError(t, err)
	rs := ptrace.NewResourceSpans()
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("a")
	f := func(mode string, want answer, warnings int) {
		t.Helper()
		core, logs := observer.New(zapcore.WarnLevel)
		c := &conditions{span: list, mode: ottl.ErrorMode(mode), logger: zap.New(core)}
		var got answer
		got.matched, got.failed = c.Test(rs, rs.ScopeSpans().At(0), span)
		require.Equal(t, want, got)
		require.Equal(t, warnings, logs.Len())
	}
	f("propagate", answer{failed: true}, 0)
	f("ignore", answer{matched: true}, 1)
	f("silent", answer{matched: true}, 0)
	f("", answer{matched: true}, 0)
}

func TestWrongConditionsAreToldAllAtOnceWithTheirPaths(t *testing.T) {
	cfg := sampling.DefaultConfig()
	wrong := &sampling.OTTLConditionConfig{Span: []string{`name == "a"`, `nme == 1`}, SpanEvent: []string{`name ==`}}
	cfg.Policies = []sampling.PolicyConfig{
		{Name: "all", Type: "always_sample"},
		policy("one", wrong),
		{Name: "two", Type: "and", And: &sampling.AndConfig{SubPolicies: []sampling.PolicyConfig{{Type: "always_sample"}, policy("", wrong)}}},
		drop("three", policy("", &sampling.OTTLConditionConfig{Span: []string{`Unknown(name)`}})),
	}
	require.NoError(t, cfg.Validate())
	err := Check(cfg)
	var got []string
	for _, e := range flatten(err) {
		got = append(got, e.Error())
	}
	require.Len(t, got, 5)
	require.Contains(t, got[0], `policies[1].ottl_condition.span[1] must be an OTTL condition (got "nme == 1"): `)
	require.Contains(t, got[1], `policies[1].ottl_condition.spanevent[0] must be an OTTL condition (got "name =="): `)
	require.Contains(t, got[2], `policies[2].and.and_sub_policy[1].ottl_condition.span[1] must be`)
	require.Contains(t, got[3], `policies[2].and.and_sub_policy[1].ottl_condition.spanevent[0] must be`)
	require.Contains(t, got[4], `policies[3].drop.drop_sub_policy[0].ottl_condition.span[0] must be`)

	_, err = sampling.Compile(cfg, sampling.Options{}, &spanview.Schema{})
	require.ErrorContains(t, err, "policies[1].ottl_condition can't be used here: nothing reads OTTL")

	cfg.Policies = []sampling.PolicyConfig{policy("p", &sampling.OTTLConditionConfig{ErrorMode: "loud"})}
	require.EqualError(t, cfg.Validate(), `policies[0].ottl_condition.error_mode must be ignore, silent or propagate (got "loud")`+"\n"+
		`policies[0].ottl_condition must list at least one condition in span or spanevent (got none)`)
	require.NoError(t, Check(cfg), "what Validate tells is not told again")
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, flatten(e)...)
	}
	return list
}

func TestManyGoroutinesAskAtOnce(t *testing.T) {
	all := &sampling.OTTLConditionConfig{ErrorMode: "propagate", Span: spanConditions, SpanEvent: eventConditions}
	each := []sampling.PolicyConfig{policy("all", all)}
	for _, c := range spanConditions {
		each = append(each, policy("span "+c, &sampling.OTTLConditionConfig{ErrorMode: "propagate", Span: []string{c}}))
	}
	p, schema := compilePolicies(t, each...)
	rng := rand.New(rand.NewPCG(1, 4))
	var requests [][]byte
	var want []*spanview.Batch
	for range 50 {
		requests = append(requests, marshal(t, randomRequest(rng)))
		b := read(t, schema, requests[len(requests)-1])
		p.MatchConditions(b, requests[len(requests)-1])
		want = append(want, b)
	}
	once, _ := p.EvaluationErrors(0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var b spanview.Batch
			for i, request := range requests {
				if err := otlpwire.Scan(request, schema, &b); err != nil {
					t.Error(err)
					return
				}
				b.DropZeroTraceIDs()
				p.MatchConditions(&b, request)
				for j := range b.Spans {
					if b.Spans[j].Bits != want[i].Spans[j].Bits {
						t.Error("other bits than alone")
					}
				}
			}
		})
	}
	wg.Wait()
	total, _ := p.EvaluationErrors(0)
	require.NotZero(t, once)
	require.Equal(t, 5*once, total)
}

func TestPathsWithoutAContextAreToldOfAtStart(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	_, err := Compiler(component.TelemetrySettings{Logger: zap.New(core)})("p", []string{`name == "a"`, `span.name == "b"`}, nil, "silent")
	require.NoError(t, err)
	require.Equal(t, 1, logs.Len())
}
