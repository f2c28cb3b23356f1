// Package coverage says where the view is blind: which services are called and never heard from, whose spans have lost
// their parents, which traces have no root, which services serve requests that no SLO counts. docs/coverage.md is the
// contract.
//
//	Observe (every request)  -> resources: which services are heard from, their numbers, what came of each and how old
//	Kept (a kept trace)      -> the services that take part
//	Look (a decided trace)   -> spans: parents, roots, calls without an answer, who serves requests
//	Flush                    -> gaps of every kind, opened and resolved -> pmetric, plog
//
// All that is done per span when it arrives is to add up its bytes and its age. What takes the whole trace is read from the heads of its spans when it is
// decided, kept or not; the attributes of a span are read only where a call has no answer among them. A bounded number of
// spans a second is looked at; of more, a share of the traces, chosen by trace id.
//
// Observe may be called from many goroutines, each with a lane of its own; Look and Flush wait for each other. Time is the
// caller's.
package coverage
