package remotewrite

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// restore opens the log and queues what it has. Its generations take nothing in any more: what comes goes behind them.
func (q *Queue) restore() error {
	c := q.config.Log
	old := restoring{queue: q, shards: map[shardName]*restored{}}
	log, damage, err := segmentlog.Open(segmentlog.Config{Dir: c.Dir, SegmentBytes: c.segmentBytes()}, old.visit)
	if err != nil {
		return fmt.Errorf("cannot open the log: %w", err)
	}
	if old.unknown {
		return errors.Join(fmt.Errorf("cannot read the log in %q: it has records that another version wrote: run that, or remove the directory", c.Dir), log.Close())
	}
	damage.Regions += old.nonsense
	q.log, q.damage = log, damage
	old.finish()
	return nil
}

// shardName is what the log calls a shard.
type shardName struct {
	route      Headers
	generation uint32
	shard      uint32
}

// restoring is a log that is being read. What it tells of is in order for each shard.
type restoring struct {
	queue  *Queue
	shards map[shardName]*restored
	// unknown: there is a record of a kind that this version doesn't know. nonsense are records that say nothing.
	unknown  bool
	nonsense int
}

// restored is what the log has of a shard.
type restored struct {
	batches []*Batch
	highest uint64 // number of a batch
	done    uint64 // number of the newest batch that was committed
	// lost are records that can't be read: something before them is missing.
	lost []entry
}

func (r *restoring) visit(f segmentlog.Found) {
	var e entry
	if e.parse(f.Meta) != nil {
		if r.nonsense++; e.kind > kindCommit {
			r.unknown = true
		}
		return
	}
	name := shardName{e.route, e.generation, e.shard}
	s := r.shards[name]
	if s == nil {
		s = &restored{}
		r.shards[name] = s
	}
	if e.kind == kindCommit {
		s.done = max(s.done, e.batch)
		return
	}
	r.queue.written(f.Segment, f.Written)
	s.add(&e, f.Position)
}

// add adds a record to the batch it is of.
func (s *restored) add(e *entry, at segmentlog.Position) {
	if e.batch > s.highest {
		s.highest = e.batch
		s.batches = append(s.batches, &Batch{
			Message: e.message, Since: e.since, number: e.batch, commits: true, stored: stored{first: at.Segment},
		})
	}
	b := s.batches[len(s.batches)-1]
	if b.number != e.batch || b.stored.records != e.record {
		s.lost = append(s.lost, *e)
		return
	}
	b.Series += e.series
	b.Counts = b.Counts.Add(e.counts)
	b.Points += e.points
	b.Newest = max(b.Newest, e.newest)
	b.stored.records++
	b.stored.last = at
	b.stored.series, b.stored.counts, b.stored.points, b.stored.newest = b.Series, b.Counts, b.Points, b.Newest
}

// finish puts what is not done into routes and generations.
func (r *restoring) finish() {
	names := slices.SortedFunc(maps.Keys(r.shards), func(a, b shardName) int {
		return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.generation, b.generation), cmp.Compare(a.shard, b.shard))
	})
	q := r.queue
	for _, name := range names {
		s := r.shards[name]
		q.generations = max(q.generations, name.generation)
		for _, e := range s.lost {
			if e.batch > s.done {
				q.lost(LostDamaged, e.counts, e.points)
			}
		}
		left := slices.DeleteFunc(s.batches, func(b *Batch) bool { return b.number <= s.done || b.Series == 0 })
		if len(left) > 0 {
			q.bringBack(name, left)
		}
	}
	if q.samples == 0 {
		q.remove(q.log.Newest())
	}
}

// bringBack queues the batches that a shard had.
func (q *Queue) bringBack(name shardName, batches []*Batch) {
	r := q.routes[name.route]
	if r == nil {
		r = &route{queue: q, headers: name.route}
		q.routes[name.route] = r
	}
	if len(r.generations) == 0 || r.newest().number != name.generation {
		r.generations = append(r.generations, &generation{number: name.generation, closed: true})
	}
	g := r.newest()
	s := newShard(r, g, int(name.shard))
	s.sealed = batches
	for _, b := range batches {
		q.samples += b.Counts.sendable()
		q.received = max(q.received, b.Newest)
	}
	g.shards = append(g.shards, s)
	g.left++
}
