package red

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// ScopeName is the instrumentation scope of the metrics. It has no version: a version is a label in Prometheus, and every
// upgrade would start all series anew.
const ScopeName = "github.com/otelcol-slo/otelcol-slo/internal/red"

const (
	metricCalls    = "calls"
	metricDuration = "duration"
)

const (
	attrServiceName      = "service.name"
	attrServiceNamespace = "service.namespace"
	attrEnvironment      = "deployment.environment.name"
	attrEnvironmentOld   = "deployment.environment"
	attrInstance         = "service.instance.id"
	attrSpanName         = "span.name"
	attrSpanKind         = "span.kind"
	attrStatusCode       = "status.code"
	attrOverflow         = "otel.metric.overflow"
)

// unknownService is the service.name of resources that have none, as the semantic conventions tell SDKs to call them.
const unknownService = "unknown_service"

func isBaseIdentity(name string) bool {
	switch name {
	case attrServiceName, attrServiceNamespace, attrEnvironment, attrEnvironmentOld:
		return true
	}
	return false
}

// kindNames and statusNames are the values of span.kind and status.code; their last entry stands for all other numbers.
var (
	kindNames = [...]string{
		spanview.KindUnspecified: "SPAN_KIND_UNSPECIFIED",
		spanview.KindInternal:    "SPAN_KIND_INTERNAL",
		spanview.KindServer:      "SPAN_KIND_SERVER",
		spanview.KindClient:      "SPAN_KIND_CLIENT",
		spanview.KindProducer:    "SPAN_KIND_PRODUCER",
		spanview.KindConsumer:    "SPAN_KIND_CONSUMER",
		"",
	}
	statusNames = [...]string{
		spanview.StatusUnset: "STATUS_CODE_UNSET",
		spanview.StatusOK:    "STATUS_CODE_OK",
		spanview.StatusError: "STATUS_CODE_ERROR",
		"",
	}
)

func kindIndex(kind int32) byte { return byte(min(uint32(kind), uint32(len(kindNames)-1))) }

func statusIndex(status int32) byte { return byte(min(uint32(status), uint32(len(statusNames)-1))) }
