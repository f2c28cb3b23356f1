// Package validator stands in for the library that tests of Prometheus' own packages use: `go mod tidy` looks at them too, and it
// would not go with the stand-in for libopenapi. Nothing is built of it.
package validator
