package promserver

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
)

// store is the storage.
type store struct {
	*tsdb.DB
	stats *tsdb.DBStats
	limit *limit
}

// openStore opens the storage, which takes as long as its write-ahead log is.
func openStore(c *Config, logger *slog.Logger, reg prometheus.Registerer) (*store, error) {
	s := &store{stats: tsdb.NewDBStats(), limit: &limit{max: int64(c.SeriesMax)}}
	block := blockFor(c.RetentionTime)
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = c.RetentionTime.Milliseconds()
	opts.MaxBytes = c.RetentionMiB << 20
	opts.MinBlockDuration = block.Milliseconds()
	opts.MaxBlockDuration = 9 * block.Milliseconds() // two steps of three
	opts.WALSegmentSize = walSegmentSize
	opts.EnableExemplarStorage = c.ExemplarsMax > 0
	opts.MaxExemplars = int64(c.ExemplarsMax)
	opts.SeriesLifecycleCallback = s.limit
	var err error
	if s.DB, err = tsdb.Open(c.Directory, logger, reg, opts, s.stats); err != nil {
		return nil, fmt.Errorf("cannot open storage %q: %w", c.Directory, err)
	}
	s.limit.enforced.Store(true)
	return s, nil
}

// walSegmentSize is small, so that little more than is needed is kept of the log.
const walSegmentSize = 16 << 20

// blockFor is the range of the smallest block, which also says how much the head and the log hold: one and a half of it. A
// 48th of the retention, so that what is dropped at a time is little, from 10 minutes to Prometheus' 2 hours.
func blockFor(retention time.Duration) time.Duration {
	return min(max((retention/48).Truncate(time.Minute), 10*time.Minute), 2*time.Hour)
}

// Stats implements api_v1.TSDBAdminStats.
func (s *store) Stats(label string, limit int) (*tsdb.Stats, error) {
	return s.Head().Stats(label, limit), nil
}

// WALReplayStatus implements api_v1.TSDBAdminStats.
func (s *store) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	return s.stats.Head.WALReplayStatus.GetWALReplayStatus(), nil
}

// BlockMetas implements api_v1.TSDBAdminStats.
func (s *store) BlockMetas() ([]tsdb.BlockMeta, error) { return s.DB.BlockMetas(), nil }
