package tailsamplingprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

func TestAReloadIsWaitedForOrRefusedForNow(t *testing.T) {
	require.True(t, mayFitLater(spanpipe.ErrReloading), "where the processor blocks")
	var counted refused
	err := counted.count(refusalOf(spanpipe.ErrReloading))
	require.ErrorContains(t, err, "send again later")
	require.False(t, consumererror.IsPermanent(err))
	require.EqualValues(t, 1, counted[reasonReloading].Load())
}
