package coverage

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
)

// silentPeer: a service is called that no span comes from.
var silentPeer = kind{
	name: "silent_peer", severity: plog.SeverityNumberError,
	fix: "Instrument it and send its telemetry here; if it does already, give the calls its service.name as service.peer.name.",
	find: func(c *Coverage, _ *survey, found func(finding)) {
		for _, p := range c.peers.byKey {
			if c.services.isSilent(p) {
				found(finding{
					subject: p.key.name, lacking: p.unanswered.count, all: p.unanswered.count, example: p.example,
					text: fmt.Sprintf("is called by %s, and no span of it ever came", p.calledBy()),
				})
			}
		}
	},
}

// calledBy names the callers.
func (p *peer) calledBy() string {
	if len(p.callers) == 0 {
		return "a service"
	}
	names := make([]string, len(p.callers))
	for i, c := range p.callers {
		names[i] = c.service.name
	}
	return strings.Join(names, ", ")
}
