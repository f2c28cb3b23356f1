package tailsamplingprocessor

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

func TestTheDefaultsAreContribsAndTheReceivers(t *testing.T) {
	cfg := mustParse(t, `{}`)
	require.Equal(t, 30*time.Second, cfg.DecisionWait)
	engine := spanpipe.DefaultConfig()
	want := engine.Sampling
	want.DecisionWait = 30 * time.Second
	require.Equal(t, want, cfg.sampling())
	require.Equal(t, engine.Output, cfg.Output)
	require.False(t, cfg.engine().Coverage.Enabled)
}

// Every key of `sampling:` stands on our level and does the same, but for one that has a name of contrib's.
func TestEveryKeyOfSamplingIsPassedOn(t *testing.T) {
	ours := reflect.TypeFor[Config]()
	theirs := reflect.TypeFor[sampling.Config]()
	passed := 0
	for i := range theirs.NumField() {
		tag := theirs.Field(i).Tag.Get("mapstructure")
		if tag == "-" || tag == "decide_early" {
			continue
		}
		at := -1
		for j := range ours.NumField() {
			if ours.Field(j).Tag.Get("mapstructure") == tag {
				at = j
			}
		}
		if at < 0 {
			t.Errorf("there is no key %s", tag)
			continue
		}
		cfg := mustParse(t, `{}`)
		changed := unlike(t, reflect.ValueOf(cfg).Elem().Field(at))
		got := cfg.sampling()
		require.Equal(t, changed, reflect.ValueOf(got).Field(i).Interface(), tag)
		passed++
	}
	require.Greater(t, passed, 10)
}

// unlike gives a field another value than it has, and returns it.
func unlike(t *testing.T, field reflect.Value) any {
	t.Helper()
	switch field.Kind() {
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	case reflect.Struct:
		unlike(t, field.Field(0))
	default:
		require.Fail(t, "no other value is known of a "+field.Kind().String())
	}
	return field.Interface()
}

// everyKey has all keys of contrib's processor.
const everyKey = `
decision_wait: 10s
decision_wait_after_root_received: 3s
num_traces: 100
block_on_overflow: true
expected_new_traces_per_sec: 10
decision_cache:
  sampled_cache_size: 1000
  non_sampled_cache_size: 3000000
sample_on_first_match: true
sampling_strategy: span-ingest
drop_pending_traces_on_shutdown: true
maximum_trace_size_bytes: 100000
num_shards: 8
policies:
  - name: slow
    type: latency
    latency: {threshold_ms: 5000}
  - {name: share, type: probabilistic, probabilistic: {sampling_percentage: 150}, latency: {threshold_ms: 1}}
`

func TestEveryKeyOfContribIsTaken(t *testing.T) {
	cfg := mustParse(t, everyKey)
	want := sampling.DefaultConfig()
	want.DecisionWait, want.DecisionWaitAfterRoot = 10*time.Second, 3*time.Second
	want.DecisionMemory.TracesMax = 3_000_000
	want.SampleOnFirstMatch, want.DecideEarly = true, true
	want.MaxTraceBytes = 100_000
	want.Policies = cfg.Policies
	got := cfg.sampling()
	require.Equal(t, want, got)
	require.EqualValues(t, 100_000, got.TraceBytesMax())
	require.Len(t, cfg.Policies, 2)
	require.True(t, cfg.BlockOnOverflow)
	require.True(t, cfg.DropPendingTracesOnShutdown)
}

func TestTheGreatestNumberOfDecisionsCounts(t *testing.T) {
	for yaml, want := range map[string]int{
		`{decision_cache: {sampled_cache_size: 2000000, non_sampled_cache_size: 5}}`:  2_000_000,
		`{decision_cache: {sampled_cache_size: 5, non_sampled_cache_size: 2000000}}`:  2_000_000,
		`{decision_cache: {sampled_cache_size: 5, non_sampled_cache_size: 5}}`:        1_000_000,
		`{decision_cache: {sampled_cache_size: 2_000_000_000}}`:                       1 << 30,
		`{decision_cache: {sampled_cache_size: 5}, decision_memory: {traces_max: 0}}`: 5,
	} {
		require.Equal(t, want, mustParse(t, yaml).sampling().DecisionMemory.TracesMax, yaml)
	}
}

// A short wait of contrib's is not refused because of a key that contrib has not.
func TestDecisionWaitMinIsAtMostDecisionWait(t *testing.T) {
	cfg := mustParse(t, `{decision_wait: 500ms}`)
	require.Equal(t, 500*time.Millisecond, cfg.sampling().DecisionWaitMin)
	cfg = mustParse(t, `{decision_wait: -1s, decision_wait_min: 1m}`)
	require.Equal(t, time.Second, cfg.sampling().DecisionWait)
	require.Equal(t, time.Second, cfg.sampling().DecisionWaitMin)
}

func TestAnOutsizeTraceIsBoundedInBytes(t *testing.T) {
	for yaml, want := range map[string]uint32{
		`{}`:                                16 << 20,
		`{max_trace_mib: 2}`:                2 << 20,
		`{maximum_trace_size_bytes: 0}`:     16 << 20,
		`{maximum_trace_size_bytes: 1}`:     1,
		`{maximum_trace_size_bytes: 1e+18}`: 4095 << 20,
	} {
		cfg := mustParse(t, yaml)
		ours := cfg.sampling()
		require.Equal(t, want, ours.TraceBytesMax(), yaml)
	}
}

