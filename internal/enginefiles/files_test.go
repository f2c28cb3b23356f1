package enginefiles

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// engine takes or refuses what it is given.
type engine struct {
	refusal       error
	policies, slo string
}

func (e *engine) ReloadPolicies(cfg sampling.Config) error {
	if e.refusal == nil {
		e.policies = cfg.Policies[0].Name
	}
	return e.refusal
}

func (e *engine) ReloadSLOs(cfg slo.Config) error {
	if e.refusal == nil {
		e.slo = cfg.SLOs[0].Name
	}
	return e.refusal
}

// followed are files that an engine follows.
type followed struct {
	*Files
	engine *engine
	logs   *observer.ObservedLogs
	write  func(file, text string)
}

const (
	policies = "policies.yaml"
	slos     = "slos.yaml"
)

func policy(name string) string {
	return "policies: [{name: " + name + ", type: always_sample}]"
}

func objective(name string) string {
	return "slos: [{name: " + name + ", service: shop, objective: 99, errors: {}}]"
}

func newFollowed(t *testing.T) *followed {
	t.Helper()
	dir, at := t.TempDir(), time.Now()
	f := &followed{engine: &engine{}, write: func(file, text string) {
		at = at.Add(time.Second)
		path := filepath.Join(dir, file)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
	}}
	f.write(policies, policy("a"))
	f.write(slos, objective("a"))
	cfg := sampling.DefaultConfig()
	cfg.PoliciesFile = filepath.Join(dir, policies)
	f.Files = New(cfg, slo.Config{Files: []string{filepath.Join(dir, slos)}})
	loaded, declared, err := f.Load()
	require.NoError(t, err)
	require.Equal(t, "a", loaded.Policies[0].Name)
	require.Equal(t, "a", declared.SLOs[0].Name)
	core, logs := observer.New(zap.InfoLevel)
	f.logs = logs
	f.Follow(f.engine, zap.New(core), func(cfg *sampling.Config) []string { return []string{"a note on " + cfg.Policies[0].Name} })
	return f
}

func (f *followed) told(text string) int { return f.logs.FilterMessageSnippet(text).Len() }

func TestWhatChangesIsPutInForceAndWhatIsBrokenIsToldOnce(t *testing.T) {
	f := newFollowed(t)
	f.Look()
	require.Zero(t, f.logs.Len(), "nothing has changed")
	f.write(policies, policy("b"))
	f.Look()
	require.Equal(t, engine{policies: "b"}, *f.engine)
	require.Equal(t, 1, f.told("a note on b"))
	f.write(slos, objective("c"))
	f.Look()
	require.Equal(t, engine{policies: "b", slo: "c"}, *f.engine)

	f.write(policies, "policies: [{name: d, type: nonsense}]")
	f.write(slos, "slos: [{name: d}]")
	f.Look()
	f.Look()
	require.Equal(t, 1, f.told("the policies stay as they were"))
	require.Equal(t, 1, f.told("the SLOs stay as they were"))
	require.Equal(t, engine{policies: "b", slo: "c"}, *f.engine)
}

func TestWhatTheEngineRefusedIsTriedAgainWhenTheOthersChange(t *testing.T) {
	f := newFollowed(t)
	f.engine.refusal = errors.New("no room")
	f.write(policies, policy("b"))
	f.Look()
	f.write(slos, "slos: [{name: broken}]")
	f.Look()
	f.engine.refusal = nil
	f.Look()
	require.Empty(t, f.engine.policies, "nothing else has changed")
	require.Equal(t, 1, f.told("the policies stay as they were"))
	f.write(slos, objective("b"))
	f.Look()
	require.Equal(t, engine{policies: "b", slo: "b"}, *f.engine)

	f.engine.refusal = errors.New("no room")
	f.write(slos, objective("c"))
	f.Look()
	f.engine.refusal = nil
	f.write(policies, policy("c"))
	f.Look()
	require.Equal(t, engine{policies: "c", slo: "c"}, *f.engine)
	require.Equal(t, 2, f.told("the SLOs stay as they were"))
}

func TestWatchLooksEveryTenSecondsUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.Watch(ctx)
		}()
		f.write(policies, policy("b"))
		time.Sleep(9 * time.Second)
		require.Zero(t, f.told("in use as it is now"))
		time.Sleep(2 * time.Second)
		require.Equal(t, 1, f.told("in use as it is now"))
		cancel()
		<-done
		require.Equal(t, "b", f.engine.policies)
	})
}
