package remotewrite

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A zero may have a sign, and a receiver must have it: 1/-0 is not 1/0.
func TestTheSignOfAZeroArrives(t *testing.T) {
	s := Series{Labels: []Label{{"__name__", "m"}}, Timestamp: 1, Value: math.Copysign(0, -1)}
	s.Exemplars = []Exemplar{{Labels: []Label{{"trace_id", "1"}}, Value: s.Value, Timestamp: 1}}
	for _, m := range []Message{V1, V2} {
		got, err := batchOf(m, true, []Series{s}).decode()
		require.NoError(t, err)
		assert.True(t, math.Signbit(got[0].Value), m)
		assert.True(t, math.Signbit(got[0].Exemplars[0].Value), m)
	}
}
