package coverage

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// event adds a record of a gap that opened or is over.
func (s *survey) event(name string, severity plog.SeverityNumber, k *kind, g *gap) {
	r := s.events.AppendEmpty()
	now := pcommon.NewTimestampFromTime(s.now)
	r.SetEventName(name)
	r.SetTimestamp(now)
	r.SetObservedTimestamp(now)
	r.SetSeverityNumber(severity)
	r.SetSeverityText(severity.String())
	r.SetTraceID(g.example.trace)
	r.SetSpanID(g.example.span)
	if name == "observability.gap.opened" {
		r.Body().SetStr(g.subject + " " + g.text)
	} else {
		r.Body().SetStr(g.subject + ": no longer " + k.name)
	}
	a := r.Attributes()
	a.PutStr("gap.kind", k.name)
	a.PutStr("gap.subject", g.subject)
	if g.namespace != "" {
		a.PutStr("service.namespace", g.namespace)
	}
	a.PutInt("gap.first_seen", g.first.UnixNano())
	if g.all > 0 {
		a.PutInt("gap.count", int64(g.lacking))
		a.PutInt("gap.of", int64(g.all))
	}
	a.PutStr("gap.fix", k.fix)
}

// moveEvents appends the events to ld, as logs of this process: of the service that they are about they would look as if
// it had logged them.
func (c *Coverage) moveEvents(events plog.LogRecordSlice, ld plog.Logs) {
	if events.Len() == 0 {
		return
	}
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "otelcol-slo")
	rl.Resource().Attributes().PutStr("service.instance.id", c.options.WriterID)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(ScopeName)
	events.MoveAndAppendTo(sl.LogRecords())
}
