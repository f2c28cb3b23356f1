// Package errors is named by tests of Prometheus' own packages.
package errors
