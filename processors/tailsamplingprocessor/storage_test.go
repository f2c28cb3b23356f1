package tailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
)

// stored is a configuration with a store, after that of the keys.
func stored(dir, keys string) string {
	return fmt.Sprintf(`{storage: {directory: %q}, decision_wait: 10s, policies: [{name: all, type: always_sample}], %s}`, dir, keys)
}

// afterKill starts a processor on what a kill at this moment would leave in a directory.
func afterKill(t *testing.T, dir, keys string) (r *running, other string) {
	t.Helper()
	other = t.TempDir()
	require.NoError(t, os.CopyFS(other, os.DirFS(dir)))
	return start(t, stored(other, keys)), other
}

// came returns how many spans came in each combination.
func (r *running) came() map[string]int {
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	got := map[string]int{}
	for _, c := range r.sink.calls {
		got[told(c.ctx)] += c.td.SpanCount()
	}
	return got
}

// tenants are combinations that a text could take for each other.
var tenants = []map[string][]string{
	{"x-tenant": {"a"}, "region": {"eu"}},
	{"x-tenant": {"a"}, "region": {"us"}},
	{"x-tenant": {"a", "eu"}},
	{"x-tenant": {"ae", "u"}},
	{"region": {"a", "eu"}},
	{"x-tenant": {""}},
	{"x-tenant": {"", ""}},
	{"x-tenant": {"ü\x00\n"}, "region": {""}},
	{},
}

// sendTenants sends traces that came in several combinations each, and returns how many spans came in each.
func (r *running) sendTenants(t *testing.T) map[string]int {
	t.Helper()
	want := map[string]int{}
	for i := range byte(90) {
		of := tenants[int(i)%len(tenants)]
		spans := int(i)%3 + 1
		require.NoError(t, r.ConsumeTraces(with(of), trace(i%7, spans, false)))
		want[told(with(of))] += spans
	}
	return want
}

func TestMetadataOutlivesAKill(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		const keys = `metadata_keys: [X-Tenant, region]`
		r := start(t, stored(dir, keys))
		want := r.sendTenants(t)
		x, dir := afterKill(t, dir, keys)
		y, _ := afterKill(t, dir, keys) // a second kill right after the first
		for _, again := range []*running{x, y} {
			require.EqualValues(t, len(tenants)-1, again.figure(t, "metadata_cardinality"))
			time.Sleep(time.Minute)
			require.Equal(t, want, again.came())
			require.Zero(t, again.figure(t, "storage_failures"))
		}
	})
}

// The spans of one trace go out in several calls. After a kill each span that did not goes out, and no other.
func TestWhatWentOutOfATraceIsKnownByMetadata(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		const keys = `metadata_keys: [x-tenant]`
		var up atomic.Bool
		next := &sink{answer: func(ctx context.Context) error {
			if got := client.FromContext(ctx).Metadata.Get("x-tenant"); !up.Load() && len(got) > 0 && got[0] == "a" {
				return errors.New("down")
			}
			return nil
		}}
		r := startInFrontOf(t, stored(dir, keys), next)
		for i, tenant := range []string{"a", "b", "a", "c", "b"} {
			require.NoError(t, r.ConsumeTraces(with(map[string][]string{"x-tenant": {tenant}}), trace(1, i+1, false)))
		}
		r.mustTake(t, trace(1, 6, false))
		time.Sleep(20 * time.Second)
		require.Equal(t, map[string]int{`["b"] []`: 2 + 5, `["c"] []`: 4, `[] []`: 6}, r.came())
		x, _ := afterKill(t, dir, keys)
		time.Sleep(time.Minute)
		require.Equal(t, map[string]int{`["a"] []`: 1 + 3}, x.came())
		require.EqualValues(t, 1, x.figure(t, "metadata_cardinality"), "what has nothing to send takes no room")
		up.Store(true)
		time.Sleep(time.Minute)
		require.Len(t, r.came(), 4)
	})
}

