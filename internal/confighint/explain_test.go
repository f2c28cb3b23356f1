package confighint

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

type inner struct {
	Count   int     `mapstructure:"count"`
	Share   float64 `mapstructure:"share"`
	Enabled bool    `mapstructure:"enabled"`
	Words   []string
	Names   []string      `mapstructure:"names"`
	Size    uint64        `mapstructure:"size"`
	Wait    time.Duration `mapstructure:"wait"`
	Hidden  int           `mapstructure:"-"`
}

type outer struct {
	List  []*inner `mapstructure:"list"`
	Inner inner    `mapstructure:"inner"`
}

func explained(t *testing.T, yaml string) error {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	var cfg outer
	return Unmarshal(conf, &cfg)
}

func TestMistakesAreToldWithPathRuleValueAndRemedy(t *testing.T) {
	for yaml, want := range map[string]string{
		`{inner: {count: 5ms}}`:          `inner.count must be a whole number (got "5ms"): without quotes or a unit`,
		`{list: [{}, {share: "1"}]}`:     `list[1].share must be a number (got "1"): without quotes or a unit`,
		`{inner: {enabled: "yes"}}`:      `inner.enabled must be true or false (got "yes"): without quotes`,
		`{inner: {names: [a, 500]}}`:     `inner.names[1] must be text (got 500): write it in quotes, "500"`,
		`{inner: {size: -1}}`:            `inner.size must be a whole number, at least 0 (got -1)`,
		`{inner: {wait: soon}}`:          `inner.wait must be a duration (got soon): a number and its unit, such as 10s or 500ms`,
		`{inner: {wait: [5]}}`:           `inner.wait must be a duration (got [5]): a number and its unit, such as 10s or 500ms`,
		`{list: {count: 1}}`:             `list must be a list (got map): begin each entry with -`,
		`{inner: [{count: 1}]}`:          `inner must be one block of keys (got a list): without -`,
		`{iner: {}}`:                     `iner must not be there (got key "iner"): is inner meant?`,
		`{list: [{Cuont: 1}]}`:           `list[0].Cuont must not be there (got key "Cuont"): known are count, share, enabled, names, size, wait`,
		`{list: [{conut: 1, count: 1}]}`: `list[0].conut must not be there (got key "conut"): known are count, share, enabled, names, size, wait`,
		`{list: [{counts: 1}]}`:          `list[0].counts must not be there (got key "counts"): is count meant?`,
		`{list: [{counts: 1, x: 2}], inner: {count: a}}`: "list[0].counts must not be there (got key \"counts\"): is count meant?\n" +
			"list[0].x must not be there (got key \"x\"): known are count, share, enabled, names, size, wait\n" +
			`inner.count must be a whole number (got "a"): without quotes or a unit`,
	} {
		require.EqualError(t, explained(t, yaml), want, yaml)
	}
}

func TestWhatIsNotKnownStaysAsItIs(t *testing.T) {
	require.NoError(t, explained(t, `{list: [{count: 1}]}`))
	require.ErrorContains(t, explained(t, `{inner: 1}`), "'inner' expected a map or struct")
	err := explained(t, `{inner: 1, lists: []}`)
	require.ErrorContains(t, err, "'inner' expected a map or struct")
	require.ErrorContains(t, err, "is list meant?")
}

func TestTheNearestWord(t *testing.T) {
	known := []string{"latency", "status_code", "and"}
	for word, want := range map[string]string{"latncy": "latency", "Latency": "latency", "statuscode": "status_code", "status-codes": "status_code", "x": "", "": "", "composite": ""} {
		require.Equal(t, want, Nearest(word, known), word)
	}
}
