package tracebuf

import "unsafe"

// hurry holds the traces of a shard that may be decided before their deadline, by ring position. What is decided meanwhile
// stays in it until its turn, and is passed over.
type hurry struct {
	budget *Budget
	// sure are traces whose decision nothing can change any more.
	sure []uint32
	// roots are traces whose root came, in the order of when they are due, from next on.
	roots []rooted
	next  int
	last  int64 // when the last of them is due
	// sureMost and rootsMost are how many there were at most since pop emptied the lists.
	sureMost, rootsMost int
}

// rooted is a trace whose root came, 8 bytes.
type rooted struct {
	position uint32
	// due is when it may be decided: the lower half of milliseconds of the caller's clock.
	due uint32
}

func (h *hurry) addSure(position uint32) { h.sure = appendBooked(h.budget, h.sure, position) }

// addRooted adds a trace that is due at a time, or with the last one where requests overtook each other.
func (h *hurry) addRooted(position uint32, due int64) {
	h.last = max(h.last, due)
	if h.next > len(h.roots)/2 {
		h.roots = h.roots[:copy(h.roots, h.roots[h.next:])]
		h.next = 0
	}
	h.roots = appendBooked(h.budget, h.roots, rooted{position: position, due: uint32(h.last)})
}

// noDeadline is how long a trace is due that may be decided whenever.
const noDeadline = -1

// pop returns the next trace that is due and undecided, and for how long it is, in milliseconds; nil where there is none.
func (h *hurry) pop(now int64, r *ring, d Decider) (rec *Record, due int64) {
	h.sureMost, h.rootsMost = max(h.sureMost, len(h.sure)), max(h.rootsMost, len(h.roots)-h.next)
	for n := len(h.sure); n > 0; n = len(h.sure) {
		position := h.sure[n-1]
		h.sure = h.sure[:n-1]
		rec := r.undecided(position)
		if rec == nil {
			continue
		}
		if !d.Decisive(rec) { // policies have changed since
			rec.Flags &^= sure
			continue
		}
		rec.Flags |= Early
		return rec, noDeadline
	}
	for h.next < len(h.roots) && h.roots[h.next].isDue(now) {
		h.next++
		root := h.roots[h.next-1]
		if rec := r.undecided(root.position); rec != nil {
			return rec, root.since(now)
		}
	}
	h.trim()
	return nil, noDeadline
}

// trim lets go of what a peak left.
func (h *hurry) trim() {
	if tooLarge(cap(h.sure), h.sureMost) {
		h.sure = halved(h.budget, h.sure)
	}
	if tooLarge(cap(h.roots), h.rootsMost) {
		h.roots = halved(h.budget, append(h.roots[:0], h.roots[h.next:]...))
		h.next = 0
	}
	h.sureMost, h.rootsMost = 0, 0
}

// hurryKept is the room of a list that is never let go of.
const hurryKept = 1024

// tooLarge: a list with room for eight times as many as were in it. Up to four times as many are in use, growing and moving.
func tooLarge(room, most int) bool { return room > hurryKept && most <= room/8 }

// appendBooked appends to a list whose room the budget knows.
func appendBooked[T any](b *Budget, list []T, v T) []T {
	before := cap(list)
	if list = append(list, v); cap(list) != before {
		b.Take(UseTable, int64(unsafe.Sizeof(v))*int64(cap(list)-before))
	}
	return list
}

// halved returns the list with half the room.
func halved[T any](b *Budget, list []T) []T {
	out := append(make([]T, 0, cap(list)/2), list...)
	b.Give(UseTable, int64(unsafe.Sizeof(*new(T)))*int64(cap(list)-cap(out)))
	return out
}

// survey marks and shows every trace that pop would return.
func (h *hurry) survey(now int64, r *ring, show func(*Record)) {
	mark := func(position uint32) {
		if rec := r.undecided(position); rec != nil && rec.Flags&surveyed == 0 {
			rec.Flags |= surveyed
			show(rec)
		}
	}
	for _, position := range h.sure {
		mark(position)
	}
	for i := h.next; i < len(h.roots) && h.roots[i].isDue(now); i++ {
		mark(h.roots[i].position)
	}
}

// since returns for how long it may have been decided, in milliseconds; below 0 where it may not.
func (t rooted) since(now int64) int64 { return int64(int32(uint32(now) - t.due)) }

func (t rooted) isDue(now int64) bool { return t.since(now) >= 0 }

func (h *hurry) close() {
	h.budget.Give(UseTable, 4*int64(cap(h.sure))+8*int64(cap(h.roots)))
	*h = hurry{}
}
