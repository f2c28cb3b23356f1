package slo

import (
	"math/bits"
	"slices"
	"time"
)

// window is a length of time that bad events are looked for in, and when the snapshots were taken that it can begin at:
// the first of every cell, a part of the window. It reaches back to the latest one that is at least its length old.
type window struct {
	length, cell time.Duration
	start        time.Time
	taken        []time.Time // by slot, a ring
	slot         int         // of the newest snapshot
	number       int64       // of the newest snapshot's cell
}

// newWindow has the start in every slot, when all counts were 0: a window that is longer than the counting begins there.
func newWindow(length time.Duration, cells int, start time.Time) window {
	return window{
		length: length, cell: length / time.Duration(cells), start: start,
		// One more than the window has cells, as it begins within one, and one that is being filled.
		taken: slices.Repeat([]time.Time{start}, cells+2),
	}
}

// from returns the slot that the window begins at.
func (w *window) from(now time.Time) int {
	slot := w.slot
	for range len(w.taken) - 1 {
		if now.Sub(w.taken[slot]) >= w.length {
			return slot
		}
		slot = (slot + len(w.taken) - 1) % len(w.taken)
	}
	return slot
}

// turn goes on to the next slot where now is in another cell than the newest snapshot, and reports whether it did.
func (w *window) turn(now time.Time) bool {
	number := int64(now.Sub(w.start) / w.cell)
	if number == w.number {
		return false
	}
	w.number = number
	w.slot = (w.slot + 1) % len(w.taken)
	w.taken[w.slot] = now
	return true
}

// past holds the counts of a window's snapshots, by slot and subject. A subject that a snapshot lacks was at 0 then.
type past [][]count

func newPast(w *window) past { return make(past, len(w.taken)) }

// since returns what a subject counted since a snapshot.
func (p past) since(slot, subject int, now count) count {
	if subject >= len(p[slot]) {
		return now
	}
	then := p[slot][subject]
	return count{good: now.good - then.good, bad: now.bad - then.bad}
}

func (p past) take(slot int, counts []count) { p[slot] = append(p[slot][:0], counts...) }

// reaches reports whether the share of bad events, in parts per billion, is at least this; no events reach nothing.
func (n count) reaches(share uint64) bool {
	if n.bad == 0 {
		return false
	}
	badHigh, badLow := bits.Mul64(n.bad, objectiveOne)
	high, low := bits.Mul64(n.good+n.bad, share)
	return badHigh > high || badHigh == high && badLow >= low
}
