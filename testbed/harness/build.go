package harness

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var building sync.Mutex // tests that run side by side build a thing once

// buildModule builds a program out of a module of its own, where it is not there or older than one of the module's files,
// and returns its path. module and binary are relative to the repository's root.
func buildModule(t testing.TB, module, binary string, args ...string) string {
	t.Helper()
	module, binary = filepath.Join(Root(t), module), filepath.Join(Root(t), binary)
	building.Lock()
	defer building.Unlock()
	if !stale(t, binary, module) {
		return binary
	}
	run(t, module, "go", append([]string{"build", "-o", binary}, args...)...)
	return binary
}

// stale tells whether what was made of a folder's files is not there or older than one of them.
func stale(t testing.TB, made, folder string) bool {
	t.Helper()
	info, err := os.Stat(made)
	if err != nil {
		return true
	}
	newer := false
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		source, err := entry.Info()
		newer = newer || err == nil && source.ModTime().After(info.ModTime())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return newer
}

// run runs a command in a folder, and fails the test with what it said where it fails.
func run(t testing.TB, dir, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s, see CONTRIBUTING.md: %v", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot run %q in %s: %v\n%s", cmd.Args, dir, err, out)
	}
}
