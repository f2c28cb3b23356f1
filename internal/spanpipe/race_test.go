//go:build race

package spanpipe

// underRace: the race detector makes everything ten times as slow; what is random is tried less often.
const underRace = true
