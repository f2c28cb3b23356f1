package sampling

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// keySpan is a span as far as keys go.
type keySpan struct {
	oracleSpan
	name string
	root bool
}

// traitsOf returns the traits of spans in requests of some spans each, merged.
func traitsOf(p *Policies, s *spanview.Schema, spans []keySpan, order []int, sizes func() int) spanview.Traits {
	var sc Scratch
	var b spanview.Batch
	var merged spanview.Traits
	for at := 0; at < len(order); {
		n := min(sizes(), len(order)-at)
		b.Reset(s)
		for _, i := range order[at : at+n] {
			addSpan(&b, s, [16]byte{1}, spans[i].oracleSpan)
			out := &b.Spans[len(b.Spans)-1]
			out.Name = spans[i].name
			if !spans[i].root {
				out.ParentID[3] = 9
			}
		}
		p.Match(&b, &sc)
		for i := range b.Traits() {
			merged.Merge(&b.Traits()[i])
		}
		at += n
	}
	return merged
}

func randomKeySpans(rng *rand.Rand) (spans []keySpan) {
	for range 1 + rng.IntN(6) {
		s := keySpan{name: pick(rng, []string{"a", "b", "c", ""}), root: rng.IntN(4) == 0}
		s.status = pick(rng, []int32{spanview.StatusUnset, spanview.StatusOK, spanview.StatusError})
		s.resourceAttributes = map[string]any{}
		s.attributes = map[string]any{}
		if rng.IntN(4) > 0 {
			s.resourceAttributes["service.name"] = pick(rng, []string{"x", "y"})
		}
		if rng.IntN(3) == 0 {
			s.attributes["http.response.status_code"] = pick(rng, []int64{500, 503})
		}
		if rng.IntN(3) == 0 {
			s.attributes["error.type"] = pick(rng, []string{"timeout", "500"})
		}
		if rng.IntN(2) == 0 {
			pick(rng, []map[string]any{s.attributes, s.resourceAttributes})["tenant"] = pick(rng, []any{"t", int64(1), "1", true})
		}
		spans = append(spans, s)
	}
	return spans
}

func TestATracesKeysHangOnItsSpansNotOnHowTheyCame(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for _, key := range []string{`key: root_operation`, `key_attributes: [tenant, service.name]`} {
		p, s := mustCompile(t, `{policies: [
			{name: k, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, `+key+`}},
			{name: e, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, key: error_signature}}]}`)
		for range 2000 {
			spans := randomKeySpans(rng)
			order := rng.Perm(len(spans))
			want := traitsOf(p, s, spans, order, func() int { return 100 })
			order = append(rng.Perm(len(spans)), order[:rng.IntN(len(spans))]...)
			require.Equal(t, want, traitsOf(p, s, spans, order, func() int { return 1 + rng.IntN(3) }))
		}
	}
}

// says is what tells spans apart, as a text: dumb.
func (s keySpan) says(attributes ...string) string {
	text, found := "", len(attributes) == 0
	for _, key := range attributes {
		v := s.attributes[key]
		if v == nil {
			v = s.resourceAttributes[key]
		}
		text += fmt.Sprintf("%s=%T:%v|", key, v, v)
		found = found || v != nil
	}
	switch {
	case !found:
		return ""
	case len(attributes) > 0:
		return text
	}
	return fmt.Sprintf("%v|%s", s.resourceAttributes["service.name"], s.name)
}

func (s keySpan) wrong() string {
	if s.status != spanview.StatusError {
		return ""
	}
	for _, key := range errorAttributes {
		if v := s.attributes[key]; v != nil {
			return s.says() + fmt.Sprintf("|%T:%v", v, v)
		}
	}
	return s.says() + "|"
}

