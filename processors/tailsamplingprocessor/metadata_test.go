package tailsamplingprocessor

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

func with(metadata map[string][]string) context.Context {
	return client.NewContext(context.Background(), client.Info{Metadata: client.NewMetadata(metadata)})
}

// Contrib: kept traces go out without the metadata of who sent them, so that all tenants become one.
func TestClientMetadataStaysWithSpans(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{metadata_keys: [X-Tenant, region], decision_wait: 1s, memory: {limit_mib: 64}, policies: [{name: all, type: always_sample}]}`)
		combinations := []map[string][]string{
			{"x-tenant": {"a"}, "region": {"eu"}},
			{"x-tenant": {"a"}, "region": {"us"}},
			{"x-tenant": {"b"}, "region": {"eu", "us"}},
			{"x-tenant": {""}},
			{"x-tenant": {"b", "us"}, "region": {"eu"}},
			{"x-tenant": {"a", "eu"}},
			{"x-tenant": {"ae", "u"}},
			{},
		}
		want := map[string]int{}
		for i := range byte(100) {
			metadata := map[string][]string{"authorization": {"secret"}}
			combination := combinations[int(i)%len(combinations)]
			maps.Copy(metadata, combination)
			spans := int(i)%3 + 1
			require.NoError(t, r.ConsumeTraces(with(metadata), trace(i%7, spans, false)))
			want[told(with(combination))] += spans
		}
		time.Sleep(2 * time.Second)
		require.NoError(t, r.ConsumeTraces(with(combinations[1]), trace(3, 1, false)), "late")
		want[told(with(combinations[1]))]++
		r.end(t)

		got := map[string]int{}
		for _, c := range r.sink.calls {
			got[told(c.ctx)] += c.td.SpanCount()
			require.Nil(t, client.FromContext(c.ctx).Metadata.Get("authorization"))
		}
		require.Equal(t, want, got)
		require.Len(t, got, len(combinations))
	})
}

// told writes down the metadata that a context tells of.
func told(ctx context.Context) string {
	m := client.FromContext(ctx).Metadata
	return fmt.Sprintf("%q %q", m.Get("x-tenant"), m.Get("region"))
}

func TestMoreMetadataThanTheLimitIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{metadata_keys: [tenant], metadata_cardinality_limit: 2, memory: {limit_mib: 64}}`)
		send := func(tenant string) error {
			return r.ConsumeTraces(with(map[string][]string{"tenant": {tenant}}), trace(1, 1, false))
		}
		require.NoError(t, send("a"))
		require.NoError(t, send("b"))
		err := send("c")
		require.True(t, consumererror.IsPermanent(err))
		require.ErrorContains(t, err, "metadata_cardinality_limit")
		require.NoError(t, send("a"))
		r.mustTake(t, trace(1, 1, false))
		require.EqualValues(t, 1, r.figure(t, "refused_requests", "reason", "too_many_metadata"))
		require.EqualValues(t, 2, r.figure(t, "metadata_cardinality"))
		require.EqualValues(t, 4, r.figure(t, "accepted_spans"))
		r.end(t)
	})
}

func TestWithoutMetadataKeysNoneIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{memory: {limit_mib: 64}, policies: [{name: all, type: always_sample}]}`)
		require.NoError(t, r.ConsumeTraces(with(map[string][]string{"tenant": {"a"}}), trace(1, 1, false)))
		r.end(t)
		require.Equal(t, client.Info{}, client.FromContext(r.sink.calls[0].ctx))
	})
}
