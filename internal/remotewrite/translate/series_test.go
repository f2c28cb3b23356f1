package translate

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

var _ remotewrite.Source = (*Buffer)(nil)

// Shards ask for series with gaps between them, and each for itself.
func TestSeriesAreTheSameInWhateverOrderTheyAreAskedFor(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	var b, one Buffer
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		md := randomMetrics(r)
		translator.Translate(md, &b)
		translator.Fill(md, &one)
		require.Len(t, b.Series, one.Len())
		require.Empty(t, one.Series)
		for range 3 * one.Len() {
			i := r.IntN(one.Len())
			got := *one.At(i)
			got.Differs = b.Series[i].Differs // tells of the one asked for before
			require.Equal(t, b.Series[i], got, "seed %d, series %d", seed, i)
			require.Equal(t, b.Series[i].Key, one.Key(i))
		}
	}
}

func TestASeriesThatDiffersInOneLabelSaysInWhich(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	var b Buffer
	said := 0
	for seed := range uint64(100) {
		translator.Translate(randomMetrics(rand.New(rand.NewPCG(seed, 3))), &b)
		for i := range b.Series {
			at := b.Series[i].Differs - 1
			if at < 0 {
				continue
			}
			said++
			want := slices.Clone(b.Series[i-1].Labels)
			require.NotEqual(t, want, b.Series[i].Labels)
			want[at].Value = b.Series[i].Labels[at].Value
			require.Equal(t, want, b.Series[i].Labels)
			require.Equal(t, b.Series[i-1].Key, b.Series[i].Key, "no shard sees but one of them")
		}
	}
	require.NotZero(t, said)
}

// What a payload needs is known before: nothing grows while it is filled.
func TestAFreshBufferHasRoomForAllAtOnce(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	md := redMetrics(10, 10)
	addExemplars(md)
	var b Buffer
	translator.grow(&b, md)
	want := [...]int{cap(b.samples), cap(b.placed), cap(b.arena), cap(b.exemplars)}
	translator.Fill(md, &b)
	require.Equal(t, want, [...]int{cap(b.samples), cap(b.placed), cap(b.arena), cap(b.exemplars)})
	require.Less(t, want[0], 2*len(b.samples))
	require.Less(t, want[2], 2*len(b.arena))
}
