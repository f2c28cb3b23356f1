//go:build !race

package tracebuf

const underRace = false
