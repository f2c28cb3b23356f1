package demo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestTheSameSeedMakesTheSameRequests(t *testing.T) {
	a, b, c := NewShop(7), NewShop(7), NewShop(8)
	for range 100 {
		made := a.request(noon)
		require.Equal(t, made, b.request(noon))
		require.NotEqual(t, made, c.request(noon))
	}
}

// Spans begin and end within the time of their trace, SERVER spans lie within the CLIENT spans that call them, and services
// without instrumentation send none.
func TestTracesAreWhatInstrumentedServicesSend(t *testing.T) {
	shop := NewShop(1)
	seen := map[string]int{}
	for range 2000 {
		made := shop.request(noon)
		require.NotZero(t, made.id)
		spans := map[[8]byte]span{}
		roots := 0
		for _, s := range made.spans {
			require.NotContains(t, spans, s.id)
			spans[s.id] = s
			seen[s.service.name]++
		}
		for _, s := range made.spans {
			require.False(t, s.start.Before(noon))
			require.Greater(t, s.duration(), time.Duration(0))
			parent, known := spans[s.parent]
			switch {
			case s.parent == [8]byte{}:
				roots++
				require.Equal(t, storefront, s.service)
				require.False(t, s.remote)
			case !known:
				require.Equal(t, tax, s.service, "the only one that a silent service calls")
			case s.kind == ptrace.SpanKindServer:
				require.True(t, s.remote)
				require.NotEqual(t, parent.service, s.service)
				require.False(t, s.start.Before(parent.start) || s.end.After(parent.end))
			case s.kind == ptrace.SpanKindClient:
				require.False(t, s.remote)
				require.Equal(t, parent.service, s.service)
			}
		}
		require.Equal(t, 1, roots)
	}
	require.NotContains(t, seen, "pricing")
	require.Len(t, seen, 7)
}

func TestEveryEightiethShipmentHangs(t *testing.T) {
	shop := NewShop(1)
	var asked, hung int
	for range 4000 {
		for _, s := range shop.request(noon).spans {
			if s.kind == ptrace.SpanKindClient && s.attributes["server.address"] == "shipping" {
				asked++
				if s.duration() == timeout {
					hung++
				}
			}
		}
	}
	require.Equal(t, asked/80, hung)
	require.Greater(t, hung, 5)
}
