package repotest

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// modFile is what `go mod edit -json` says of a go.mod.
type modFile struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []struct{ Old, New struct{ Path string } }
}

func readModFile(t *testing.T, name string) modFile {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", filepath.Join(root(t), filepath.FromSlash(name))).Output()
	require.NoError(t, err)
	var f modFile
	require.NoError(t, json.Unmarshal(out, &f))
	return f
}

func TestNoModuleIsReplacedButOurOwnAndWhatHasAStub(t *testing.T) {
	require.Empty(t, readModFile(t, "go.mod").Replace, "a replaced module is not what its users get")

	replaced := map[string]string{}
	for _, r := range readModFile(t, "cmd/otelcol-slo/go.mod").Replace {
		replaced[r.Old.Path] = r.New.Path
	}
	require.Equal(t, map[string]string{
		module:                                  "../..",
		"github.com/pb33f/libopenapi":           "../../stubs/libopenapi",
		"github.com/pb33f/libopenapi-validator": "../../stubs/libopenapi-validator",
	}, replaced)
}

func TestModulesHoldTheSameVersions(t *testing.T) {
	shipped := map[string]string{}
	for _, required := range readModFile(t, "cmd/otelcol-slo/go.mod").Require {
		shipped[required.Path] = required.Version
	}
	require.NotEmpty(t, shipped)
	for _, name := range []string{"go.mod", "testbed/parity/go.mod"} {
		var differ []string
		for _, tested := range readModFile(t, name).Require {
			if version, ok := shipped[tested.Path]; ok && version != tested.Version && tested.Path != module {
				differ = append(differ, tested.Path+"@"+version)
			}
		}
		require.Empty(t, differ, "%s: what is shipped is not what is tested: run 'make generate', and if that does not help:\ngo get %s",
			name, strings.Join(differ, " "))
	}
}

func TestParityComparesWithTheContribOfTheDistribution(t *testing.T) {
	versions := map[string]string{}
	for _, required := range readModFile(t, "testbed/parity/go.mod").Require {
		versions[required.Path] = required.Version
	}
	const contrib = "github.com/open-telemetry/opentelemetry-collector-contrib/"
	require.NotEmpty(t, versions[contrib+"processor/tailsamplingprocessor"])
	require.Equal(t, versions[contrib+"pkg/sampling"], versions[contrib+"processor/tailsamplingprocessor"])
}

func TestEveryDirectDependencyHasAReason(t *testing.T) {
	reasons := readFile(t, "docs/adr/0002-one-module-and-tools.md")
	for _, required := range readModFile(t, "go.mod").Require {
		if required.Indirect || strings.HasPrefix(required.Path, "go.opentelemetry.io/collector/") {
			continue
		}
		if !strings.Contains(reasons, "`"+required.Path+"`") {
			t.Errorf("%s: say in ADR 0002 what it is for", required.Path)
		}
	}
}