func TestABadConfigurationIsRefusedWithEveryMistake(t *testing.T) {
	f := func(yaml string, want ...string) {
		t.Helper()
		_, err := parse(t, yaml)
		require.Error(t, err)
		for _, w := range want {
			assert.ErrorContains(t, err, w)
		}
	}
	f(`{tail_storage: redis/a, sampling_strategy: both, shutdown_timeout: 0s, metadata_keys: [a, "", A], metadata_cardinality_limit: 0,
		rescue_window: -1s, decision_wait_min: -1s, max_trace_mib: 0, memory: {limit_mib: 1}, output: {senders: 0}, policies: [{type: nonsense}]}`,
		`tail_storage must not be set (got "redis/a")`,
		`sampling_strategy must be trace-complete or span-ingest (got "both")`,
		`shutdown_timeout must be a positive duration (got 0s)`,
		`metadata_keys[1] must not be empty (got "")`,
		`metadata_keys[2] must be listed once (got "A")`,
		`metadata_cardinality_limit must be between 1 and 65536 (got 0)`,
		`rescue_window must be at least 0s (got -1s)`,
		`decision_wait_min must be at least 0s (got -1s)`,
		`max_trace_mib must be between 1 and 4095 (got 0)`,
		`memory: limit_mib must be 0 or at least 64 (got 1)`,
		`output: senders must be at least 1 (got 0)`,
		`policies[0].name must not be empty`,
		`policies[0].type must be a known policy type (got "nonsense")`)
	f(`{policies: [{name: a, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold: 5, upper_threshold_ms: 5s}}]}}]}`,
		`policies[0].and.and_sub_policy[0].latency.upper_threshold_ms must be a whole number (got "5s"): without quotes or a unit`)
	f(`{policies: [{name: a, type: latncy}]}`, `policies[0].type must be a known policy type (got "latncy"): supported are adaptive_throughput, `)
	f(`{decision_wate: 1s}`, `decision_wate must not be there (got key "decision_wate"): is decision_wait meant?`)
	f(`{memory: {others_mib: 1}}`, `memory.others_mib must not be there (got key "others_mib"): known are limit_mib`)
	f(`{policies: [{name: a, type: always_sample, lat: {threshold_ms: 5}}]}`, `policies[0].lat must not be there`)
}

// testdata/contrib.yaml is an ordinary configuration for contrib's processor, with a policy of every type.
func TestAnOrdinaryConfigurationOfContribStarts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "contrib.yaml"))
	require.NoError(t, err)
	bubble(t, func(t *testing.T) {
		r := start(t, string(text))
		r.mustTake(t, trace(1, 3, true))
		time.Sleep(11 * time.Second)
		require.Equal(t, map[byte]int{1: 3}, r.sink.spans())
	})
}

// Every example in our documents and configurations is one that starts.
func TestOurExamplesAreValid(t *testing.T) {
	examples := 0
	for _, name := range []string{"README.md", "../../docs/sampling.md"} {
		for _, block := range blocks(t, name) {
			conf := asConf(t, block)
			if !conf.IsSet("processors::tail_sampling") {
				continue
			}
			sub, err := conf.Sub("processors::tail_sampling")
			require.NoError(t, err)
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, sub.Unmarshal(cfg), name)
			require.NoError(t, confmap.Validate(cfg), name)
			examples++
		}
	}
	require.GreaterOrEqual(t, examples, 2)
}

func asConf(t *testing.T, yaml string) *confmap.Conf {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	return conf
}

// blocks returns the YAML blocks of a document.
func blocks(t *testing.T, name string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for i, part := range strings.Split(string(text), "```") {
		if yaml, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			list = append(list, yaml)
		}
	}
	return list
}

func TestTheReadmeHasEveryKeyMetricAndReason(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	names := []string{"tail_storage"}
	conf := confmap.New()
	require.NoError(t, conf.Marshal(createDefaultConfig()))
	for _, key := range conf.AllKeys() {
		key = strings.ReplaceAll(key, "::", ".")
		names = append(names, strings.TrimPrefix(key, "output.retry."))
	}
	for _, rule := range rules {
		names = append(names, rule.name)
	}
	bubble(t, func(t *testing.T) {
		r := start(t, errorsOnly)
		names = append(names, r.names(t)...)
	})
	require.Greater(t, len(names), 50)
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not tell of %s", name)
		}
	}
}

func TestPoliciesComeFromAFileAndChangeWithIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policies.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(`policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]`)
	bubble(t, func(t *testing.T) {
		r := start(t, `{decision_wait: 1m, policies_file: `+file+`}`)
		r.mustTake(t, trace(1, 2, false))
		write(`policies: [{name: all, type: everything}]`)
		time.Sleep(25 * time.Second)
		require.Equal(t, 1, r.logs.FilterMessageSnippet("stay as they were").Len())
		write(`policies: [{name: all, type: always_sample}]`)
		time.Sleep(time.Minute)
		require.Equal(t, 1, r.logs.FilterMessageSnippet("in use as it is now").Len())
		require.Equal(t, map[byte]int{1: 2}, r.sink.spans(), "a trace that came before is decided by what holds then")
	})
}
