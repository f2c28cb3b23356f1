//go:build !race

package slo

const raceDetector = false
