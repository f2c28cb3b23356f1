package tracebuf

const (
	chunkBits  = 10
	chunkSlabs = 1 << chunkBits
)

// directory knows all slabs by number. Its entries stay where they are, so that whoever holds an id that is alive reads
// its entry without a lock; handing out and taking back numbers is up to the pool's lock.
type directory struct {
	chunks [(slabsMax + 1) / chunkSlabs]*[chunkSlabs]slab
	last   uint32 // the greatest number that was ever handed out
	free   []uint32
}

// open returns an entry for a slab that begins its life, nil where all numbers are taken.
func (d *directory) open() *slab {
	if n := len(d.free); n > 0 {
		number := d.free[n-1]
		d.free = d.free[:n-1]
		return d.at(number)
	}
	if d.last == slabsMax {
		return nil
	}
	d.last++
	chunk := &d.chunks[d.last>>chunkBits]
	if *chunk == nil {
		*chunk = new([chunkSlabs]slab)
	}
	s := d.at(d.last)
	s.number = d.last
	return s
}

// end ends a slab's life: its ids resolve to nothing from here on.
func (d *directory) end(s *slab) {
	*s = slab{number: s.number, gen: s.gen + 1}
	d.free = append(d.free, s.number)
}

func (d *directory) at(number uint32) *slab {
	return &d.chunks[number>>chunkBits][number&(chunkSlabs-1)]
}

// find returns a living slab, nil for an id of an earlier life or of none.
func (d *directory) find(id slabID) *slab {
	n := id.number()
	if n == 0 || d.chunks[n>>chunkBits] == nil {
		return nil
	}
	if s := d.at(n); s.gen&genMask == id.gen() && s.alive {
		return s
	}
	return nil
}
