package coverage

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
)

// rootlessTraces: traces have no span without a parent.
var rootlessTraces = kind{
	name: "rootless_traces", severity: plog.SeverityNumberWarn,
	fix: "Whatever calls first is not instrumented, or its spans go elsewhere. The orphan spans say whom it calls.",
	find: func(c *Coverage, _ *survey, found func(finding)) {
		if c.traces.window.isGap() {
			lacking, all := c.traces.window.total()
			found(finding{
				subject: "traces", lacking: lacking, all: all, example: c.traces.example,
				text: fmt.Sprintf("have no root: %d of %d", lacking, all),
			})
		}
	},
}
