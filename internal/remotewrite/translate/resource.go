package translate

import (
	"slices"

	"github.com/prometheus/common/model"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Resource attributes that identify a target: they become job and instance.
const (
	serviceName      = "service.name"
	serviceNamespace = "service.namespace"
	serviceInstance  = "service.instance.id"
)

func identifies(key string) bool {
	return key == serviceName || key == serviceNamespace || key == serviceInstance
}

// resourceLabels is what a resource gives to its series.
type resourceLabels struct {
	target   []remotewrite.Label // job and instance
	promoted []remotewrite.Label // attributes, by their own keys
}

// promotes reports whether the resource sets an attribute of its points: it wins over theirs.
func (r *resourceLabels) promotes(key string) bool {
	return slices.ContainsFunc(r.promoted, func(l remotewrite.Label) bool { return l.Name == key })
}

// enterResource prepares the buffer for the points of a resource.
func (t *Translator) enterResource(b *Buffer, resource pcommon.Resource) {
	attrs := resource.Attributes()
	r := &b.resource
	r.target, r.promoted = r.target[:0], r.promoted[:0]
	if job := attributeText(attrs, serviceName); job != "" {
		if namespace := attributeText(attrs, serviceNamespace); namespace != "" {
			job = namespace + "/" + job
		}
		r.target = append(r.target, remotewrite.Label{Name: model.JobLabel, Value: job})
	}
	if instance := attributeText(attrs, serviceInstance); instance != "" {
		r.target = append(r.target, remotewrite.Label{Name: model.InstanceLabel, Value: instance})
	}
	if !t.settings.ConstantLabels.empty() {
		for key, value := range attrs.All() {
			if t.settings.ConstantLabels.chooses(key) {
				r.promoted = b.appendAttribute(r.promoted, key, value)
			}
		}
	}
	b.latest = 0
}

func attributeText(attrs pcommon.Map, key string) string {
	value, ok := attrs.Get(key)
	if !ok {
		return ""
	}
	return valid(value.AsString())
}

// enterScope prepares the buffer for the points of a scope. It fails where a key cannot be escaped.
func (t *Translator) enterScope(b *Buffer, scope pcommon.InstrumentationScope) bool {
	b.overrides = append(b.overrides[:0], b.resource.target...)
	if !t.settings.ScopeInfo {
		return true
	}
	if scope.Name() != "" {
		b.overrides = append(b.overrides, remotewrite.Label{Name: "otel_scope_name", Value: valid(scope.Name())})
	}
	if scope.Version() != "" {
		b.overrides = append(b.overrides, remotewrite.Label{Name: "otel_scope_version", Value: valid(scope.Version())})
	}
	for key, value := range scope.Attributes().All() {
		if key == "name" || key == "version" || key == "schema_url" {
			continue // reserved for the scope's own fields
		}
		name, ok := t.labelName(b, "otel_scope_"+key)
		text := value.AsString()
		if !ok {
			return false
		}
		if text != "" {
			b.overrides = append(b.overrides, remotewrite.Label{Name: name, Value: valid(text)})
		}
	}
	return true
}

// addTargetInfo adds target_info at the time of the resource's newest recorded value. There is none where the resource
// has no recorded value (all it sent are stale markers), nothing that identifies it, or nothing more to say.
func (t *Translator) addTargetInfo(b *Buffer, resource pcommon.Resource) {
	if !t.settings.TargetInfo || b.latest == 0 || len(b.resource.target) == 0 {
		return
	}
	b.attrs = b.attrs[:0]
	for key, value := range resource.Attributes().All() {
		if !identifies(key) {
			b.attrs = b.appendAttribute(b.attrs, key, value)
		}
	}
	if len(b.attrs) == 0 || !t.finishLabels(b, b.resource.target) {
		return
	}
	f := b.enterFamily(metricName{name: t.target}, remotewrite.Metadata{Type: model.MetricTypeGauge, Help: "Target metadata"})
	p := point{timestamp: b.latest, key: b.seriesKey(f.name), info: true}
	b.sample(f, &p, partValue, "", 1)
}
