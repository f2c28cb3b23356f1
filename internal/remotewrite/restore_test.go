package remotewrite

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

func TestAnEntryIsWhatWasWritten(t *testing.T) {
	for _, want := range []entry{
		{kind: kindCommit, route: MakeHeaders(Header{"X-Scope-OrgID", "a"}), generation: 7, shard: 3, batch: 1 << 40},
		{
			kind: kindData, generation: 1 << 30, shard: 255, batch: 2, record: 9, message: V2,
			previous: segmentlog.Position{Segment: 12, Offset: 1 << 33}, symbols: 1, rest: 2, series: 3,
			counts: Counts{4, 5, 6}, points: 7, since: epoch, newest: -8,
		},
		{kind: kindData, route: "x", batch: 1, message: V1, since: epoch},
	} {
		var got entry
		text := want.appendTo(nil)
		require.NoError(t, got.parse(text))
		assert.Equal(t, want, got)
		for i := range text {
			assert.Error(t, got.parse(text[:i]), "cut short")
		}
	}
}

// What a log has that is no damage to its checksums may still be nonsense: it is left out, and the queue works.
func FuzzRestore(f *testing.F) {
	config := simulated()
	config.MaxRoutes = 1
	config.Log = &LogConfig{Dir: f.TempDir(), MaxBytes: 1 << 20}
	q, err := NewQueue(config)
	require.NoError(f, err)
	series := customSeries(1000)
	_, err = q.Add(V2, epoch, Share{Source: List{series, series}})
	require.NoError(f, err)
	_, err = q.Add(V2, epoch, Share{Source: List{series}})
	require.NoError(f, err)
	require.NoError(f, q.log.Close())
	l, _, err := segmentlog.Open(segmentlog.Config{Dir: config.Log.Dir}, func(segmentlog.Found) {})
	require.NoError(f, err)
	require.NoError(f, l.Scan(1, 1, func(found segmentlog.Found) {
		meta, body, err := l.Read(found.Position)
		require.NoError(f, err)
		f.Add(meta, body, meta)
	}))
	require.NoError(f, l.Close())
	commit := entry{kind: kindCommit, generation: 1, batch: 1}
	f.Add(commit.appendTo(nil), []byte{}, []byte("x"))
	f.Fuzz(func(t *testing.T, meta, body, further []byte) {
		c := config
		c.Log = &LogConfig{Dir: t.TempDir(), MaxBytes: 1 << 20}
		var running []*Shard
		c.Start = func(s *Shard) { running = append(running, s) }
		l, _, err := segmentlog.Open(segmentlog.Config{Dir: c.Log.Dir, SegmentBytes: 100}, func(segmentlog.Found) {})
		require.NoError(t, err)
		require.NoError(t, l.Append([]segmentlog.Record{{Meta: meta, Body: body}, {Meta: further, Body: body}}, make([]segmentlog.Position, 2)))
		require.NoError(t, l.Close())
		q, err := NewQueue(c)
		if err != nil {
			require.ErrorContains(t, err, "that another version wrote")
			return
		}
		q.Start()
		_, err = q.Add(V2, epoch, Share{Source: List{series}})
		require.NoError(t, err)
		sent := 0
		for len(running) > 0 {
			s := running[0]
			b, _, ok := s.Next(epoch)
			if b == nil {
				require.True(t, sent > 0 || !ok)
				running = running[1:]
				continue
			}
			sent++
			s.Done(epoch, nil)
		}
		require.Positive(t, sent)
		require.Zero(t, q.Pending().Samples)
		_, err = q.Close(nil)
		require.NoError(t, err)
	})
}
