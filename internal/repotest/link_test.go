package repotest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// link is the target of a Markdown link, without its fragment.
var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

func TestEveryLinkInADocumentLeadsSomewhere(t *testing.T) {
	top := root(t)
	require.NoError(t, walk(top, func(name string) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		for _, match := range link.FindAllStringSubmatch(readFile(t, name), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			target := path.Join(path.Dir(name), match[1])
			if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
			}
		}
		return nil
	}))
}
