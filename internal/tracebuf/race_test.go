//go:build race

package tracebuf

// underRace: the race detector makes everything ten times as slow; what is random is tried less often.
const underRace = true
