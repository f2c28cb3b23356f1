// Package enginefigures shows an engine's figures as own metrics of the door that it is behind, and says at the end what
// became of all spans. Both doors have it; what a door refuses is its own affair.
//
// Metrics that contrib's tail_sampling has too have its names, the others begin with the door's prefix.
package enginefigures
