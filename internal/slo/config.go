package slo

import "time"

// Config declares SLOs. The receiver's `slo:` block has this shape; a file has it too, less the key `files`.
type Config struct {
	// Files are paths and globs (as path/filepath.Match has them) of YAML files with a list `slos`. Default: none.
	// A path without wildcards must exist; a glob may match nothing.
	Files []string `mapstructure:"files"`
	// SLOs are the SLOs declared in place. Default: none, which costs nothing.
	SLOs []SLO `mapstructure:"slos"`
}

// DefaultConfig returns the configuration without SLOs.
func DefaultConfig() Config { return Config{} }

// SLO declares one objective over the requests of a service, or of every service.
type SLO struct {
	// Name is the SLO's identity and its label `slo`: 1 to 63 letters, digits, '-', '_' or '.', unique. Required.
	Name string `mapstructure:"name"`
	// Service is the service.name whose requests count, or "*" for all, each counted on its own. Required.
	Service string `mapstructure:"service"`
	// GroupBy are further attributes that events are counted by: of the span or, where the span has none, of the
	// resource. Default: none. `service.name` may be listed; events are always counted by service.
	GroupBy []string `mapstructure:"group_by"`
	// GroupsMax bounds the groups of the SLO; later ones are counted together as "__overflow__", by service where
	// services are few enough. Default (and 0): 2000; at most 1000000.
	GroupsMax int `mapstructure:"groups_max"`
	// Overrides change what is good for single services of a "*" SLO and declare them, so that they are present at 0.
	Overrides []Override `mapstructure:"overrides"`

	// Request says which spans are requests.
	Request Request `mapstructure:"request"`
	// Match narrows the SLO to the requests for which all conditions hold. Default: all requests of the service.
	Match Match `mapstructure:"match"`
	// Exclude takes out requests for which all conditions of any entry hold; they are counted apart. Default: none.
	Exclude []Match `mapstructure:"exclude"`
	// ExcludeProbes takes out health checks, probes and scrapes by route and user agent. Default: true.
	ExcludeProbes *bool `mapstructure:"exclude_probes"`

	// Objective is the share of events that shall be good: 99.9, "99.9%" or 0.999. A number above 1 is percent, one
	// below 1 a ratio; 0, 1, 100 and more than 7 decimals of a percent are refused. Required.
	Objective any `mapstructure:"objective"`
	// Latency makes slow requests bad. At least one of Latency and Errors is required; with both, either makes an event bad.
	Latency *Latency `mapstructure:"latency"`
	// Errors makes failed requests bad; `errors: {}` has the defaults.
	Errors *Errors `mapstructure:"errors"`

	// origin is the file the SLO was read from, nil for one declared in place.
	origin *origin
}

// Override changes an SLO of service "*" for one service. What it leaves out stays as the SLO has it.
type Override struct {
	// Service is the service.name it holds for. Required, unique within the SLO.
	Service string `mapstructure:"service"`
	// Objective, Latency and Errors are as in [SLO].
	Objective any      `mapstructure:"objective"`
	Latency   *Latency `mapstructure:"latency"`
	Errors    *Errors  `mapstructure:"errors"`
}

// Request says which spans are requests.
type Request struct {
	// Kinds are span kinds: unspecified, internal, server, client, producer, consumer. Default: server, consumer.
	Kinds []string `mapstructure:"kinds"`
	// Parent is the rule for the parent: "outside" (default) wants it absent, remote or in another service, "none" wants
	// it absent, "any" does not look.
	Parent string `mapstructure:"parent"`
}

// Match is a set of conditions that must all hold. A condition is one value, a list of values of which one must be
// equal, or {regex: RE2}, found anywhere in a text. Values are compared as text: 200 equals "200", true equals "true".
type Match struct {
	// Attributes are conditions on span attributes.
	Attributes map[string]any `mapstructure:"attributes"`
	// ResourceAttributes are conditions on resource attributes; they are evaluated once a resource.
	ResourceAttributes map[string]any `mapstructure:"resource_attributes"`
	// SpanName is a condition on the span's name.
	SpanName any `mapstructure:"span_name"`
	// Kinds are the span kinds of which one must be the span's. Default: all.
	Kinds []string `mapstructure:"kinds"`
}

// Latency makes an event bad when it took too long.
type Latency struct {
	// Threshold is the longest good duration of the span itself, compared in whole nanoseconds: good is <= Threshold.
	// At least 1us. Required.
	Threshold time.Duration `mapstructure:"threshold"`
}

// Errors says which requests failed. Where a request has an HTTP or a gRPC code, the codes decide.
type Errors struct {
	// HTTPStatusCodes are numbers from 100 to 999 and ranges of them ("500-599"). Default: 500-999. Empty: none is bad.
	HTTPStatusCodes []any `mapstructure:"http_status_codes"`
	// GRPCStatusCodes are numbers from 0 to 16 or names. Default: 2, 4, 12, 13, 14, 15. Empty: none is bad.
	GRPCStatusCodes []any `mapstructure:"grpc_status_codes"`
	// SpanStatus says when the span status ERROR is bad: "without_code" (default), "always" or "never".
	SpanStatus string `mapstructure:"span_status"`
}

const (
	groupsMaxDefault = 2000
	groupsMaxLimit   = 1_000_000
	anyService       = "*"
	// overflowValue is the label value of groups beyond groups_max.
	overflowValue = "__overflow__"
	// unknownService is the service of resources without a service.name, as the semantic conventions name it.
	unknownService = "unknown_service"
)
