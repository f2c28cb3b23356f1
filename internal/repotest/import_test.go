package repotest

import (
	"slices"
	"strings"
	"testing"
)

// room is a package and which of ours it may import, tests apart. A path that ends in /... stands for all beneath it.
type room struct {
	packages string
	imports  []string
}

// plan is the house from the top floor down: no arrow runs up, none between the observers (sampling, red, slo, coverage), no
// component knows another, and the testbed knows the product only by its wire; but for parity, which runs two processors in one process.
var plan = []room{
	{"cmd/otelcol-slo", []string{"configs", "internal/demo"}},
	{"configs", nil},
	{"testbed/parity", []string{"processors/...", "testbed/..."}},
	{"testbed/...", []string{"testbed/..."}},

	{"receivers/...", []string{"internal/..."}},
	{"processors/...", []string{"internal/..."}},
	{"exporters/...", []string{"internal/..."}},
	{"extensions/...", []string{"internal/..."}},

	{"internal/enginefiles", []string{"internal/policyfile", "internal/sampling", "internal/slo"}},
	{"internal/enginefigures", []string{"internal/spanpipe", "internal/tracebuf"}},
	{"internal/spanpipe", []string{
		"internal/coverage", "internal/offheap", "internal/spanstore", "internal/otlpwire", "internal/red", "internal/sampling", "internal/slo", "internal/spanview",
		"internal/tracebuf",
	}},
	{"internal/policyfile", []string{"internal/confighint", "internal/sampling"}},
	{"internal/confighint", nil},
	{"internal/whypage", []string{"internal/sampling", "internal/spanpipe"}},
	{"internal/sampling", []string{"internal/operations", "internal/spanview", "internal/tracebuf"}},
	{"internal/operations", nil},
	{"internal/red", []string{"internal/spanview"}},
	{"internal/slo", []string{"internal/flush", "internal/spanview"}},
	{"internal/coverage", []string{"internal/flush", "internal/spanview"}},
	{"internal/otlpwire", []string{"internal/spanview"}},
	{"internal/tracebuf", []string{"internal/offheap", "internal/spanview"}},
	{"internal/spanview", nil},
	{"internal/flush", nil},
	{"internal/offheap", nil},
	{"internal/spanstore", []string{"internal/segmentlog"}},

	{"internal/ottlcondition", []string{"internal/sampling", "internal/spanview"}},

	{"internal/demo", nil},
	{"internal/inflate", nil},

	{"internal/rawgrpc", nil},

	{"internal/promserver", nil},
	{"internal/tracestore", nil},
	{"internal/webserver", nil},

	{"internal/remotewrite/translate", []string{"internal/remotewrite"}},
	{"internal/remotewrite", []string{"internal/segmentlog"}},
	{"internal/segmentlog", nil},

	{"stubs/...", nil},

	{"internal/repotest", nil},
	{"internal/spantest", nil},
}

func TestImportsFollowThePlan(t *testing.T) {
	for _, file := range sources(t) {
		at := slices.IndexFunc(plan, func(r room) bool { return within(file.dir, r.packages) })
		if at < 0 {
			t.Errorf("%s: its package is not in the plan: add it, with what it may import", file.name)
			continue
		}
		if file.isTest && !strings.HasPrefix(file.dir, "testbed/") {
			continue // a test may use any package as its input or its oracle
		}
		for _, imported := range file.imports() {
			ours, ok := strings.CutPrefix(imported, module+"/")
			if !ok || strings.HasPrefix(ours, file.dir+"/") {
				continue
			}
			if !slices.ContainsFunc(plan[at].imports, func(pattern string) bool { return within(ours, pattern) }) {
				t.Errorf("%s imports %s: the plan allows %q to import %q", file.name, ours, file.dir, plan[at].imports)
			}
		}
	}
}

func TestTheCoreKnowsOnlyPdataOfTheCollector(t *testing.T) {
	const collector = "go.opentelemetry.io/collector/"
	exempt := []string{
		"internal/confighint",    // it tells what the Collector says of a configuration
		"internal/ottlcondition", // OTTL is made of a component's settings
		"internal/policyfile",    // a file is read as the Collector reads its configuration
	}
	for _, file := range sources(t) {
		if file.isTest || slices.Contains(exempt, file.dir) || !strings.HasPrefix(file.dir, "internal/") {
			continue
		}
		for _, imported := range file.imports() {
			if strings.HasPrefix(imported, collector) && !strings.HasPrefix(imported, collector+"pdata/") {
				t.Errorf("%s imports %s: packages under internal know pdata alone, at their edge", file.name, imported)
			}
		}
	}
}

// within tells whether a package is the pattern's.
func within(dir, pattern string) bool {
	above, ok := strings.CutSuffix(pattern, "/...")
	return dir == pattern || ok && strings.HasPrefix(dir, above+"/")
}
