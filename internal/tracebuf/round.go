package tracebuf

// Round is what is decided at a time.
type Round struct {
	// Now is the time, milliseconds of the caller's clock: traces that may be decided before their deadline are due by it.
	Now int64
	// Due is the arrival of the first span up to which traces are due.
	Due int64
	// Early marks traces as decided before their deadline.
	Early bool
	// Deadline is the arrival of the first span up to which traces are past their decision_wait, for Tally.DecidedByLag;
	// 0: none is.
	Deadline int64
	// Clock tells the time while the round goes on, for the same; nil: it stays at Now.
	Clock func() int64
}

// elapsed returns how long the round has been going on, in milliseconds.
func (r *Round) elapsed() int64 {
	if r.Clock == nil {
		return 0
	}
	return max(r.Clock()-r.Now, 0)
}
