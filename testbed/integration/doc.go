// Package integration holds the tests that start the built binary and check it from outside, with the build tag
// "integration": real recorded traffic and the reference load in, figures and traces out, compared with the truth.
package integration
