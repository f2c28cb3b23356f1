package peers

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
)

// The messages of remote write 1.0 and 2.0, as all peers call them.
const (
	RemoteWrite1 = "prometheus.WriteRequest"
	RemoteWrite2 = "io.prometheus.write.v2.Request"
)

// ContribRemoteWrite2Gate is the feature gate without which contrib's exporter sends 1.0 whatever it is told.
const ContribRemoteWrite2Gate = "exporter.prometheusremotewritexporter.enableSendingRW2"

// RemoteWriteJob takes OTLP metrics in and sends them by remote write, everything else at its default.
type RemoteWriteJob struct {
	Endpoints Endpoints
	// Message is RemoteWrite1 or RemoteWrite2.
	Message string
	// WALDirectory is where what is to be sent is kept meanwhile; empty: in memory. Prometheus is told it by a flag.
	WALDirectory string
	// Nop drops everything instead of sending it: what is left is what it costs to take metrics in.
	Nop bool
}

// RemoteWriteConfig returns the configuration of both collectors, the stock one and ours.
func RemoteWriteConfig(j RemoteWriteJob) (string, error) { return render("remotewrite.yaml.tmpl", j) }

// PrometheusConfig returns the configuration of Prometheus' agent, which takes OTLP by HTTP as its flags say.
func PrometheusConfig(j RemoteWriteJob) (string, error) { return render("prometheus.yaml.tmpl", j) }

// PrometheusArgs returns the flags with which Prometheus is an agent that takes OTLP at Endpoints.GRPC, by HTTP.
func PrometheusArgs(j RemoteWriteJob, config string) []string {
	return []string{
		"--agent", "--config.file=" + config, "--storage.agent.path=" + j.WALDirectory,
		"--web.listen-address=" + j.Endpoints.GRPC, "--web.enable-otlp-receiver",
	}
}

// BuildPrometheus returns the path of Prometheus' binary under root/bin/servers, and builds it where it is not there or older
// than its module: minutes. What the build says goes to progress.
func BuildPrometheus(ctx context.Context, root string, progress io.Writer) (string, error) {
	module := filepath.Join(root, "testbed", "servers", "prometheus")
	binary := filepath.Join(root, "bin", "servers", "prometheus")
	if newer(binary, filepath.Join(module, "go.mod")) {
		return binary, nil
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "-tags=remove_all_sd", "github.com/prometheus/prometheus/cmd/prometheus")
	return binary, run(build, module, progress)
}
