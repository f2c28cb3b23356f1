package policyfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

func TestPoliciesComeFromTheFileAndItsChangesAreSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	cfg := sampling.DefaultConfig()
	cfg.PoliciesFile = path
	s := New(cfg)
	_, err := s.Load()
	require.ErrorContains(t, err, `cannot read policies from "`+path+`"`)
	require.False(t, s.Changed(), "it still is not there")

	at := time.Now()
	write := func(text string) {
		at = at.Add(time.Second)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	write("policies: [{name: all, type: always_sample}]\nshadow_policies: [{name: flags, type: trace_flags}]\n")
	require.True(t, s.Changed())
	got, err := s.Load()
	require.NoError(t, err)
	want := sampling.DefaultConfig()
	want.Policies = []sampling.PolicyConfig{{Name: "all", Type: "always_sample"}}
	want.ShadowPolicies = []sampling.PolicyConfig{{Name: "flags", Type: "trace_flags"}}
	require.Equal(t, want, got)
	require.False(t, s.Changed())

	write("policies: [{name: all, type: always_sample}]\nshadow_policies: [{name: flags, type: trace_flags}]\n")
	require.False(t, s.Changed(), "it was written again and says the same")
	for text, says := range map[string]string{
		"policies: [{name: all, type: always}]":       `policies[0].type must be a known policy type (got "always")`,
		"policies: []":                                "policies must list at least one policy (got none)",
		"polices: [{name: all, type: always_sample}]": "polices",
		"{": "cannot use policies of",
		"policies: [{name: a, type: latency, latency: {treshold_ms: 5}}]\n": "treshold_ms",
	} {
		write(text)
		require.True(t, s.Changed())
		_, err = s.Load()
		require.ErrorContains(t, err, says)
		require.False(t, s.Changed(), "a broken file is told once")
	}
	require.NoError(t, os.Remove(path))
	require.True(t, s.Changed())
	_, err = s.Load()
	require.Error(t, err)
	require.False(t, s.Changed())
}

func TestWithoutAFileTheConfigurationCounts(t *testing.T) {
	s := New(sampling.DefaultConfig())
	got, err := s.Load()
	require.NoError(t, err)
	require.Equal(t, sampling.DefaultConfig(), got)
	require.False(t, s.Changed())
}
