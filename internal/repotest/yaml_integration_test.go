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
	for _, e := range examples {
		t.Run(e.where, func(t *testing.T) {
			config, err := yaml.Marshal(asConfiguration(t, e.text))
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "example.yaml")
			require.NoError(t, os.WriteFile(file, config, 0o600))
			validate(t, file)
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

// What agent.yaml says to put in place of its resolver.
func TestTheAgentMayAskDNSForGateways(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dns.yaml")
	const resolver = `{k8s: null, dns: {hostname: otelcol-slo-gateway.observability.svc.cluster.local, port: "4317"}}`
	agent := filepath.Join(root(t), "configs", "agent.yaml")
	require.Contains(t, readFile(t, "configs/agent.yaml"), "resolver: "+resolver)
	require.NoError(t, os.WriteFile(file, []byte("exporters: {load_balancing: {resolver: "+resolver+"}}\n"), 0o600))
	validate(t, agent, file)
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
	cmd := exec.Command(filepath.Join(root(t), "bin", "otelcol-slo"), args...)
	cmd.Env = append(os.Environ(), "K8S_NODE_NAME=node-1") // what a site must say
	out, err := cmd.CombinedOutput()
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

type block = map[string]any

// asConfiguration tells by an example's keys what it is part of, and returns it with what is around it: its components take
// the place of the gateway's, and the blocks of its receiver the place of the gateway's blocks.
func asConfiguration(t *testing.T, text string) block {
	t.Helper()
	example := parseYAML(t, text)
	has := func(name string) bool { return example[name] != nil }
	sections := []string{"service", "receivers", "processors", "connectors", "exporters", "extensions"}
	switch {
	case has("service") && has("receivers") && has("exporters"):
		return example
	case has("slos"): // a file of SLOs
		example = block{"receivers": block{"otlp_slo": block{"slo": example}}}
	case has("policies"): // a file of policies
		example = block{"receivers": block{"otlp_slo": block{"sampling": example}}}
	case !slices.ContainsFunc(sections, has): // blocks of the receiver
		example = block{"receivers": block{"otlp_slo": example}}
	}
	config := parseYAML(t, readFile(t, "configs/gateway.yaml"))
	for section, components := range example {
		depth := 1
		if section == "receivers" {
			depth = 2
		}
		overlay(config, block{section: components}, depth)
	}
	return config
}

// overlay puts values over those of base, merging maps down to a depth and replacing what is below.
func overlay(base, values block, depth int) {
	for key, value := range values {
		over, isBlock := value.(block)
		under, wasBlock := base[key].(block)
		if depth > 0 && isBlock && wasBlock {
			overlay(under, over, depth-1)
		} else {
			base[key] = value
		}
	}
}

func parseYAML(t *testing.T, text string) block {
	t.Helper()
	var parsed block
	require.NoError(t, yaml.Unmarshal([]byte(text), &parsed))
	return parsed
}
