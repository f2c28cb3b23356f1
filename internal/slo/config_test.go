package slo

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestValidateNamesKeyRuleAndValue(t *testing.T) {
	for _, row := range []struct{ name, slos, want string }{
		{"no name", `- {service: a, objective: 99, errors: {}}`, "slos[0].name must be 1 to 63 letters"},
		{"a name with a space", `- {name: a b, service: a, objective: 99, errors: {}}`, `(got "a b")`},
		{"no service", `- {name: a, objective: 99, errors: {}}`, "slos[0].service is required"},
		{
			"a name twice", "- {name: a, service: a, objective: 99, errors: {}}\n- {name: a, service: b, objective: 99, errors: {}}",
			`test.yaml:3: slos[1].name must be unique (got "a", as the one in test.yaml:2 has)`,
		},
		{"no objective", `- {name: a, service: a, errors: {}}`, "slos[0].objective is required"},
		{"an objective of 100", `- {name: a, service: a, objective: 100, errors: {}}`, "slos[0].objective must lie between 0 and 100 percent"},
		{"neither latency nor errors", `- {name: a, service: a, objective: 99}`, "slos[0] must have latency, errors or both"},
		{"a threshold without a unit", `- {name: a, service: a, objective: 99, latency: {threshold: 300}}`, "slos[0].latency.threshold must be a duration with a unit, as in 300ms (got \"300\")"},
		{"a threshold of nanoseconds", `- {name: a, service: a, objective: 99, latency: {threshold: 300ns}}`, "slos[0].latency.threshold must be at least 1us (got 300ns)"},
		{"no threshold", `- {name: a, service: a, objective: 99, latency: {}}`, "slos[0].latency.threshold must be at least 1us (got 0s)"},
		{"an HTTP code out of range", `- {name: a, service: a, objective: 99, errors: {http_status_codes: [500, 99]}}`, "slos[0].errors.http_status_codes[1] must be a number from 100 to 999 or a range"},
		{"an HTTP range turned round", `- {name: a, service: a, objective: 99, errors: {http_status_codes: [599-500]}}`, "(got 599-500)"},
		{"a gRPC code that is none", `- {name: a, service: a, objective: 99, errors: {grpc_status_codes: [17]}}`, "slos[0].errors.grpc_status_codes[0] must be a number from 0 to 16"},
		{"a span_status that is none", `- {name: a, service: a, objective: 99, errors: {span_status: sometimes}}`, `slos[0].errors.span_status must be without_code, always or never (got "sometimes")`},
		{"a kind that is none", `- {name: a, service: a, objective: 99, errors: {}, request: {kinds: [srv]}}`, `slos[0].request.kinds[0] must be one of unspecified, internal`},
		{"a parent rule that is none", `- {name: a, service: a, objective: 99, errors: {}, request: {parent: maybe}}`, `slos[0].request.parent must be outside, none or any (got "maybe")`},
		{"kinds that exclude each other", `- {name: a, service: a, objective: 99, errors: {}, match: {kinds: [client]}}`, "slos[0].match.kinds must share a kind with request.kinds"},
		{"a bad regular expression", `- {name: a, service: a, objective: 99, errors: {}, match: {attributes: {http.route: {regex: "("}}}}`, "slos[0].match.attributes.http.route must be a regular expression of RE2"},
		{"a condition that is a map", `- {name: a, service: a, objective: 99, errors: {}, match: {span_name: {glob: x}}}`, "slos[0].match.span_name must have the single key regex"},
		{"an empty list of values", `- {name: a, service: a, objective: 99, errors: {}, match: {span_name: []}}`, "slos[0].match.span_name must list at least one value"},
		{"a null value", `- {name: a, service: a, objective: 99, errors: {}, match: {attributes: {x: null}}}`, "slos[0].match.attributes.x must be a text, a number or a boolean"},
		{"an empty exclude entry", `- {name: a, service: a, objective: 99, errors: {}, exclude: [{}]}`, "slos[0].exclude[0] must have a condition"},
		{"two groups of one label", `- {name: a, service: a, objective: 99, errors: {}, group_by: [http.route, http_route]}`, `slos[0].group_by[1] must have a label of its own (got "http_route", whose label http_route is taken by "http.route")`},
		{"a group of a reserved label", `- {name: a, service: a, objective: 99, errors: {}, group_by: [outcome]}`, `slos[0].group_by[0] must have a label of its own`},
		{"a group without a name", `- {name: a, service: a, objective: 99, errors: {}, group_by: [""]}`, "slos[0].group_by[0] must be an attribute's name"},
		{"negative groups_max", `- {name: a, service: a, objective: 99, errors: {}, groups_max: -1}`, "slos[0].groups_max must be from 1 to 1000000"},
		{"fewer groups than overrides", `- {name: a, service: "*", objective: 99, errors: {}, groups_max: 1, overrides: [{service: x}, {service: y}]}`, "(got 1 for 2 overrides)"},
		{"overrides of one service", `- {name: a, service: a, objective: 99, errors: {}, overrides: [{service: a}]}`, `slos[0].overrides need service "*" (got "a")`},
		{"an override twice", `- {name: a, service: "*", objective: 99, errors: {}, overrides: [{service: x}, {service: x}]}`, `slos[0].overrides[1].service must be unique (got "x" twice)`},
		{"an override of nobody", `- {name: a, service: "*", objective: 99, errors: {}, overrides: [{objective: 99}]}`, "slos[0].overrides[0].service must be one service.name"},
		{"a bad override", `- {name: a, service: "*", objective: 99, errors: {}, overrides: [{service: x, objective: 0, latency: {}}]}`, "slos[0].overrides[0].latency.threshold must be at least"},
	} {
		t.Run(row.name, func(t *testing.T) {
			slos, decode := decodeFile("test.yaml", []byte("slos:\n"+row.slos))
			cfg := Config{SLOs: slos}
			err := cfg.Validate()
			if decode != nil {
				err = decode
			}
			require.ErrorContains(t, err, row.want)
			assert.Regexp(t, `^test\.yaml:\d+: slos\[\d`, err.Error())
		})
	}
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	cfg := Config{Files: []string{"[", ""}, SLOs: []SLO{{Name: "a", Service: "b"}, {Name: "c", Objective: 99, Errors: &Errors{}}}}
	require.EqualError(t, cfg.Validate(), `files[0] must be a path or a glob (got "[")
files[1] must be a path or a glob (got "")
slos[0].objective is required: write 99.9, "99.9%" or 0.999 (got <nil>)
slos[0] must have latency, errors or both: `+"`errors: {}`"+` has the defaults
slos[1].service is required: write a service.name, or "*" for all services`)
	require.NoError(t, (&Config{}).Validate())
}

