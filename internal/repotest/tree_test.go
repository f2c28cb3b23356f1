package repotest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/otelcol-slo/otelcol-slo"

// source is one Go file written by hand, of either module.
type source struct {
	name   string // slash-separated, relative to the repository's root
	dir    string
	isTest bool
	lines  int
	syntax *ast.File
	files  *token.FileSet
}

// line returns the line of a node's start.
func (s source) line(pos token.Pos) int { return s.files.Position(pos).Line }

// imports returns the paths that the file imports.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

// root returns the repository's root.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "builder-config.yaml"))
	return dir
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(content)
}

// walk calls visit for every file of the repository but what is built, generated test data or version control.
func walk(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		base := entry.Name()
		switch {
		case !entry.IsDir():
			return visit(filepath.ToSlash(relative))
		case relative != "." && (strings.HasPrefix(base, ".") || base == "bin" || base == "testdata"):
			return filepath.SkipDir
		}
		return nil
	})
}

var parseOnce = sync.OnceValues(func() ([]source, error) {
	top, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	var all []source
	err = walk(top, func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		content, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		syntax, err := parser.ParseFile(files, name, content, parser.ParseComments)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(syntax) {
			all = append(all, source{
				name: name, dir: path.Dir(name), isTest: strings.HasSuffix(name, "_test.go"),
				lines: bytes.Count(content, []byte("\n")), syntax: syntax, files: files,
			})
		}
		return nil
	})
	return all, err
})

func sources(t *testing.T) []source {
	t.Helper()
	all, err := parseOnce()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}
