package peers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// builderVersion is that of the manifest's components.
const builderVersion = "v0.160.0"

// Root returns the repository's directory: the nearest one above the working directory that has this project's manifest.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "testbed", "peers", "contrib-manifest.yaml")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("cannot find the repository above %q", dir)
		}
	}
}

// BuildContrib returns the path of the stock collector's binary under root/bin/peers, and builds it where it is not there or
// older than its manifest: two to four minutes. What the build says goes to progress.
func BuildContrib(ctx context.Context, root string, progress io.Writer) (string, error) {
	manifest := filepath.Join(root, "testbed", "peers", "contrib-manifest.yaml")
	binary := filepath.Join(root, "bin", "peers", "contrib", "contrib-peer")
	if newer(binary, manifest) {
		return binary, nil
	}
	fmt.Fprintln(progress, "building the contrib peer, this takes minutes")
	tools := filepath.Join(root, "bin", "peers", "builder-"+builderVersion)
	// OCB creates only the last directory of its output path.
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", err
	}
	builder := filepath.Join(tools, "builder")
	if _, err := os.Stat(builder); err != nil {
		install := exec.CommandContext(ctx, "go", "install", "go.opentelemetry.io/collector/cmd/builder@"+builderVersion)
		install.Env = append(os.Environ(), "GOBIN="+tools)
		if err := run(install, root, progress); err != nil {
			return "", err
		}
	}
	if err := run(exec.CommandContext(ctx, builder, "--skip-strict-versioning", "--config", manifest), root, progress); err != nil {
		return "", err
	}
	return binary, nil
}

func newer(binary, manifest string) bool {
	b, err := os.Stat(binary)
	if err != nil {
		return false
	}
	m, err := os.Stat(manifest)
	return err == nil && b.ModTime().After(m.ModTime())
}

func run(cmd *exec.Cmd, dir string, progress io.Writer) error {
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = progress, progress
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot run %q: %w", strings.Join(cmd.Args, " "), err)
	}
	return nil
}
