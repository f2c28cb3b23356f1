package parity

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// fragment is what came of a trace: how many spans, their bytes without resource and scope, and their ids added up.
// Bytes of what was sent are not compared: a tracestate may have grown.
type fragment struct {
	spans, bytes int
	ids          uint64
}

func (f fragment) same(g fragment) bool { return f.spans == g.spans && f.ids == g.ids }

// kept is a consumer that notes the spans it gets, and may be told to refuse them.
type kept struct {
	mu     sync.Mutex
	traces map[pcommon.TraceID]fragment
	// bytes is what came in all, resources and scopes too.
	bytes int
	// data is all that came, where it is wanted.
	wantData bool
	data     []ptrace.Traces
	// refuse, where set, is asked before each batch.
	refuse func() error
}

func newKept() *kept { return &kept{traces: map[pcommon.TraceID]fragment{}} }

var _ consumer.Traces = (*kept)(nil)

// Capabilities is part of consumer.Traces.
func (*kept) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces is part of consumer.Traces.
func (k *kept) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil {
		if err := k.refuse(); err != nil {
			return err
		}
	}
	tally(k.traces, td)
	k.bytes += (&ptrace.ProtoMarshaler{}).TracesSize(td)
	if k.wantData {
		all := ptrace.NewTraces()
		td.CopyTo(all)
		k.data = append(k.data, all)
	}
	return nil
}

// tally adds the spans of a request to the fragments of their traces.
func tally(traces map[pcommon.TraceID]fragment, td ptrace.Traces) {
	eachSpan(td, func(s ptrace.Span) {
		id, span := s.TraceID(), s.SpanID()
		f := traces[id]
		f.spans++
		f.bytes += (&ptrace.ProtoMarshaler{}).SpanSize(s)
		f.ids += binary.BigEndian.Uint64(span[:])
		traces[id] = f
	})
}

func eachSpan(td ptrace.Traces, visit func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				visit(s)
			}
		}
	}
}

// spans is how many spans were kept.
func (k *kept) spans() int {
	n := 0
	for _, f := range k.traces {
		n += f.spans
	}
	return n
}

// diff says in which traces two outcomes differ, by whole traces and by spans of them; empty where they don't.
func diff(a, b map[pcommon.TraceID]fragment) string {
	var onlyA, onlyB, other []string
	for id, f := range a {
		switch g, both := b[id]; {
		case !both:
			onlyA = append(onlyA, id.String())
		case !f.same(g):
			other = append(other, fmt.Sprintf("%s (%d and %d spans)", id, f.spans, g.spans))
		}
	}
	for id := range maps.Keys(b) {
		if _, both := a[id]; !both {
			onlyB = append(onlyB, id.String())
		}
	}
	var out strings.Builder
	for _, part := range []struct {
		what string
		ids  []string
	}{{"only contrib keeps", onlyA}, {"only ours keeps", onlyB}, {"both keep, not the same spans", other}} {
		if len(part.ids) > 0 {
			slices.Sort(part.ids)
			fmt.Fprintf(&out, "%s: %d traces, as %s\n", part.what, len(part.ids), strings.Join(part.ids[:min(3, len(part.ids))], ", "))
		}
	}
	return out.String()
}
