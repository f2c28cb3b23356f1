package remotewrite

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulation drives a queue step by step, at random, and knows what must become of each sample: the dumb oracle is a
// counter a series.
type simulation struct {
	t      *testing.T
	random *rand.Rand
	config QueueConfig
	queue  *Queue
	now    time.Time

	running  []*Shard
	accepted map[string]int64 // newest timestamp of a series that was accepted; they are 1, 2, 3…
	arrived  map[string]int64 // newest timestamp of a series that arrived
	failing  bool             // the disk fails now and then
	gaps     bool             // samples may be lost
	refused  int              // payloads, because of that
	takes    int              // most series of a request that the endpoint takes
	lost     int
	total    int
	distinct int // samples that arrived
	repeated int // samples that arrived again
}

func newSimulation(t *testing.T, seed uint64, config QueueConfig) *simulation {
	s := &simulation{
		t: t, random: rand.New(rand.NewPCG(seed, 7)), takes: 5 + int(seed%2)*1000, config: config, now: epoch,
		accepted: map[string]int64{}, arrived: map[string]int64{},
	}
	s.config.Start = func(shard *Shard) { s.running = append(s.running, shard) }
	s.config.Lost = func(_ Loss, c Counts, _ int) { s.lost += c.sendable() }
	s.open()
	return s
}

func (s *simulation) open() {
	q, err := NewQueue(s.config)
	require.NoError(s.t, err)
	s.queue, s.running = q, nil
	q.Start()
}

func (s *simulation) close() {
	left, err := s.queue.Close(nil)
	require.NoError(s.t, err)
	require.Empty(s.t, left)
}

// kill leaves the log as a killed process does.
func (s *simulation) kill() {
	require.NoError(s.t, s.queue.log.Close())
	s.open()
}

func (s *simulation) add() {
	var parts []Share
	seen := map[string]int64{}
	for tenant := range 1 + s.random.IntN(s.config.MaxRoutes) {
		h := MakeHeaders(Header{"X-Scope-OrgID", strings.Repeat("t", tenant)})
		var series []Series
		for range s.random.IntN(40) {
			key := s.random.IntN(30)
			id := fmt.Sprintf("%s/%d", h, key)
			if _, ok := seen[id]; !ok {
				seen[id] = s.accepted[id]
			}
			seen[id]++
			series = append(series, Series{
				Labels:    []Label{{"__name__", "metric"}, {"id", id}, {"text", strings.Repeat("x", key)}},
				Timestamp: seen[id], Value: float64(seen[id]), Key: uint64(key), Points: 1,
			})
		}
		parts = append(parts, Share{Source: List(series), Headers: h})
	}
	m := V2
	if s.random.IntN(8) == 0 {
		m = V1
	}
	if s.failing && s.random.IntN(4) == 0 {
		dir := s.config.Log.Dir
		require.NoError(s.t, os.Rename(dir, dir+"-away")) // no segment can be started
		defer func() { require.NoError(s.t, os.Rename(dir+"-away", dir)) }()
	}
	if _, err := s.queue.Add(m, s.now, parts...); err != nil {
		if s.failing {
			require.ErrorIs(s.t, err, os.ErrNotExist)
			s.refused++
		} else {
			require.ErrorIs(s.t, err, ErrFull)
		}
		return
	}
	for i := range parts {
		s.total += parts[i].Len()
	}
	maps.Copy(s.accepted, seen)
}

// send does a step of a sender, and reports whether there may be another.
func (s *simulation) send(shard *Shard) bool {
	b, _, ok := shard.Next(s.now)
	if !ok {
		s.running = remove(s.running, shard)
	}
	if b == nil {
		return !ok
	}
	switch s.random.IntN(10) {
	case 0:
		shard.Park()
		return true
	case 1:
		if b.Message == V2 {
			old, err := b.Transcode(V1, false)
			require.NoError(s.t, err)
			shard.Replace(old)
			return true
		}
	}
	if b.Series > s.takes {
		first, second, err := b.Split()
		require.NoError(s.t, err)
		shard.Replace(first, second)
		return true
	}
	s.arrive(b)
	if s.gaps || s.random.IntN(10) > 0 {
		shard.Done(s.now, nil)
	} // else the answer is lost on the way
	return true
}

// arrive is the endpoint. What it has already comes again as a whole, or not at all.
func (s *simulation) arrive(b *Batch) {
	series, err := b.decode()
	require.NoError(s.t, err)
	require.Len(s.t, series, b.Series)
	again := 0
	for i := range series {
		id, at := series[i].Labels[1].Value, series[i].Timestamp
		require.Equal(s.t, float64(at), series[i].Value)
		if at <= s.arrived[id] {
			again++
			continue
		}
		if !s.gaps {
			require.Equal(s.t, s.arrived[id]+1, at, "of %q", id)
		}
		s.distinct++
		s.arrived[id] = at
	}
	require.Contains(s.t, []int{0, len(series)}, again, "old samples among new ones")
	s.repeated += again
}

