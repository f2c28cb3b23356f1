package coverage

import "go.opentelemetry.io/collector/pdata/plog"

// serviceWithoutSLO: a service answers requests that no SLO counts.
var serviceWithoutSLO = kind{
	name: "no_slo", severity: plog.SeverityNumberWarn,
	fix: "Declare an SLO for it, or one for all services: service: \"*\".",
	find: func(c *Coverage, s *survey, found func(finding)) {
		for _, v := range c.services.byKey {
			if v.serves && !s.hasSLO(v.name) {
				found(finding{subject: v.name, namespace: v.namespace, text: "answers requests that no SLO counts"})
			}
		}
	},
}
