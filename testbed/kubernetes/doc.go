// Package kubernetes is as much of the Kubernetes API as a collector's components ask for: list and watch of pods and of
// endpoint slices, with field and label selectors, over plain HTTP. It remembers what it was asked.
//
// It speaks JSON alone, which client-go takes whatever it asked for. A [Server] listens on 127.0.0.1 and is safe for
// concurrent use.
package kubernetes
