package repotest

import (
	"go/ast"
	"slices"
	"testing"
)

// timeless packages take the time as a parameter, so that a test is the clock and a request has one time.
var timeless = []string{
	"internal/operations", "internal/otlpwire", "internal/red", "internal/remotewrite/...", "internal/remotewrite", "internal/sampling",
	"internal/slo", "internal/spanview", "internal/tracebuf",
}

func TestTimeIsAParameter(t *testing.T) {
	for _, file := range sources(t) {
		if file.isTest || !slices.ContainsFunc(timeless, func(pattern string) bool { return within(file.dir, pattern) }) {
			continue
		}
		for _, name := range []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep"} {
			for _, line := range uses(file, "time", name) {
				t.Errorf("%s:%d: time.%s: this package takes the time from its caller", file.name, line, name)
			}
		}
	}
}

func TestNoTestWaitsForRealTime(t *testing.T) {
	bubbles := map[string]bool{} // packages whose tests run in bubbles of synctest, where a Sleep takes no time
	for _, file := range sources(t) {
		if file.isTest && slices.Contains(file.imports(), "testing/synctest") {
			bubbles[file.dir] = true
		}
	}
	for _, file := range sources(t) {
		if !file.isTest {
			continue
		}
		for _, line := range uses(file, "time", "Sleep") {
			if !bubbles[file.dir] {
				t.Errorf("%s:%d: time.Sleep without testing/synctest: wait for the event instead", file.name, line)
			}
		}
		for _, pkg := range []string{"require", "assert"} {
			for _, name := range []string{"Eventually", "Eventuallyf", "EventuallyWithT", "Never"} {
				for _, line := range uses(file, pkg, name) {
					t.Errorf("%s:%d: %s.%s: use testing/synctest, or wait for the event", file.name, line, pkg, name)
				}
			}
		}
	}
}

// uses returns the lines on which a file names pkg.name.
func uses(file source, pkg, name string) []int {
	var lines []int
	ast.Inspect(file.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || selector.Sel.Name != name {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == pkg {
			lines = append(lines, file.line(n.Pos()))
		}
		return true
	})
	return lines
}
