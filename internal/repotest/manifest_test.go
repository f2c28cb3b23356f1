package repotest

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type manifestEntry struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
}

type manifest struct {
	Receivers  []manifestEntry `yaml:"receivers"`
	Processors []manifestEntry `yaml:"processors"`
	Connectors []manifestEntry `yaml:"connectors"`
	Exporters  []manifestEntry `yaml:"exporters"`
	Extensions []manifestEntry `yaml:"extensions"`
	Providers  []manifestEntry `yaml:"providers"`
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	var m manifest
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "builder-config.yaml")), &m))
	return m
}

func TestTheManifestListsEveryComponentOfOurs(t *testing.T) {
	m := readManifest(t)
	for folder, entries := range map[string][]manifestEntry{
		"receivers": m.Receivers, "processors": m.Processors, "connectors": m.Connectors,
		"exporters": m.Exporters, "extensions": m.Extensions,
	} {
		var listed []string
		for _, entry := range entries {
			if strings.HasPrefix(entry.GoMod, module+" ") {
				require.Equal(t, module+" v0.0.0", entry.GoMod)
				listed = append(listed, strings.TrimPrefix(entry.Import, module+"/"))
			}
		}
		slices.Sort(listed)
		require.Equal(t, components(t, folder), listed, "packages under %s, and the manifest's section", folder)
	}
}

// components returns the packages right below a folder that have a factory; internal packages of theirs have none.
func components(t *testing.T, folder string) []string {
	t.Helper()
	factories, err := filepath.Glob(filepath.Join(root(t), folder, "*", "factory.go"))
	require.NoError(t, err)
	var dirs []string
	for _, name := range factories {
		dirs = append(dirs, path.Join(folder, filepath.Base(filepath.Dir(name))))
	}
	slices.Sort(dirs)
	return dirs
}

func TestMainHasTheProvidersOfTheManifest(t *testing.T) {
	main, err := os.ReadFile(filepath.Join(root(t), "cmd", "otelcol-slo", "main.go"))
	require.NoError(t, err)
	providers := readManifest(t).Providers
	require.NotEmpty(t, providers)
	for _, provider := range providers {
		require.Contains(t, string(main), `"`+provider.GoMod+`"`)
	}
	require.Equal(t, len(providers), strings.Count(string(main), "provider.NewFactory()"))
}

func TestTheManifestHoldsOneReleaseOfTheCollector(t *testing.T) {
	m := readManifest(t)
	for _, entry := range slices.Concat(m.Receivers, m.Processors, m.Connectors, m.Exporters, m.Extensions, m.Providers) {
		name, version, _ := strings.Cut(entry.GoMod, " ")
		if name == module {
			continue
		}
		require.Contains(t, []string{"v0.160.0", "v1.66.0"}, version, name)
	}
}
