// Package configs has the configurations that the project ships, one file for each role of the binary and two for test suites of
// remote-write senders, and embeds two of them.
// They are complete: `otelcol-slo --config configs/gateway.yaml` runs as it stands, and what a site must say is taken from the
// environment.
//
// Tests validate each file through the binary and start it.
package configs
