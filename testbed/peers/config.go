package peers

import (
	"embed"
	"fmt"
	"net"
	"strings"
	"text/template"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

//go:embed *.tmpl
var templates embed.FS

// policies is the template of the twelve policies that all arms have.
const policies = "policies.yaml.tmpl"

// LimitedSpans is how many spans a second the policy rate_limiting of all arms keeps of traces that nothing else keeps.
const LimitedSpans = 40

// Endpoints are the addresses, host:port, that a configuration is told.
type Endpoints struct {
	// GRPC is where the collector takes OTLP, Telemetry where it shows its own metrics.
	GRPC, Telemetry string
	// Pprof is where the collector shows profiles; empty: nowhere.
	Pprof string
	// SinkOTLP takes kept traces; SinkRemoteWrite is the URL that takes metrics.
	SinkOTLP, SinkRemoteWrite string
}

// FreeEndpoints returns endpoints whose own addresses nobody listens on.
func FreeEndpoints(sinkOTLP, sinkRemoteWrite string, pprof bool) (Endpoints, error) {
	e := Endpoints{SinkOTLP: sinkOTLP, SinkRemoteWrite: sinkRemoteWrite}
	want := []*string{&e.GRPC, &e.Telemetry}
	if pprof {
		want = append(want, &e.Pprof)
	}
	for _, a := range want {
		address, err := proc.FreeAddress()
		if err != nil {
			return e, err
		}
		*a = address
	}
	return e, nil
}

// TelemetryHost is the host of Telemetry.
func (e Endpoints) TelemetryHost() string { return part(e.Telemetry, 0) }

// TelemetryPort is the port of Telemetry.
func (e Endpoints) TelemetryPort() string { return part(e.Telemetry, 1) }

func part(address string, i int) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return [...]string{host, port}[i]
}

// Job is the reference job and what varies in it.
type Job struct {
	Endpoints     Endpoints
	DecisionWait  time.Duration
	FlushInterval time.Duration
	Bounds        []time.Duration

	// Shards and NumTraces are for contrib only: shards of its sampler, and how many traces it may hold. Traces beyond that
	// are dropped undecided, so it must exceed what arrives in DecisionWait.
	Shards, NumTraces int
	// MemoryMiB, RescueWindow and Compression are for ours only. An empty Compression leaves its key out.
	MemoryMiB    int
	RescueWindow time.Duration
	Compression  string

	// Ours says which arm DoorConfig is for.
	Ours bool
}

// Buckets writes the bounds as YAML list items.
func (j Job) Buckets() string {
	items := make([]string, len(j.Bounds))
	for i, b := range j.Bounds {
		items[i] = b.String()
	}
	return strings.Join(items, ", ")
}

// ContribConfig returns the stock collector's configuration.
func ContribConfig(j Job) (string, error) { return render("contrib.yaml.tmpl", j) }

// OursConfig returns the configuration of this project's binary.
func OursConfig(j Job) (string, error) { return render("ours.yaml.tmpl", j) }

// DoorConfig returns the configuration of either arm for the job of the processor tail_sampling alone: stock receiver, sampling,
// stock exporter, no metrics. Contrib's keys are told to ours too.
func DoorConfig(j Job) (string, error) { return render("door.yaml.tmpl", j) }

func render(name string, job any) (string, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(templates, name, policies)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Execute(&out, job); err != nil {
		return "", fmt.Errorf("cannot write configuration %q: %w", name, err)
	}
	return out.String(), nil
}