func TestFilesAreRefusedWithFileAndLine(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an unknown key", "slos:\n- name: a\n  latncy: {threshold: 1s}", "f.yaml:3: slos[0].latncy is not a key (known are errors, exclude,"},
		{"an unknown key at the top", "files: [a]", "f.yaml:1: files is not a key (known are slos)"},
		{"a key twice", "slos:\n- name: a\n  name: b", "f.yaml:3: slos[0].name must be given once"},
		{"no mapping", "slos:\n- 17", "f.yaml:2: slos[0] must be a mapping of keys"},
		{"no list", "slos: 17", "f.yaml:1: slos must be a list"},
		{"a list for a text", "slos:\n- name: [a]", "f.yaml:2: slos[0].name must be a single value"},
		{"text for a number", "slos:\n- groups_max: x", `f.yaml:2: slos[0].groups_max must be a whole number (got "x")`},
		{"text for a boolean", "slos:\n- exclude_probes: nope", `f.yaml:2: slos[0].exclude_probes must be true or false (got "nope")`},
		{"a second document", "slos: []\n---\nslos:\n- nme: a", "f.yaml:4: slos[0].nme is not a key"},
		{"no YAML", "slos: [", "f.yaml: yaml: line 1"},
		{"a key that is a list", "slos:\n- [a]: b", "f.yaml:2: slos[0] must have text as keys"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := decodeFile("f.yaml", []byte(row.text))
			require.ErrorContains(t, err, row.want)
		})
	}
	for _, empty := range []string{"", "---\n", "# nothing\n", "slos:\n", "slos: []\n---\n"} {
		slos, err := decodeFile("f.yaml", []byte(empty))
		require.NoError(t, err)
		require.Empty(t, slos)
	}
}

// full has every key.
const full = `slos:
- name: a
  service: "*"
  group_by: [service.name, http.route]
  groups_max: 7
  overrides:
  - {service: x, objective: 99.99, latency: {threshold: 1s}, errors: {span_status: always}}
  request: {kinds: [server], parent: any}
  match:
    attributes: {http.route: [/a, 7, true, 1.5], url.path: {regex: ^/x}}
    resource_attributes: {deployment.environment.name: prod}
    span_name: b
    kinds: [server, client]
  exclude:
  - span_name: [c]
  exclude_probes: false
  objective: 99.9%
  latency: {threshold: 300ms}
  errors: {http_status_codes: [429, 500-599], grpc_status_codes: [], span_status: never}
- {name: b, service: b, objective: 0.999, errors: {}}
`

