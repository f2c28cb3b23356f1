// Package harness starts the built binary, sinks, real servers and real clients for tests, and ends them with the test.
//
// Tests that use it carry the build tag "integration" and are run by `make integration`, which builds the binary first. All
// functions fail the test themselves. What is started writes its output into the test's directory; where the test
// fails, the end of it is logged.
package harness
