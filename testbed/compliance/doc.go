// Package compliance holds the tests, with the build tag "integration", that the built binary writes as a remote-write sender
// must: Prometheus' own cases for senders (github.com/prometheus/compliance), and ours for what those do not look at, in 1.0
// and 2.0 alike. In each, the binary scrapes a target every second, with configs/compliance-immediate.yaml, and writes to a
// receiver that answers as the case says.
package compliance
