package slo

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// Attributes that are read by meaning: the current name of the semantic conventions first, then older ones.
var (
	httpCodeNames  = []string{"http.response.status_code", "http.status_code"}
	grpcCodeNames  = []string{"rpc.grpc.status_code", "rpc.response.status_code", "grpc.status_code"}
	routeNames     = []string{"http.route", "url.path", "http.target"}
	userAgentNames = []string{"user_agent.original", "http.user_agent"}
)

// olderNames are the older names of attributes that SLOs are often declared with; a condition or group that asks for
// the current name understands them.
var olderNames = map[string]string{
	"http.request.method":         "http.method",
	"http.response.status_code":   "http.status_code",
	"user_agent.original":         "http.user_agent",
	"url.scheme":                  "http.scheme",
	"deployment.environment.name": "deployment.environment",
	"messaging.destination.name":  "messaging.destination",
}

func namesOf(key string) []string {
	if older, ok := olderNames[key]; ok {
		return []string{key, older}
	}
	return []string{key}
}

func spanSlots(s *spanview.Schema, keys []string) ([]spanview.SpanSlot, error) {
	slots := make([]spanview.SpanSlot, len(keys))
	for i, key := range keys {
		slot, err := s.SpanSlot(key)
		if err != nil {
			return nil, err
		}
		slots[i] = slot
	}
	return slots, nil
}

func resourceSlots(s *spanview.Schema, keys []string) ([]spanview.ResourceSlot, error) {
	slots := make([]spanview.ResourceSlot, len(keys))
	for i, key := range keys {
		slot, err := s.ResourceSlot(key)
		if err != nil {
			return nil, err
		}
		slots[i] = slot
	}
	return slots, nil
}

// absent is what a span without any of the attributes has.
var absent spanview.Value

func firstSpan(b *spanview.Batch, span int, slots []spanview.SpanSlot) *spanview.Value {
	for _, slot := range slots {
		if v := b.SpanValue(span, slot); v.Present() {
			return v
		}
	}
	return &absent
}

func firstResource(b *spanview.Batch, resource int, slots []spanview.ResourceSlot) *spanview.Value {
	for _, slot := range slots {
		if v := b.ResourceValue(resource, slot); v.Present() {
			return v
		}
	}
	return &absent
}