func TestKeysAreEqualWhereWhatTheySayIs(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for _, attributes := range [][]string{nil, {"tenant"}, {"service.name", "tenant"}} {
		block := `key: root_operation`
		if attributes != nil {
			block = `key_attributes: [` + attributes[0]
			for _, a := range attributes[1:] {
				block += `, ` + a
			}
			block += `]`
		}
		p, s := mustCompile(t, `{policies: [
			{name: k, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, `+block+`}},
			{name: e, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, key: error_signature}}]}`)
		roots, others, errors := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
		one := func(span keySpan) spanview.Traits {
			return traitsOf(p, s, []keySpan{span}, []int{0}, func() int { return 1 })
		}
		for range 3000 {
			spans := randomKeySpans(rng)
			var wantKey, wantError uint64
			for _, span := range spans {
				got := one(span)
				said, by := span.says(attributes...), others
				if span.root {
					by = roots
				}
				require.Equal(t, said == "", got.Key == 0)
				if said != "" {
					require.Equal(t, span.root, got.Key&rootMark != 0)
					sameFor(t, by, said, got.Key)
				}
				require.Equal(t, span.wrong() == "", got.ErrorSignature == 0)
				if span.wrong() != "" {
					sameFor(t, errors, span.wrong(), got.ErrorSignature)
				}
				wantKey, wantError = max(wantKey, got.Key), max(wantError, got.ErrorSignature)
			}
			all := traitsOf(p, s, spans, rng.Perm(len(spans)), func() int { return 100 })
			require.Equal(t, spanview.Traits{Key: wantKey, ErrorSignature: wantError}, all)
		}
		for _, by := range []map[string]uint64{roots, others, errors} {
			distinct := map[uint64]bool{}
			for _, key := range by {
				distinct[key] = true
			}
			assert.Len(t, distinct, len(by), "what says something else is another key")
			assert.Greater(t, len(by), 2)
		}
	}
}

func sameFor(t *testing.T, by map[string]uint64, said string, key uint64) {
	if had, known := by[said]; known {
		require.Equal(t, had, key, said)
	}
	by[said] = key
}

func TestKeysAreTheSameInEveryProcess(t *testing.T) {
	p, s := mustCompile(t, `{policies: [{name: k, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1}}]}`)
	span := keySpan{name: "GET /cart", root: true}
	span.resourceAttributes = map[string]any{"service.name": "cart"}
	got := traitsOf(p, s, []keySpan{span}, []int{0}, func() int { return 1 })
	assert.Equal(t, spanview.Traits{Key: 0xe29db39a5ca53a37}, got)
}

func TestNobodyWantsKeysNobodyHasTraits(t *testing.T) {
	p, s := mustCompile(t, `{}`)
	b := request(s, "")
	p.Match(b, &Scratch{})
	assert.Empty(t, b.Traits())
}

func TestPoliciesThatTellTracesApartDifferentlyAreRefused(t *testing.T) {
	f := func(a, b, wrong string) {
		t.Helper()
		cfg := mustParse(t, `{policies: [
			{name: a, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, `+a+`}},
			{name: b, type: and, and: {and_sub_policy: [{type: always_sample}, {type: adaptive_throughput, adaptive_throughput: {bytes_per_second: 1, `+b+`}}]}}]}`)
		_, err := Compile(cfg, Options{}, &spanview.Schema{})
		if wrong == "" {
			require.NoError(t, err)
			return
		}
		require.EqualError(t, err, `policies[1].and.and_sub_policy[1].adaptive_throughput `+wrong)
	}
	f(``, `key: root_operation`, ``)
	f(`key_attributes: [a, b]`, `key_attributes: [a, b]`, ``)
	f(`key_attributes: [a, b]`, `key: error_signature`, ``)
	f(`key: error_signature`, `key: error_signature`, ``)
	f(``, `key_attributes: [a]`, `must tell traces apart as the other policies of its type do, by root_operation (got key_attributes [a]): a trace has one key beside its error_signature`)
	f(`key_attributes: [a]`, ``, `must tell traces apart as the other policies of its type do, by key_attributes [a] (got root_operation): a trace has one key beside its error_signature`)
}

func TestTextsThatDifferHaveHashesThatDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	n := 0
	for size := range 70 {
		for at := range size {
			for _, b := range []byte{'a', 'c', 'b' ^ 0x80, 0} {
				text := bytes.Repeat([]byte("b"), size)
				text[at] = b
				h := hashText(string(text))
				padded := "--" + string(text) + "-"
				require.Equal(t, h, hashText(padded[2:2+size]), "wherever it lies")
				seen[h] = true
				n++
			}
		}
		seen[hashText(strings.Repeat("b", size))] = true
		n++
	}
	assert.Len(t, seen, n)
}
