//go:build race

package dataset

// raceDetector slows tests down by ten times.
const raceDetector = true