// What is recovered goes out with what is listed now, as if it came now.
func TestAfterAKillOtherMetadataKeysCount(t *testing.T) {
	for keys, left := range map[string][]string{
		`metadata_keys: [REGION, x-other, X-TENANT]`: {"x-tenant", "region"},
		`metadata_keys: [region]`:                    {"region"},
		`metadata_keys: [x-other]`:                   nil,
		`metadata_keys: []`:                          nil,
	} {
		bubble(t, func(t *testing.T) {
			dir := t.TempDir()
			r := start(t, stored(dir, `metadata_keys: [X-Tenant, region]`))
			r.sendTenants(t)
			want := map[string]int{}
			for i := range 90 {
				of := map[string][]string{}
				for _, key := range left {
					if v, has := tenants[i%len(tenants)][key]; has {
						of[key] = v
					}
				}
				want[told(with(of))] += i%3 + 1
			}
			x, _ := afterKill(t, dir, keys)
			time.Sleep(time.Minute)
			require.Equal(t, want, x.came(), keys)
			require.Zero(t, x.figure(t, "storage_failures"))
		})
	}
}

// What was sent of recovered spans is not taken for spans that came later with what their metadata reads like now.
func TestASecondKillLosesNothingWhereMetadataKeysChanged(t *testing.T) {
	for _, keys := range []string{`metadata_keys: []`, `metadata_keys: [x-tenant]`} {
		bubble(t, func(t *testing.T) {
			dir := t.TempDir()
			of := with(map[string][]string{"x-tenant": {"a"}, "region": {"eu"}})
			r := start(t, stored(dir, `metadata_keys: [X-Tenant, region]`))
			require.NoError(t, r.ConsumeTraces(of, trace(1, 1, false)))

			other := t.TempDir()
			require.NoError(t, os.CopyFS(other, os.DirFS(dir)))
			var down atomic.Bool
			x := startInFrontOf(t, stored(other, keys), &sink{answer: func(context.Context) error {
				if down.Load() {
					return errors.New("down")
				}
				return nil
			}})
			time.Sleep(15 * time.Second)
			require.Equal(t, 1, x.sink.spans()[1])
			down.Store(true)
			late := trace(1, 2, false)
			for i, s := range spansOf(late) {
				s.SetSpanID([8]byte{2, byte(i)})
			}
			require.NoError(t, x.ConsumeTraces(of, late))
			time.Sleep(2 * time.Second)

			y, _ := afterKill(t, other, keys)
			time.Sleep(15 * time.Second)
			y.sink.mu.Lock()
			defer y.sink.mu.Unlock()
			var got []byte
			for _, c := range y.sink.calls {
				for _, s := range spansOf(c.td) {
					got = append(got, s.SpanID()[0])
				}
			}
			require.Equal(t, []byte{2, 2}, got, "what came late was not sent, what was recovered was")
			down.Store(false)
		})
	}
}

func TestTheLimitOfMetadataHoldsAfterAKill(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		r := start(t, stored(dir, `metadata_keys: [x-tenant], metadata_cardinality_limit: 4`))
		send := func(r *running, tenant string) error {
			return r.ConsumeTraces(with(map[string][]string{"x-tenant": {tenant}}), trace(1, 2, false))
		}
		for _, tenant := range []string{"a", "b", "c", "d", "a", "c"} {
			require.NoError(t, send(r, tenant))
		}
		x, dir := afterKill(t, dir, `metadata_keys: [x-tenant], metadata_cardinality_limit: 4`)
		require.ErrorContains(t, send(x, "e"), "metadata_cardinality_limit", "recovered ones count")
		y, _ := afterKill(t, dir, `metadata_keys: [x-tenant], metadata_cardinality_limit: 2`)
		require.EqualValues(t, 3, y.figure(t, "storage_failures", "reason", "metadata"), "requests")
		require.EqualValues(t, 3, y.figure(t, "storage_failures"))
		require.EqualValues(t, 3*2, y.figure(t, "recovered_spans"))
		time.Sleep(time.Minute)
		require.Equal(t, map[string]int{`["a"] []`: 4, `["b"] []`: 2}, y.came(), "the first that came, never without their own")
		require.Equal(t, map[string]int{`["a"] []`: 4, `["b"] []`: 2, `["c"] []`: 4, `["d"] []`: 2}, x.came())
	})
}

func TestStoredMetadataIsReadAsItIs(t *testing.T) {
	for _, of := range tenants {
		var text []byte
		for _, key := range []string{"region", "x-tenant"} {
			text = appendValues(text, key, of[key])
		}
		got, err := parseValues(string(text))
		require.NoError(t, err)
		require.Equal(t, of, got)
		for n := range text {
			if got, err = parseValues(string(text[:n])); err == nil {
				require.NotEqual(t, of, got, "cut short")
			}
		}
	}
	for _, text := range []string{"\x00", "\x05a", "\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\xff"} {
		_, err := parseValues(text)
		require.ErrorIs(t, err, errNotACombination, "%q", text)
	}
}