func remove(list []*Shard, x *Shard) []*Shard {
	var out []*Shard
	for _, s := range list {
		if s != x {
			out = append(out, s)
		}
	}
	return out
}

func (s *simulation) run(steps int, kills bool) {
	for range steps {
		s.now = s.now.Add(time.Duration(s.random.IntN(400)) * time.Millisecond)
		switch n := s.random.IntN(100); {
		case n < 30:
			s.add()
		case n < 32:
			s.queue.tick(s.now)
		case n == 32 && kills:
			s.kill()
		case len(s.running) > 0:
			s.send(s.running[s.random.IntN(len(s.running))])
		}
		p := s.queue.Pending()
		require.GreaterOrEqual(s.t, p.Bytes, 0)
		require.GreaterOrEqual(s.t, p.Samples, 0)
	}
	for again := true; again; {
		again = false
		for _, shard := range append([]*Shard(nil), s.running...) {
			again = s.send(shard) || again
		}
	}
	s.now = s.now.Add(time.Second)
	p := s.queue.Pending()
	require.Zero(s.t, p.Samples)
	require.Zero(s.t, p.Bytes)
}

func (s *simulation) nothingIsMissing() {
	require.Zero(s.t, s.lost)
	require.Equal(s.t, s.accepted, s.arrived)
	require.Positive(s.t, s.total)
}

func simulated() QueueConfig {
	return QueueConfig{MinShards: 1, MaxShards: 4, MaxBytes: 1 << 20, MaxPayloads: 100, MaxBatchBytes: 2000, MaxRoutes: 3}
}

func TestInMemoryNothingIsLostAndNothingOvertakes(t *testing.T) {
	for seed := range uint64(12) {
		config := simulated()
		if seed%3 == 0 {
			config.MaxBytes = 60_000 // most of the time full
		}
		s := newSimulation(t, seed, config)
		s.run(1000, false)
		s.nothingIsMissing()
	}
}

func TestWithALogNothingIsLostWhenTheProcessIsKilled(t *testing.T) {
	repeated := 0
	for seed := range uint64(12) {
		config := simulated()
		config.Log = &LogConfig{Dir: t.TempDir(), MaxBytes: 1 << 30}
		if seed%3 > 0 {
			config.MaxBytes = 3000 // nearly all is read back
		}
		if seed%2 == 0 {
			config.Log.MaxBytes = 4 << 20 // many segments
		}
		s := newSimulation(t, seed, config)
		s.run(1000, true)
		s.nothingIsMissing()
		repeated += s.repeated
		s.close()
	}
	require.Positive(t, repeated)
}

func TestAPayloadThatTheDiskRefusesIsNotQueued(t *testing.T) {
	refused := 0
	for seed := range uint64(12) {
		config := simulated()
		config.Log = &LogConfig{Dir: filepath.Join(t.TempDir(), "log"), MaxBytes: 300_000}
		if seed%3 > 0 {
			config.MaxBytes = 3000
		}
		s := newSimulation(t, seed, config)
		s.failing = true
		s.run(500, true)
		s.nothingIsMissing()
		refused += s.refused
		s.close()
	}
	require.Positive(t, refused)
}

func TestBeyondTheBoundTheOldestIsLostAndCounted(t *testing.T) {
	for seed := range uint64(12) {
		config := simulated()
		config.Log = &LogConfig{Dir: t.TempDir(), MaxBytes: 40_000}
		if seed%3 > 0 {
			config.MaxBytes = 3000
		}
		if seed%4 == 0 {
			config.Log.MaxAge = 20 * time.Second
		}
		s := newSimulation(t, seed, config)
		s.gaps = true
		for range 300 {
			s.add()
			require.LessOrEqual(t, s.queue.log.Size(), int64(40_000))
		}
		require.Positive(t, s.lost)
		s.run(1000, false)
		require.Equal(t, s.total, s.distinct+s.lost)
		s.close()
	}
}

func TestDamageCostsWhatItHitAndStopsNothing(t *testing.T) {
	for seed := range uint64(24) {
		config := simulated()
		config.Log = &LogConfig{Dir: t.TempDir(), MaxBytes: 1 << 20}
		config.MaxBytes = 3000
		s := newSimulation(t, seed, config)
		s.gaps = true
		for range 30 {
			s.add()
		}
		require.NoError(t, s.queue.log.Close())
		damage(t, s.random, config.Log.Dir)
		s.open()
		unknown := s.queue.Damage()
		s.run(300, false)
		require.LessOrEqual(t, s.distinct+s.lost, s.total)
		require.Greater(t, s.distinct, s.total/2)
		if unknown.Regions == 0 {
			require.Equal(t, s.total, s.distinct+s.lost, "what was lost is known")
		}
		s.close()
	}
}

// damage changes a byte of a segment, or cuts its end off.
func damage(t *testing.T, random *rand.Rand, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	name := files[random.IntN(len(files))]
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	at := random.IntN(len(content))
	if random.IntN(4) == 0 {
		content = content[:at]
	} else {
		content[at] ^= 1 << random.IntN(8)
	}
	require.NoError(t, os.WriteFile(name, content, 0o600))
}
