// Package ottlcondition reads the conditions of ottl_condition policies: OTTL on spans and span events, by contrib's
// pkg/ottl, with the functions, path names and error modes that they have in contrib's tail_sampling v0.160.0. A path
// without a context is of the list's own: name is span.name in `span` and spanevent.name in `spanevent`.
//
// Conditions are compiled when the engine is made and asked by any number of goroutines. They are asked when a span
// arrives, not when its trace is decided, so a function such as Now tells the time of arrival. A condition that panics
// failed. Nothing is changed in a request but OTTL's own cache, which lives as long as one question.
//
// It is a package of its own so that sampling knows nothing of the Collector but pdata.
package ottlcondition
