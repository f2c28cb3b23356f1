package slo

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestObjectivesAreReadExactly(t *testing.T) {
	for _, row := range []struct {
		raw  any
		want int64
	}{
		{99.9, 999_000_000},
		{"99.9", 999_000_000},
		{"99.9%", 999_000_000},
		{" 99.9 % ", 999_000_000},
		{0.999, 999_000_000},
		{"0.999", 999_000_000},
		{".999", 0},
		{"0.9990", 999_000_000},
		{99, 990_000_000},
		{int64(99), 990_000_000},
		{uint64(99), 990_000_000},
		{99.99999, 999_999_900},
		{"99.9999999%", 999_999_999},
		{"0.999999999", 999_999_999},
		{0.30000000000000004, 0},
		{0.3, 300_000_000},
		{29.7, 297_000_000},
		{1.1, 11_000_000},
		{"0.5%", 5_000_000},
		{"1%", 10_000_000},
		{0.5, 500_000_000},
	} {
		got, err := parseObjective(row.raw)
		if row.want == 0 {
			require.Error(t, err, "%v", row.raw)
			continue
		}
		require.NoError(t, err, "%v", row.raw)
		assert.Equal(t, row.want, got, "%v", row.raw)
	}
	for _, raw := range []any{nil, 0, 1, 1.0, "1", "1.000", 100, "100%", 100.5, -1, "-0.5", "", "%", "a", "9e1", "99,9", "1_0", true, []any{}, "99.99999999", "0.9999999999", "99999999999999999999"} {
		_, err := parseObjective(raw)
		assert.Error(t, err, "%v", raw)
	}
}
