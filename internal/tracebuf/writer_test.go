package tracebuf

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestAWriterDoesNotKeepItsOwnNextSlabOut(t *testing.T) {
	buf, err := New(Settings{Budget: NewBudget(64 << 20), Shards: 1, Judge: testPolicy{}})
	require.NoError(t, err)
	defer buf.Close()
	writer := buf.NewWriter()
	defer writer.Close()

	const size = 32 << 20 // a slab for it is more than half of the budget
	_, err = writer.Reserve(size)
	require.NoError(t, err)
	writer.Rollback()
	_, err = writer.Reserve(size)
	require.NoError(t, err, "what was rolled back makes room")
	require.NoError(t, writer.place(&spanview.Batch{}))
	writer.commit(1)

	_, err = writer.Reserve(size)
	require.ErrorIs(t, err, ErrNoBudget)
	buf.Expire(0)
	_, err = writer.Reserve(size)
	require.NoError(t, err, "nothing refers to the slab before")
	writer.Rollback()
}
