//go:build integration

package repotest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Every configuration that the project ships, and every example in a document, is one that the binary takes. Examples may
// be parts: they are tried on top of configs/gateway.yaml.

func TestEveryShippedConfigurationIsValid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "configs", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			validate(t, file)
		})
	}
}

func TestEveryExampleInADocumentIsValid(t *testing.T) {
	examples := findExamples(t)
	require.NotEmpty(t, examples)
	gateway := filepath.Join(root(t), "configs", "gateway.yaml")
	for _, e := range examples {
		t.Run(e.where, func(t *testing.T) {
			complete, config := asConfiguration(t, e.text)
			file := filepath.Join(t.TempDir(), "example.yaml")
			require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
			if complete {
				validate(t, file)
			} else {
				validate(t, gateway, file)
			}
		})
	}
}

func TestAnExampleThatTheBinaryRefusesIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "example.yaml")
	require.NoError(t, os.WriteFile(file, []byte("receivers: {otlp_slo: {no_such_key: 1}}"), 0o600))
	out, err := runValidate(t, filepath.Join(root(t), "configs", "gateway.yaml"), file)
	require.Error(t, err)
	require.Contains(t, out, "no_such_key")
}

func validate(t *testing.T, files ...string) {
	t.Helper()
	out, err := runValidate(t, files...)
	require.NoError(t, err, out)
}

func runValidate(t *testing.T, files ...string) (string, error) {
	t.Helper()
	args := []string{"validate"}
	for _, file := range files {
		args = append(args, "--config", file)
	}
	out, err := exec.Command(filepath.Join(root(t), "bin", "otelcol-slo"), args...).CombinedOutput()
	return string(out), err
}

// example is a fenced block of a document.
type example struct {
	where string
	text  string
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func findExamples(t *testing.T) []example {
	t.Helper()
	var found []example
	require.NoError(t, walk(root(t), func(name string) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		content := readFile(t, name)
		for _, at := range yamlBlock.FindAllStringSubmatchIndex(content, -1) {
			line := 1 + strings.Count(content[:at[2]], "\n")
			found = append(found, example{where: fmt.Sprintf("%s:%d", name, line), text: content[at[2]:at[3]]})
		}
		return nil
	}))
	return found
}

// asConfiguration tells by an example's keys what it is part of, and returns it with what is around it.
func asConfiguration(t *testing.T, text string) (complete bool, config string) {
	t.Helper()
	var keys map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &keys))
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, ok := keys[name]; return ok })
	}
	switch {
	case has("service"):
		return true, text
	case has("receivers", "processors", "connectors", "exporters", "extensions"):
		return false, text
	case has("slos"): // a file of SLOs
		return false, under("receivers", "otlp_slo", "slo") + indent(text, 3)
	default: // a block of the receiver
		return false, under("receivers", "otlp_slo") + indent(text, 2)
	}
}

// under returns nested keys, one a line.
func under(keys ...string) string {
	var lines strings.Builder
	for depth, key := range keys {
		lines.WriteString(strings.Repeat("  ", depth) + key + ":\n")
	}
	return lines.String()
}

func indent(text string, depth int) string {
	space := strings.Repeat("  ", depth)
	return space + strings.ReplaceAll(text, "\n", "\n"+space)
}
