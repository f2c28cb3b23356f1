package sampling

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func adaptiveYAML(block string) string {
	return `{policies: [{name: a, type: adaptive_throughput, adaptive_throughput: {` + block + `}}]}`
}

func TestAdaptiveThroughputIsReadFromItsKeys(t *testing.T) {
	f := func(block string, want AdaptiveThroughputConfig) {
		t.Helper()
		assert.Equal(t, &want, mustParse(t, adaptiveYAML(block)).Policies[0].AdaptiveThroughput)
	}
	f(`spans_per_second: 5`, AdaptiveThroughputConfig{SpansPerSecond: 5})
	f(`bytes_per_second: 5, key: error_signature, keys_max: 7, min_traces_per_minute: 0, method: ema, adjustment_interval: 3s, weight: 0.25`,
		AdaptiveThroughputConfig{
			BytesPerSecond: 5, Key: "error_signature", KeysMax: 7, MinTracesPerMinute: new(int64), Method: "ema",
			AdjustmentInterval: 3 * time.Second, Weight: 0.25,
		})
	f(`spans_per_second: 5, key_attributes: [service.name, http.route], method: windowed, lookback: 10s`,
		AdaptiveThroughputConfig{SpansPerSecond: 5, KeyAttributes: []string{"service.name", "http.route"}, Method: "windowed", Lookback: 10 * time.Second})
}

func TestAdaptiveThroughputHasDefaults(t *testing.T) {
	f := func(block string, want estimates, keys int, gap int64) {
		t.Helper()
		p := adaptivePolicy(t, block)
		a := p.adaptives[0]
		assert.Equal(t, want, a.rates.estimates)
		assert.Len(t, a.shares, keys+1)
		assert.Equal(t, gap, a.gap)
	}
	f(`spans_per_second: 5`, estimates{interval: 15_000, weight: 0.5}, 500, 15_000)
	f(`spans_per_second: 5, method: windowed`, estimates{interval: 1000, buckets: 30}, 500, 15_000)
	f(`spans_per_second: 5, keys_max: 3, weight: 1, adjustment_interval: 2s, min_traces_per_minute: 0`, estimates{interval: 2000, weight: 1}, 3, 0)
	f(`spans_per_second: 5, method: windowed, lookback: 5s, adjustment_interval: 2s, min_traces_per_minute: 600`, estimates{interval: 2000, buckets: 2}, 500, 100)
}

func TestABadAdaptiveThroughputIsRefused(t *testing.T) {
	f := func(block string, want ...string) {
		t.Helper()
		cfg, err := parse(t, adaptiveYAML(block))
		require.NoError(t, err)
		err = cfg.Validate()
		require.Error(t, err)
		for i := range want {
			want[i] = "policies[0].adaptive_throughput" + want[i]
		}
		assert.Equal(t, want, strings.Split(err.Error(), "\n"))
		_, err = Compile(cfg, Options{}, &spanview.Schema{})
		assert.Error(t, err)
	}
	f(`keys_max: 1`, ` must set either spans_per_second or bytes_per_second (got 0 and 0): 0 stands for the other one`)
	f(`spans_per_second: 5, bytes_per_second: 6`, ` must set either spans_per_second or bytes_per_second (got 5 and 6): 0 stands for the other one`)
	f(`spans_per_second: -1`, `.spans_per_second must be between 0 and 1125899906842624 (got -1): 0 matches nothing`)
	f(`spans_per_second: 1, key: error_signature, key_attributes: [a]`,
		`.key must not be there with key_attributes (got "error_signature"): traces are told apart by one of them`)
	f(`spans_per_second: 1, key: http.route`, `.key must be root_operation or error_signature (got "http.route"): for attributes use key_attributes`)
	f(`spans_per_second: 1, key_attributes: [a, "", a]`,
		`.key_attributes[1] must not be empty or listed twice (got ""): it names an attribute`,
		`.key_attributes[2] must not be empty or listed twice (got "a"): it names an attribute`)
	f(`spans_per_second: 1, keys_max: -1`, `.keys_max must be between 0 and 10000 (got -1): 0 stands for 500`)
	f(`spans_per_second: 1, keys_max: 10001`, `.keys_max must be between 0 and 10000 (got 10001): 0 stands for 500`)
	f(`spans_per_second: 1, min_traces_per_minute: 6001`, `.min_traces_per_minute must be between 0 and 6000 (got 6001): 0 stands for none`)
	f(`spans_per_second: 1, method: mean`, `.method must be ema or windowed (got "mean")`)
	f(`spans_per_second: 1, lookback: 3s`, `.lookback must not be there with method ema (got 3s): it has no effect on it`)
	f(`spans_per_second: 1, method: windowed, weight: 0.5`, `.weight must not be there with method windowed (got 0.5): it has no effect on it`)
	f(`spans_per_second: 1, weight: 1.5`, `.weight must be between 0 and 1 (got 1.5): 0 stands for 0.5`)
	f(`spans_per_second: 1, weight: .nan`, `.weight must be between 0 and 1 (got NaN): 0 stands for 0.5`)
	f(`spans_per_second: 1, method: windowed, lookback: 500ms`, `.lookback must be between adjustment_interval, 1s, and 100 of it (got 500ms)`)
	f(`spans_per_second: 1, method: windowed, lookback: 101s`, `.lookback must be between adjustment_interval, 1s, and 100 of it (got 1m41s)`)
	f(`spans_per_second: 1, adjustment_interval: 10ms`, `.adjustment_interval must be between 100ms and 1h0m0s (got 10ms): 0s stands for the default`)
	f(`spans_per_second: 1, adjustment_interval: -1s`, `.adjustment_interval must be between 100ms and 1h0m0s (got -1s): 0s stands for the default`)
}
