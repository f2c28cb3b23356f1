package spanpipe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOtherComponentsRaiseTheGoLimitAlone(t *testing.T) {
	alone, err := (&MemoryConfig{LimitMiB: 512}).Resolve()
	require.NoError(t, err)
	beside, err := (&MemoryConfig{LimitMiB: 512, OthersMiB: 100}).Resolve()
	require.NoError(t, err)
	require.Equal(t, alone.Buffers, beside.Buffers)
	require.Equal(t, alone.Go+100*mib, beside.Go)
	require.ErrorContains(t, (&MemoryConfig{OthersMiB: -1}).Validate(), "others_mib must not be negative (got -1)")
}
