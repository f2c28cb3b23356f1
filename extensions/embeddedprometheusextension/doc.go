// Package embeddedprometheusextension runs a Prometheus in the Collector's process: type embedded_prometheus. Metrics get into
// it by remote write, as into any other.
package embeddedprometheusextension
