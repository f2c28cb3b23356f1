// Package tailsamplingprocessor is the ordinary door of the engine in internal/spanpipe: component tail_sampling. It takes
// spans from any receiver or processor, encodes each request once and gives it to the engine as bytes; kept traces go to
// the next consumer.
//
// It takes the configuration of contrib's processor of the same type. Keys whose purpose is met otherwise are accepted and
// answered with a line at start (notes.go). It makes neither RED metrics nor coverage: receiver otlp_slo does.
//
// A request runs on the goroutine that brings it. Beside those the package has the engine's goroutines, and one that
// looks for a changed file of policies where there is one.
//
// Bounds: everything held is in the engine's budget. What a request takes while it is encoded is its bringer's, as the
// spans are that it is encoded from.
package tailsamplingprocessor
