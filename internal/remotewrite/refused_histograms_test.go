package remotewrite

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPartHistograms(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 9)), 40)
	native := func(s Series) bool { return s.Histogram != nil }
	for _, m := range []Message{V1, V2} {
		b := batchOf(m, true, series)
		histograms, others, err := b.PartHistograms()
		require.NoError(t, err)
		for part, drop := range map[*Batch]func(Series) bool{
			others: native, histograms: func(s Series) bool { return !native(s) },
		} {
			got, err := part.decode()
			require.NoError(t, err)
			assert.Equal(t, slices.DeleteFunc(carried(m, true, series), drop), got)
			assert.Len(t, got, part.Points)
			assert.Equal(t, b.Since, part.Since)
		}
		assert.Zero(t, others.Counts.Histograms)
		assert.Equal(t, b.Counts, histograms.Counts.Add(others.Counts))
	}
	_, _, err := (&Batch{Message: V2, Body: []byte("no snappy")}).PartHistograms()
	assert.ErrorContains(t, err, "cannot part the histograms of a batch")
}

func TestRefusesHistograms(t *testing.T) {
	const text = "native histograms are disabled\n"
	with := Counts{Samples: 1, Histograms: 1}
	for name, c := range map[string]struct {
		message Message
		counts  Counts
		answer  Response
		text    string
		want    bool
	}{
		"Prometheus 2.42, 1.0":                {V1, with, Response{Status: 500}, text, true},
		"Prometheus 3.5, 2.0: nothing stayed": {V2, with, Response{Status: 500, Accounted: true}, text, true},
		"1.0 is all or nothing":               {V1, with, Response{Status: 422}, text, true},
		"2.0 says what stayed":                {V2, with, Response{Status: 422, Accounted: true}, text, false},
		"there are none":                      {V1, Counts{Samples: 1}, Response{Status: 500}, text, false},
		"something else":                      {V1, with, Response{Status: 500}, "disk full", false},
		"a success":                           {V1, with, Response{Status: 200}, text, false},
	} {
		b := &Batch{Message: c.message, Counts: c.counts}
		assert.Equal(t, c.want, b.RefusesHistograms(c.answer, c.text), name)
	}
}
