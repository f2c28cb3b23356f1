package remotewrite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestShardsFollowTheLoad(t *testing.T) {
	now := epoch
	var p pace
	p.begin(now)
	// want is what is wanted after a window in which each shard was busy for a share of it.
	want := func(shards, waiting int, share float64) int {
		now = now.Add(paceWindow)
		assert.True(t, p.due(now))
		return p.want(now, shards, waiting, time.Duration(share*float64(shards)*float64(paceWindow)))
	}
	assert.Equal(t, 2, want(1, 2, 1), "full batches wait")
	assert.Equal(t, 4, want(2, 7, 1))
	assert.Equal(t, 4, want(4, 1, 0), "one that waits is no reason, and no calm either")
	for range calmWindows - 1 {
		assert.Equal(t, 4, want(4, 0, 0.29))
	}
	assert.Equal(t, 2, want(4, 0, 0.29), "half as many would be busy for less than 0.6 of the time")
	for range 10 {
		assert.Equal(t, 4, want(4, 0, 0.31), "they would be busier")
	}
	for range calmWindows - 1 {
		assert.Equal(t, 3, want(3, 0, 0))
	}
	assert.Equal(t, 3, want(3, 0, 1), "not in a row")
	for range calmWindows - 1 {
		assert.Equal(t, 3, want(3, 0, 0))
	}
	assert.Equal(t, 2, want(3, 0, 0))
	for range 20 {
		assert.Equal(t, 1, want(1, 0, 0))
	}
	assert.False(t, p.due(now.Add(time.Second)))
	assert.True(t, p.due(now.Add(-time.Hour)), "a clock that was set back doesn't stop it")
}
