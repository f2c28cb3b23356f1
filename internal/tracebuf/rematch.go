package tracebuf

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Rematch shows every record that is not kept, with the spans that are held of it, and lets f change its bits and traits: policies
// have changed. f is called by several goroutines, told apart by the number of a worker below workers. done is
// called before anything is decided again. No request may be open.
func (b *Buffer) Rematch(workers int, f func(worker int, r *Record, c Chain), done func()) {
	b.closing.Lock()
	defer b.closing.Unlock()
	var wg sync.WaitGroup
	var shards atomic.Int32
	for worker := range workers {
		inflater := b.inflater
		if worker > 0 && inflater != nil {
			var err error
			if inflater, err = newInflater(b.budget, &b.pool.slabs, &b.packer.codec); err != nil {
				break // fewer have to do
			}
			defer inflater.close()
		}
		wg.Go(func() {
			for i := shards.Add(1) - 1; int(i) < len(b.shards); i = shards.Add(1) - 1 {
				b.rematchShard(&b.shards[i], inflater, worker, f)
			}
		})
	}
	wg.Wait()
	done()
}

// Workers returns how many goroutines Rematch uses.
func (b *Buffer) Workers() int { return min(runtime.GOMAXPROCS(0), len(b.shards)) }

func (b *Buffer) rematchShard(s *shard, inflater *inflater, worker int, f func(worker int, r *Record, c Chain)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for position := s.ring.oldest; position != s.ring.next; position++ {
		if r := s.ring.at(position); r.Flags&judged != 0 {
			r.Bits = 0 // they mean something else now, and decide nothing any more
		} else {
			f(worker, r, b.chain(r.newest, inflater))
		}
	}
}
