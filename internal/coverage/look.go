package coverage

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// Span is what is looked at of a span.
type Span struct {
	ID, Parent [8]byte // Parent is all zero: it has none
	Service    uint32  // its resource's number, spanview.Resource.Service
	Kind       uint8   // OTLP SpanKind
	Parents    Parents // where its parent is
}

// Parents says where a span's parent is, by OTLP's span flags.
type Parents uint8

// ParentUnknown: the flags don't say. ParentLocal, ParentRemote: in the same process, in another one.
const (
	ParentUnknown Parents = iota
	ParentLocal
	ParentRemote

	parents
)

var parentNames = [parents]string{"unknown", "local", "remote"}

// Wants reports whether a trace with so many spans, which is being decided, is to be looked at; whole tells that none of its
// spans is known to be missing here. Each trace is asked for once.
func (c *Coverage) Wants(id *[16]byte, spans int, whole bool) bool {
	if !c.cfg.Enabled {
		return false
	}
	c.share.mu.Lock()
	defer c.share.mu.Unlock()
	if whole && c.share.wants(id, spans) {
		return true
	}
	c.share.passedOver++
	return false
}

// PeerKeys are the span attributes that Look may ask for.
func (c *Coverage) PeerKeys() *spanview.KeyIndex { return c.peerSchema.SpanKeys() }

// PeerSlots is how many they are.
func (c *Coverage) PeerSlots() int { return c.peerSchema.SpanSlots() }

// Look looks at a trace as it is decided: all its spans, in any order. attributes returns the values of PeerKeys of one of
// them, valid until the next call.
func (c *Coverage) Look(trace [16]byte, spans []Span, attributes func(span int) []spanview.Value) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traces.looked.count++
	c.index.build(spans)
	c.answered = append(c.answered[:0], make([]bool, len(spans))...)
	c.parents = c.parents[:0]
	rooted, connected := false, true
	for i := range spans {
		s := &spans[i]
		from := c.services.byNumber[s.Service]
		parent := -1
		if s.Parent == ([8]byte{}) {
			rooted = true
		} else if parent = c.index.find(&s.Parent); parent < 0 {
			connected = false
		} else if isRequest(s.Kind) || spans[parent].Service != s.Service {
			c.answered[parent] = true
		}
		c.parents = append(c.parents, int32(parent))
		if from != nil {
			from.note(s, parent < 0 && s.Parent != ([8]byte{}), example{trace, s.ID})
		}
	}
	c.spreadAnswers()
	c.traces.note(rooted, connected, example{trace: trace})
	for i := range spans {
		if isCall(spans[i].Kind) && (!c.answered[i] || c.peers.suspects > 0) {
			c.noteCall(&spans[i], c.answered[i], attributes(i), example{trace, spans[i].ID})
		}
	}
}

// spreadAnswers marks what lies above an answered span: an inner call's answer is the outer's. Each span is gone through
// once, also where parents make a circle.
func (c *Coverage) spreadAnswers() {
	for i := range c.answered {
		if !c.answered[i] {
			continue
		}
		for p := c.parents[i]; p >= 0 && !c.answered[p]; p = c.parents[p] {
			c.answered[p] = true
		}
	}
}

func isRequest(kind uint8) bool { return kind == spanview.KindServer || kind == spanview.KindConsumer }

func isCall(kind uint8) bool { return kind == spanview.KindClient || kind == spanview.KindProducer }

// note counts a span of a service.
func (s *service) note(span *Span, orphan bool, e example) {
	s.spans.count++
	s.window.all++
	s.serves = s.serves || isRequest(span.Kind)
	if orphan {
		s.window.lacking++
		s.orphans[min(span.Parents, parents-1)].count++
		s.example = e
	}
}

func (t *traces) note(rooted, connected bool, e example) {
	t.window.all++
	if !connected {
		t.disconnected.count++
	}
	if !rooted {
		t.rootless.count++
		t.window.lacking++
		t.example = e
	}
}

// noteCall counts a call for its peer.
func (c *Coverage) noteCall(s *Span, answered bool, values []spanview.Value, e example) {
	key := c.peerSlots.resolve(values)
	if answered {
		if p := c.peers.byKey[key]; p != nil {
			p.answered++
		}
		return
	}
	known := len(c.peers.byKey)
	p := c.peers.enter(key)
	if p == nil {
		return
	}
	p.call(c.services.byNumber[s.Service], c.now, e)
	if len(c.peers.byKey) > known && c.services.isSilent(p) {
		c.peers.suspects++
	}
}
