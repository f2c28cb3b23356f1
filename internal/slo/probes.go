package slo

import (
	"strings"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// reason says why a request was taken out. The set is closed: it is the label `reason` of slo.events.excluded.
type reason uint8

const (
	notExcluded reason = iota
	// excludedRoute: the route is one of health checks and scrapes.
	excludedRoute
	// excludedAgent: the user agent is a prober's or scraper's.
	excludedAgent
	// excludedByRule: an entry of the SLO's own `exclude` holds.
	excludedByRule
	reasons
)

var reasonNames = [reasons]string{excludedRoute: "health_route", excludedAgent: "probe_agent", excludedByRule: "rule"}

// healthSubtrees are routes whose sub-routes are health checks too.
var healthSubtrees = []string{"/healthz/", "/livez/", "/readyz/", "/actuator/health/", "/grpc.health.v1.Health/"}

// probeAgents are the beginnings of the user agents of probers, load balancers' health checks and scrapers.
var probeAgents = []string{
	"kube-probe/", "ELB-HealthChecker/", "GoogleHC/", "Prometheus/", "Blackbox Exporter/",
	"Amazon-Route53-Health-Check-Service", "GoogleStackdriverMonitoring-UptimeChecks", "Consul Health Check", "Envoy/HC",
	"Edge Health Probe",
}

// grpcHealth begins the name of a span of the standard gRPC health service.
const grpcHealth = "grpc.health.v1.Health/"

// isHealthRoute reports whether a route or path, with or without a query, is one of health checks and scrapes.
func isHealthRoute(route string) bool {
	if len(route) < 3 {
		return false
	}
	switch route[:3] { // what all of them begin with: most routes are rejected here
	case "/he", "/li", "/re", "/me", "/-/", "/ac", "/gr":
	default:
		return false
	}
	if i := strings.IndexByte(route, '?'); i >= 0 {
		route = route[:i]
	}
	switch strings.TrimSuffix(route, "/") {
	case "/health", "/health/live", "/health/liveness", "/health/ready", "/health/readiness", "/health/startup",
		"/healthcheck", "/healthz", "/livez", "/readyz", "/metrics", "/-/healthy", "/-/ready",
		"/actuator/health", "/actuator/prometheus":
		return true
	}
	return hasPrefixOf(route, healthSubtrees)
}

// hasPrefixOf reports whether s begins with one of the prefixes, none of which is empty.
func hasPrefixOf(s string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if s != "" && s[0] == prefix[0] && strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// probe returns why a span is a health check, probe or scrape, or notExcluded.
func probe(b *spanview.Batch, span int, s *spanview.Span, routes, agents []spanview.SpanSlot) reason {
	if strings.HasPrefix(s.Name, grpcHealth) {
		return excludedRoute
	}
	for _, slot := range routes {
		if isHealthRoute(b.SpanValue(span, slot).Str) {
			return excludedRoute
		}
	}
	if hasPrefixOf(firstSpan(b, span, agents).Str, probeAgents) {
		return excludedAgent
	}
	return notExcluded
}
