package policyfile

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
)

func TestAReloaderAppliesChangesAndRetriesWhatWasRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	at := time.Now()
	write := func(text string) {
		at = at.Add(time.Second)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	cfg := sampling.DefaultConfig()
	cfg.PoliciesFile = path
	write("policies: [{name: a, type: always_sample}]")
	s := New(cfg)
	_, err := s.Load()
	require.NoError(t, err)
	core, logs := observer.New(zap.InfoLevel)
	applied := ""
	var refusal error
	r := NewReloader(s, func(cfg sampling.Config) error {
		if refusal == nil {
			applied = cfg.Policies[0].Name
		}
		return refusal
	}, zap.New(core))
	told := func(text string) int { return logs.FilterMessageSnippet(text).Len() }

	require.False(t, r.Reload(), "nothing has changed")
	require.False(t, r.Retry())
	write("policies: [{name: b, type: always_sample}]")
	require.True(t, r.Reload())
	require.Equal(t, "b", applied)
	require.Equal(t, 1, told("in use as it is now"))

	write("policies: [{name: c, type: nonsense}]")
	require.False(t, r.Reload())
	require.False(t, r.Reload())
	require.False(t, r.Retry(), "nothing else can mend it")
	require.Equal(t, 1, told("stay as they were"))

	refusal = errors.New("no room")
	write("policies: [{name: d, type: always_sample}]")
	require.False(t, r.Reload())
	require.False(t, r.Reload())
	require.Equal(t, 2, told("stay as they were"))
	require.False(t, r.Retry())
	refusal = nil
	require.Equal(t, "b", applied)
	require.True(t, r.Retry())
	require.Equal(t, "d", applied)
	require.False(t, r.Retry())
	require.False(t, r.Reload())
}

func TestWatchLooksEveryTenSecondsUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start, looks := time.Now(), []time.Duration{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Watch(ctx, func() { looks = append(looks, time.Since(start)) })
		}()
		time.Sleep(25 * time.Second)
		cancel()
		<-done
		require.Equal(t, []time.Duration{10 * time.Second, 20 * time.Second}, looks)
	})
}
