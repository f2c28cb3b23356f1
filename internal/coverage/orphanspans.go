package coverage

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
)

// orphanSpans: spans of a service have parents that are not among their trace's spans.
var orphanSpans = kind{
	name: "orphan_spans", severity: plog.SeverityNumberWarn,
	fix: "A remote parent is the caller's: it is not instrumented, samples its spans, or sends them to another gateway. " +
		"A local one got lost in the service itself.",
	find: func(c *Coverage, _ *survey, found func(finding)) {
		for _, s := range c.services.byKey {
			if s.window.isGap() {
				lacking, all := s.window.total()
				found(finding{
					subject: s.name, namespace: s.namespace, lacking: lacking, all: all, example: s.example,
					text: fmt.Sprintf("has %d of %d spans whose parent never came", lacking, all),
				})
			}
		}
	},
}
