package tracestore

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Store holds traces. Its methods may be called from many goroutines.
type Store struct {
	max int64

	mu      sync.Mutex // protects all below
	used    int64
	parts   []*part // oldest first
	byTrace map[pcommon.TraceID][]*part
	evicted uint64
}

// part is what came of a trace at one time.
type part struct {
	trace pcommon.TraceID
	bytes []byte
	spans int
}

// partOverhead is about what a part takes beside its bytes.
const partOverhead = 200

// New returns a store of at most so many bytes.
func New(bytesMax int64) *Store {
	return &Store{max: bytesMax, byTrace: map[pcommon.TraceID][]*part{}}
}

// Put stores the spans. What has no room even where nothing else is stored is not kept, and counted as evicted.
func (s *Store) Put(td ptrace.Traces) error {
	var marshaler ptrace.ProtoMarshaler
	for id, one := range byTrace(td) {
		bytes, err := marshaler.MarshalTraces(one)
		if err != nil {
			return fmt.Errorf("cannot encode trace %q: %w", id, err)
		}
		s.add(&part{trace: id, bytes: bytes, spans: one.SpanCount()})
	}
	return nil
}

func (s *Store) add(p *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.size() > s.max { // all others would have to go for it
		s.evicted += uint64(p.spans)
		return
	}
	s.parts = append(s.parts, p)
	s.byTrace[p.trace] = append(s.byTrace[p.trace], p)
	s.used += p.size()
	for s.used > s.max {
		s.evictLocked()
	}
}

func (p *part) size() int64 { return int64(len(p.bytes)) + partOverhead }

// evictLocked lets go of the oldest part, which is the oldest of its trace too.
func (s *Store) evictLocked() {
	p := s.parts[0]
	s.parts[0] = nil
	s.parts = s.parts[1:]
	s.used -= p.size()
	s.evicted += uint64(p.spans)
	parts := s.byTrace[p.trace]
	parts[0] = nil
	if rest := parts[1:]; len(rest) > 0 {
		s.byTrace[p.trace] = rest
	} else {
		delete(s.byTrace, p.trace)
	}
}

// Get returns a trace as an ExportTraceServiceRequest, nil where it isn't stored.
func (s *Store) Get(id pcommon.TraceID) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []byte
	for _, p := range s.byTrace[id] {
		out = append(out, p.bytes...)
	}
	return out
}

// Stats is what is stored, and how many spans had to go since the start.
type Stats struct {
	Traces       int
	Bytes        int64
	EvictedSpans uint64
}

// Stats returns the figures of this moment.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Traces: len(s.byTrace), Bytes: s.used, EvictedSpans: s.evicted}
}

// byTrace parts spans by their trace ids; resources and scopes are copied for each.
func byTrace(td ptrace.Traces) map[pcommon.TraceID]ptrace.Traces {
	out := map[pcommon.TraceID]ptrace.Traces{}
	for _, rs := range td.ResourceSpans().All() {
		ofResource := map[pcommon.TraceID]ptrace.ResourceSpans{}
		for _, ss := range rs.ScopeSpans().All() {
			ofScope := map[pcommon.TraceID]ptrace.ScopeSpans{}
			for _, span := range ss.Spans().All() {
				id := span.TraceID()
				scope, ok := ofScope[id]
				if !ok {
					scope = scopeOf(id, rs, ss, ofResource, out)
					ofScope[id] = scope
				}
				span.CopyTo(scope.Spans().AppendEmpty())
			}
		}
	}
	return out
}

// scopeOf adds a scope for the spans of a trace, and a resource where the trace has none of it yet.
func scopeOf(id pcommon.TraceID, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, ofResource map[pcommon.TraceID]ptrace.ResourceSpans, all map[pcommon.TraceID]ptrace.Traces) ptrace.ScopeSpans {
	resource, ok := ofResource[id]
	if !ok {
		if _, ok := all[id]; !ok {
			all[id] = ptrace.NewTraces()
		}
		resource = all[id].ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(resource.Resource())
		resource.SetSchemaUrl(rs.SchemaUrl())
		ofResource[id] = resource
	}
	scope := resource.ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(scope.Scope())
	scope.SetSchemaUrl(ss.SchemaUrl())
	return scope
}
