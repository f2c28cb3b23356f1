package repotest

import (
	"go/ast"
	"testing"
)

const (
	fileLinesMax     = 500
	functionLinesMax = 70
)

func TestNoFileIsTooLong(t *testing.T) {
	for _, file := range sources(t) {
		if file.lines > fileLinesMax {
			t.Errorf("%s has %d lines, at most %d: it has more than one subject", file.name, file.lines, fileLinesMax)
		}
	}
}

func TestNoFunctionIsTooLong(t *testing.T) {
	for _, file := range sources(t) {
		if file.isTest {
			continue
		}
		for _, decl := range file.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first := file.line(f.Pos())
			if lines := file.line(f.End()) - first + 1; lines > functionLinesMax {
				t.Errorf("%s:%d: %s has %d lines, at most %d", file.name, first, f.Name.Name, lines, functionLinesMax)
			}
		}
	}
}
