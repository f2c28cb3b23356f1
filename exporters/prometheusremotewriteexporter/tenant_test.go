package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// ofTenants is a payload with a resource for each team, the first without one.
func ofTenants(at int64, teams ...string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, team := range teams {
		rm := md.ResourceMetrics().AppendEmpty()
		counters(3, at, 1).ResourceMetrics().At(0).CopyTo(rm)
		if team != "" {
			rm.Resource().Attributes().PutStr("team", team)
		}
	}
	return md
}

// byHeader returns the series that arrived with each value of a header.
func byHeader(e *endpoint, header string) map[string][]string {
	out := map[string][]string{}
	for _, r := range e.all() {
		tenant := strings.Join(r.header.Values(header), ",")
		out[tenant] = append(out[tenant], r.series...)
	}
	return out
}

func TestEachTenantHasRequestsOfItsOwn(t *testing.T) {
	directory := t.TempDir()
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		tune := func(c *Config) {
			c.ProtobufMessage = message
			c.Tenant.ResourceAttribute = "team"
			c.WAL = defaultWAL()
			c.WAL.Directory = filepath.Join(directory, string(message))
			c.ShutdownTimeout = 0
		}
		h := newHarness(t, tune)
		h.overPipes(&endpoint{answer: func(_ int, r *received, _ http.ResponseWriter) int {
			if r.header.Get("X-Scope-OrgID") == "b" {
				return 429 // over its limits: the others are not
			}
			return 503
		}})
		require.NoError(t, h.ConsumeMetrics(context.Background(), ofTenants(1000, "", "a", "b", "a\r\nX-Evil: 1")))
		require.NoError(t, h.ConsumeMetrics(context.Background(), ofTenants(2000, "b", "a")))
		require.NoError(t, h.Shutdown(context.Background()))

		// What the log has of them is told apart after a restart, too.
		h = newHarness(t, tune)
		e := &endpoint{}
		h.overPipes(e)
		time.Sleep(time.Minute)
		got := byHeader(e, "X-Scope-OrgID")
		assert.Equal(t, []string{"", "a", "aX-Evil: 1", "b"}, slices.Sorted(maps.Keys(got)))
		assert.Len(t, got[""], 3)
		assert.Len(t, got["a"], 6)
		assert.Len(t, got["b"], 6)
		for _, r := range e.all() {
			assert.Empty(t, r.header.Get("X-Evil"))
		}
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestATenantThatIsRefusedHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Tenant.ResourceAttribute, c.Tenant.Default = "team", "nobody" })
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if r.header.Get("X-Scope-OrgID") == "a" {
				return 429
			}
			return accept(n, r, w)
		}}
		h.overPipes(e)
		for i := range int64(10) {
			require.NoError(t, h.ConsumeMetrics(context.Background(), ofTenants(1000+i, "a", "b", "")))
			time.Sleep(time.Second)
		}
		got := byHeader(e, "X-Scope-OrgID")
		assert.Len(t, got["b"], 30)
		assert.Len(t, got["nobody"], 30)
		assert.EqualValues(t, 30, h.values()["pending_samples"])
		h.hurry()
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestTenantsBeyondTheMostAreLeftOutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Tenant.ResourceAttribute, c.Tenant.Max = "team", 5 })
		e := &endpoint{}
		h.overPipes(e)
		var teams []string
		for i := range 8 {
			teams = append(teams, fmt.Sprint(i))
		}
		require.NoError(t, h.ConsumeMetrics(context.Background(), ofTenants(1000, teams...)))
		time.Sleep(time.Second)
		assert.Len(t, byHeader(e, "X-Scope-OrgID"), 5)
		assert.EqualValues(t, 9, h.values()["dropped_points{reason=tenant_limit}"])
		assert.Equal(t, 1, h.logs.FilterMessage("metrics of more tenants than tenant.max are left out").Len())

		// A tenant that is heard no more makes room.
		time.Sleep(10 * time.Minute)
		require.NoError(t, h.ConsumeMetrics(context.Background(), ofTenants(2000, "new")))
		time.Sleep(time.Second)
		assert.Len(t, byHeader(e, "X-Scope-OrgID")["new"], 3)
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestMetadataOfTheClientBecomesHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.IncludeMetadataKeys = []string{"x-team", "X-Zone"} })
		e := &endpoint{}
		h.overPipes(e)
		for _, metadata := range []map[string][]string{{"X-Team": {"a"}, "other": {"x"}}, {"x-team": {"b", "c"}, "x-zone": {"eu"}}, nil} {
			ctx := client.NewContext(context.Background(), client.Info{Metadata: client.NewMetadata(metadata)})
			require.NoError(t, h.ConsumeMetrics(ctx, counters(2, 1000, 1)))
		}
		time.Sleep(time.Second)
		assert.Equal(t, []string{"", "a", "b,c"}, slices.Sorted(maps.Keys(byHeader(e, "X-Team"))))
		assert.Equal(t, []string{"", "eu"}, slices.Sorted(maps.Keys(byHeader(e, "X-Zone"))))
		assert.Equal(t, []string{""}, slices.Collect(maps.Keys(byHeader(e, "Other"))))
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

// Two tenants may have the same series: what is accumulated of one is none of the other's.
func TestDeltaPointsAreAccumulatedByTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Tenant.ResourceAttribute, c.DeltaTemporality = "team", accumulateDeltas })
		e := &endpoint{}
		h.overPipes(e)
		for round := range int64(3) {
			md := ofTenants(1000+round, "a", "b")
			for i, rm := range md.ResourceMetrics().All() {
				sum := rm.ScopeMetrics().At(0).Metrics().At(0).Sum()
				sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
				sum.DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool {
					p.SetDoubleValue(float64(10*i + 1))
					n, _ := p.Attributes().Get("i")
					return n.Str() != "0"
				})
			}
			require.NoError(t, h.ConsumeMetrics(context.Background(), md))
		}
		time.Sleep(time.Second)
		got := byHeader(e, "X-Scope-OrgID")
		for tenant, step := range map[string]int{"a": 1, "b": 11} {
			var want []string
			for round := range 3 {
				want = append(want, fmt.Sprintf(`{__name__="c_total", i="0"} %d@%d`, step*(round+1), 1000+round))
			}
			assert.Equal(t, want, got[tenant])
		}
		require.NoError(t, h.Shutdown(context.Background()))
	})
}
