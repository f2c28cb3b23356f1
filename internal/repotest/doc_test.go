package repotest

import (
	"path"
	"testing"
)

func TestEveryPackageHasOneDocumentation(t *testing.T) {
	documented := map[string][]string{}
	for _, file := range sources(t) {
		if file.isTest {
			continue
		}
		if _, seen := documented[file.dir]; !seen {
			documented[file.dir] = nil
		}
		if file.syntax.Doc == nil {
			continue
		}
		documented[file.dir] = append(documented[file.dir], file.name)
		if file.syntax.Name.Name != "main" && path.Base(file.name) != "doc.go" {
			t.Errorf("%s: the package's documentation stands in doc.go", file.name)
		}
	}
	for dir, names := range documented {
		if len(names) != 1 {
			t.Errorf("%s: package documentation in %d files %v, want one", dir, len(names), names)
		}
	}
}
