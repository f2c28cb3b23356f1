//go:build race

package slo

// raceDetector says that sync.Pool, which regular expressions use, drops what it is given now and then.
const raceDetector = true
