package slo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// load is a request of 32 traces of 8 spans, grouped by service: of every trace two SERVER spans (one without a parent),
// two CLIENT and four INTERNAL spans. flags are those of spans with a parent.
func load(services int, flags uint32) (out []span) {
	byService := make([][]span, services)
	at := func(i int, s span) {
		s.service = fmt.Sprintf("service-%d", i%services)
		byService[i%services] = append(byService[i%services], s)
	}
	for trace := range uint64(32) {
		for i := range uint64(8) {
			id := 1 + trace*8 + i
			s := span{trace: trace + 1, id: id, kind: []int32{2, 1, 3, 2, 1, 1, 3, 1}[i], duration: time.Duration(id) * time.Millisecond, name: "GET /api/items/{id}"}
			if i > 0 {
				s.parent, s.flags = id-1, flags
			}
			if s.kind == 2 || s.kind == 3 {
				s.attrs = attrs{
					"http.request.method": "GET", "http.response.status_code": 200, "url.path": "/api/items/1234567",
					"user_agent.original": "Mozilla/5.0 (X11; Linux x86_64)", "http.route": fmt.Sprintf("/api/items/%d", trace%8),
				}
			}
			service := int(trace)
			if i >= 3 {
				service += 7
			}
			at(service, s)
		}
	}
	for _, spans := range byService {
		out = append(out, spans...)
	}
	return out
}

const each = `, objective: 99.9, errors: {}, latency: {threshold: 300ms}`

// sets are the configurations whose cost and allocations are watched.
func sets() map[string]string {
	var exact, grouped strings.Builder
	for i := range 50 {
		fmt.Fprintf(&exact, "- {name: e%d, service: service-%d%s}\n", i, i%20, each)
		fmt.Fprintf(&grouped, "- {name: g%d, service: \"*\"%s}\n", i, each)
	}
	return map[string]string{
		"0 SLOs":                          "",
		"1 SLO":                           `- {name: a, service: service-1` + each + `}`,
		"50 SLOs of 20 services":          exact.String(),
		"1 SLO of all services":           `- {name: a, service: "*"` + each + `}`,
		"1 SLO of all services by route":  `- {name: a, service: "*", group_by: [http.route]` + each + `}`,
		"50 SLOs of all services":         grouped.String(),
		"1 SLO with regex and exclusions": `- {name: a, service: "*", match: {attributes: {http.route: {regex: ^/api}}, resource_attributes: {service.name: {regex: service}}}, exclude: [{span_name: x}, {resource_attributes: {env: test}}]` + each + `}`,
		"1 SLO beyond groups_max":         `- {name: a, service: "*", group_by: [http.route, url.path], groups_max: 2` + each + `}`,
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	for name, list := range sets() {
		if raceDetector && strings.Contains(name, "regex") {
			continue
		}
		for _, flags := range []uint32{0, remote} {
			r := newRig(t, list, 1, nil)
			spans := load(20, flags)
			r.observe(0, spans...)
			allocs := testing.AllocsPerRun(100, func() { r.Observe(0, &r.batch, start) })
			assert.Zero(t, allocs, "%s, flags %#x", name, flags)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, services := range []int{20, 400} {
		for _, flags := range []uint32{0, remote} {
			for name, list := range sets() {
				b.Run(fmt.Sprintf("%d services/flags %#x/%s", services, flags, name), func(b *testing.B) {
					r := newRig(b, list, 1, nil)
					// Requests of one batch hold few of the services; all of them are seen in turn.
					for i := range services / 20 {
						spans := load(20, flags)
						for k := range spans {
							spans[k].service = fmt.Sprintf("service-%d", (i*20+k%20)%services)
						}
						r.observe(0, spans...)
					}
					r.observe(0, load(20, flags)...)
					b.ReportAllocs()
					for b.Loop() {
						r.Observe(0, &r.batch, start)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(r.batch.Spans)), "ns/span")
				})
			}
		}
	}
}

func BenchmarkFlush(b *testing.B) {
	r := newRig(b, sets()["50 SLOs of all services"], 2, nil)
	for i := range 400 {
		r.observe(i%2, span{service: fmt.Sprint("s", i)})
	}
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		r.Flush(now, pmetric.NewMetrics())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*50*400*2), "ns/series")
}
