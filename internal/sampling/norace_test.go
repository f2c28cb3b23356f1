//go:build !race

package sampling

const underRace = false
