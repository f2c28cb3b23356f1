package red

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Flush appends all series to md: every one with what was counted of it since its start, also where nothing was since the
// last flush. A new series is preceded by a zero one flush earlier; one that expired has its last point, which says that
// there is no value any more. Flushes are at least two milliseconds apart, whatever the clock says, so that the points of
// a series always have ascending times. The order is that in which resources and series were first flushed.
func (a *Aggregator) Flush(now time.Time, md pmetric.Metrics) {
	a.flushing.Lock()
	defer a.flushing.Unlock()
	f := flush{
		now:  max(millisecond(now), a.last+2*pcommon.Timestamp(time.Millisecond)),
		zero: a.last + pcommon.Timestamp(time.Millisecond), // not the last flush itself: the series' stale marker may lie there
	}
	a.registry.beginFlush()
	a.drain(&f)
	a.expire(f.now)
	f.exemplars = a.exemplars.take()
	a.write(&f, md)
	a.exemplars.giveBack(f.exemplars)
	a.last = f.now
	a.bytes.Store(a.estimate(f.tables))
}

// flush is one flush under way.
type flush struct {
	now, zero pcommon.Timestamp
	exemplars map[uint32][]Exemplar
	tables    int64 // bytes
}

// drain adds up what the lanes counted. Each lane goes on with an empty table meanwhile.
func (a *Aggregator) drain(f *flush) {
	for _, fam := range a.families {
		peak := a.peak[fam.index]
		a.peak[fam.index] -= peak / 4
		for i := range a.lanes {
			full := a.swap(&a.lanes[i], fam)
			a.merge(full, f.now)
			f.tables += full.bytes()
			a.peak[fam.index] = max(a.peak[fam.index], len(full.entries))
			full.clear(max(peak, len(full.entries)))
			a.spare[fam.index] = full
		}
	}
}

// swap takes a lane's table and gives it the spare one.
func (a *Aggregator) swap(l *lane, fam *family) *table {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.tables[fam.index]
	l.tables[fam.index] = a.spare[fam.index]
	return full
}

func (a *Aggregator) merge(t *table, now pcommon.Timestamp) {
	for n, s := range t.series {
		if s == nil {
			continue
		}
		if s.active == 0 {
			a.list(s)
		}
		cell := t.cell(n)
		if s.overflow && s.family.calls {
			a.counters.overflowSpans.Add(cell[cellCalls])
		}
		s.active, s.resource.active = now, now
		addCell(s.totals, cell)
		if s.hist != nil {
			addHistogram(s.hist, &t.hists[n])
		}
	}
}

// list takes a series into what is flushed.
func (a *Aggregator) list(s *series) {
	res := s.resource
	if !res.listed {
		res.listed = true
		a.resources = append(a.resources, res)
	}
	res.series[s.family.index] = append(res.series[s.family.index], s)
}

// expire forgets the series that were idle too long. Their identities are free at once; they stay listed for their last
// point.
func (a *Aggregator) expire(now pcommon.Timestamp) {
	a.idle = a.idle[:0]
	for _, res := range a.resources {
		all := a.expiry.resource > 0 && now-res.active >= a.expiry.resource
		for _, list := range res.series {
			for _, s := range list {
				if all || a.expiry.series > 0 && now-s.active >= a.expiry.series {
					a.idle = append(a.idle, s)
				}
			}
		}
	}
	if len(a.idle) > 0 {
		a.registry.forget(a.idle)
		clear(a.idle)
	}
}

// write appends all listed series to md and takes the forgotten ones off the lists.
func (a *Aggregator) write(f *flush, md pmetric.Metrics) {
	kept := a.resources[:0]
	for _, res := range a.resources {
		rm := md.ResourceMetrics().AppendEmpty()
		res.attributes.CopyTo(rm.Resource().Attributes())
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName(ScopeName)
		for _, fam := range a.families {
			list := res.series[fam.index]
			if len(list) == 0 {
				continue
			}
			a.writeFamily(f, fam, list, sm.Metrics())
			res.series[fam.index] = a.dropForgotten(list)
		}
		if len(res.series[0])+len(res.series[1]) > 0 {
			kept = append(kept, res)
		} else {
			res.listed = false
		}
	}
	clear(a.resources[len(kept):])
	a.resources = kept
}

func (a *Aggregator) dropForgotten(list []*series) []*series {
	kept := list[:0]
	for _, s := range list {
		if s.forgotten {
			a.counters.expired.Add(1)
		} else {
			kept = append(kept, s)
		}
	}
	clear(list[len(kept):])
	return kept
}

func (a *Aggregator) writeFamily(f *flush, fam *family, list []*series, to pmetric.MetricSlice) {
	w := writer{flush: f, bounds: a.bounds, unit: a.unit}
	if fam.calls {
		m := to.AppendEmpty()
		m.SetName(a.names.calls)
		w.calls = m.SetEmptySum()
		w.calls.SetIsMonotonic(true)
		w.calls.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		w.calls.DataPoints().EnsureCapacity(len(list))
	}
	if fam.durations != durationsNone {
		w.durations = to.AppendEmpty()
		w.durations.SetName(a.names.duration)
		w.durations.SetUnit(a.names.unit)
		w.shapeDurations(fam, len(list))
	}
	for _, s := range list {
		s.flushTo(&w)
		a.counters.exemplars.Add(w.sent)
	}
}
