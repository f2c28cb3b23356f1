package spanpipe

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	otelsampling "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// anySpan is a span with everything that policies look at.
type anySpan struct {
	trace        pcommon.TraceID
	id           pcommon.SpanID
	service      string
	root, server bool
	start, end   uint64
	status       int
	flags        uint32
	state        string
	text         string // "": none
	number       int64  // 0: none
	flag         bool
	event        string // "": none
}

// anyTrace is a trace whose randomness is r, the least that its spans came with, or else that of its id. Its spans came with the
// threshold incoming, and mixed tells that with others too.
type anyTrace struct {
	id       pcommon.TraceID
	r        uint64
	incoming uint64
	mixed    bool
	spans    []anySpan
}

const randomnessMax = 1<<56 - 1

// randomTraces are traces that random policies match about as often as not.
func randomTraces(rng *rand.Rand, n int) []anyTrace {
	traces := make([]anyTrace, n)
	for i := range traces {
		t := &traces[i]
		binary.BigEndian.PutUint64(t.id[:], rng.Uint64())
		binary.BigEndian.PutUint64(t.id[8:], rng.Uint64())
		t.r = binary.BigEndian.Uint64(t.id[8:]) & randomnessMax
		for k := range 1 + rng.IntN(6) {
			start := uint64(1_700_000_000_000_000_000 + rng.IntN(30_000_000))
			s := anySpan{
				trace: t.id, service: one(rng, "a", "b", "c"), root: k == 0 && rng.IntN(4) > 0, server: rng.IntN(2) == 0,
				start: start, end: start + uint64(rng.IntN(30_000_000)), status: one(rng, 0, 0, 0, 1, 2), flags: one[uint32](rng, 0, 0x100, 0x101),
				text: one(rng, "", "", "x", "y", "xy"), number: int64(one(rng, 0, 0, 1, 2, 3, 4, 5)), flag: rng.IntN(6) == 0,
				event: one(rng, "", "", "", "exception", "retry"),
			}
			binary.BigEndian.PutUint64(s.id[:], rng.Uint64()|1)
			t.spans = append(t.spans, s)
		}
		t.stamp(rng)
	}
	return traces
}

// stamp gives the spans tracestates: of vendors, with randomness, with thresholds.
func (t *anyTrace) stamp(rng *rand.Rand) {
	th := ""
	var rvs []uint64 // spans of a trace may disagree
	if rng.IntN(3) == 0 {
		rvs = append(rvs, rng.Uint64N(randomnessMax+1), rng.Uint64N(randomnessMax+1))[:1+rng.IntN(2)]
	}
	least := uint64(randomnessMax + 1)
	if rng.IntN(3) == 0 {
		th = one(rng, "0", "8", "c", "f")
		given, _ := otelsampling.TValueToThreshold(th)
		t.incoming = given.Unsigned()
	}
	bare := -1 // the span that goes without
	if len(t.spans) > 1 && rng.IntN(2) == 0 {
		bare = rng.IntN(len(t.spans))
		t.mixed = th != ""
	}
	for i := range t.spans {
		var ot, entries []string
		if len(rvs) > 0 && i != bare {
			r := one(rng, rvs...)
			least = min(least, r)
			given, _ := otelsampling.UnsignedToRandomness(r)
			ot = append(ot, "rv:"+given.RValue())
		}
		if th != "" && i != bare {
			ot = append(ot, "th:"+th)
		}
		if v := one(rng, "", "", "1", "2"); v != "" {
			entries = append(entries, "vendor="+v)
		}
		if len(ot) > 0 {
			entries = append(entries, "ot="+strings.Join(ot, ";"))
		}
		rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		t.spans[i].state = strings.Join(entries, ",")
	}
	if len(rvs) > 0 {
		t.r = least
	}
}

// told returns the threshold that a tracestate tells.
func told(t *testing.T, state string) (threshold uint64, known bool) {
	if state == "" {
		return 0, false
	}
	w3c, err := otelsampling.NewW3CTraceState(state)
	require.NoError(t, err, state)
	th, known := w3c.OTelValue().TValueThreshold()
	return th.Unsigned(), known
}

// encode makes a request of spans, those of a service that stand together under one resource.
func encode(t *testing.T, spans []anySpan) []byte {
	td := ptrace.NewTraces()
	var list ptrace.SpanSlice
	for i := range spans {
		s := &spans[i]
		if i == 0 || spans[i-1].service != s.service {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", s.service)
			list = rs.ScopeSpans().AppendEmpty().Spans()
		}
		s.put(list.AppendEmpty())
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return b
}

func (s *anySpan) put(sp ptrace.Span) {
	sp.SetTraceID(s.trace)
	sp.SetSpanID(s.id)
	sp.SetName(fmt.Sprintf("op-%d", s.status))
	if s.root {
		sp.SetName("root")
	} else {
		sp.SetParentSpanID(pcommon.SpanID{9})
		if s.status == 2 {
			sp.SetName("inner")
		}
	}
	sp.SetKind(ptrace.SpanKindInternal)
	if s.server {
		sp.SetKind(ptrace.SpanKindServer)
	}
	sp.SetStartTimestamp(pcommon.Timestamp(s.start))
	sp.SetEndTimestamp(pcommon.Timestamp(s.end))
	sp.Status().SetCode(ptrace.StatusCode(s.status))
	sp.SetFlags(s.flags)
	sp.TraceState().FromRaw(s.state)
	if s.text != "" {
		sp.Attributes().PutStr("text", s.text)
	}
	if s.number != 0 {
		sp.Attributes().PutInt("number", s.number)
	}
	if s.flag {
		sp.Attributes().PutBool("flag", true)
	}
	if s.event != "" {
		sp.Events().AppendEmpty().SetName(s.event)
	}
}
