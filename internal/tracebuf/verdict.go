package tracebuf

// Verdict is a decision on a trace.
type Verdict struct {
	Keep bool
	// Policy is the index of the policy that decided, -1 where none matched.
	Policy int
	// Threshold is the rejection threshold of the decision in [0, 2^56), OTEP 235: 0 keeps everything. It means
	// something only where Known is set.
	Threshold uint64
	Known     bool
}

// Decider decides on records. It is called by one goroutine at a time, in rounds, mostly under a shard's lock.
type Decider interface {
	// Begin starts a round at a time, and reports whether Survey is to be called with every trace that is due, and Settle after
	// them, before any of them is decided.
	Begin(now int64) (survey bool)
	Survey(r *Record)
	Settle()
	// Decide decides on a trace. Nothing but the record, and what was surveyed, may have a part in it.
	Decide(r *Record) Verdict
	// Decisive reports whether an undecided trace will be kept whatever else arrives of it, as a Judge's does.
	Decisive(r *Record) bool
	// Follow returns the verdict on a trace that is kept because of a late span.
	Follow(r *Record) Verdict
}