func TestAFileMeansWhatTheSameConfigurationBlockMeans(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(&Config{}))
	fromFile, err := decodeFile("f.yaml", []byte(full))
	require.NoError(t, err)
	for i := range fromFile {
		fromFile[i].origin = nil
	}
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(full), &raw))
	var block Config
	require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(&block))
	require.Equal(t, block.SLOs, fromFile)
	require.NoError(t, block.Validate())
	require.NotNil(t, block.SLOs[0].Errors.GRPCStatusCodes, "an empty list is not an absent one")
}

func TestSourceJoinsFilesAndSeesTheirChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	slo := func(name string) string { return "- {name: " + name + ", service: s, objective: 99, errors: {}}\n" }
	write("a.yaml", "slos:\n"+slo("a"))
	src := NewSource(Config{Files: []string{filepath.Join(dir, "*.yaml"), filepath.Join(dir, "a.yaml")}, SLOs: parse(t, slo("inline")).SLOs})
	names := func() (out []string) {
		cfg, err := src.Load()
		require.NoError(t, err)
		for _, s := range cfg.SLOs {
			out = append(out, s.Name)
		}
		return out
	}
	require.True(t, src.Changed(), "nothing was loaded yet")
	require.Equal(t, []string{"inline", "a"}, names())
	require.False(t, src.Changed())

	write("b.yaml", "slos:\n"+slo("b")+slo("c"))
	require.True(t, src.Changed(), "a new file")
	require.Equal(t, []string{"inline", "a", "b", "c"}, names())
	require.False(t, src.Changed())

	require.NoError(t, os.Chtimes(filepath.Join(dir, "b.yaml"), time.Time{}, start))
	require.False(t, src.Changed(), "touched, the same text")
	write("b.yaml", "slos:\n"+slo("b")+slo("d"))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "b.yaml"), time.Time{}, start.Add(time.Second)))
	require.True(t, src.Changed(), "the same size, another text")
	require.Equal(t, []string{"inline", "a", "b", "d"}, names())

	write("b.yaml", "slos:\n"+slo("a"))
	require.True(t, src.Changed())
	_, err := src.Load()
	require.ErrorContains(t, err, "b.yaml:2: slos[0].name must be unique")
	require.ErrorContains(t, err, "a.yaml:2")
	require.False(t, src.Changed(), "a broken file is reported once")

	// As Kubernetes swaps a mounted ConfigMap: another file under the same name.
	write("next", "slos:\n"+slo("z"))
	require.NoError(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "b.yaml")))
	require.True(t, src.Changed())
	require.Equal(t, []string{"inline", "a", "z"}, names())

	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	require.True(t, src.Changed())
	_, err = src.Load()
	require.ErrorContains(t, err, "cannot read SLOs from", "a path without wildcards must exist")
	require.False(t, src.Changed())
	write("a.yaml", "")
	require.True(t, src.Changed())
	require.Equal(t, []string{"inline", "z"}, names())
}

func TestAFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	require.NoError(t, os.WriteFile(path, make([]byte, fileBytesMax+1), 0o600))
	_, err := NewSource(Config{Files: []string{path}}).Load()
	require.ErrorContains(t, err, "must be at most 4194304 bytes")
}

func FuzzDecodeFile(f *testing.F) {
	for _, text := range []string{full, "slos: &a\n- *a", "slos:\n- match: {attributes: &x {a: *x}}", "slos: 1\n---\n- : ?", "a: &a [*a]", "<<: {slos: []}", "slos:\n- &a {name: a, exclude: [*a]}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		slos, err := decodeFile("f.yaml", text)
		if err != nil {
			return
		}
		schema := &spanview.Schema{}
		c, err := Compile(Config{SLOs: slos}, Options{Start: start}, schema, nil)
		if err != nil {
			return
		}
		var b spanview.Batch
		fill(&b, schema, []span{{service: "a", attrs: attrs{"http.route": "/a"}}, {kind: 5, parent: 1}, {status: 2, duration: time.Hour}})
		c.Observe(0, &b, start)
		c.Flush(start.Add(time.Minute), pmetric.NewMetrics())
	})
}
