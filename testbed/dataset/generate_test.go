package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// The fixture: 400 traces of a shop of seven services over two minutes. Its corners are stated where they are made.
const (
	fixtureTraces = 400
	fixtureStart  = 1_760_000_000_000_000_000
	flushEvery    = 5 * time.Second
	flushSpans    = 64
)

// fixtureBounds are those of the recordings of real systems.
var fixtureBounds = []time.Duration{
	2e6, 4e6, 6e6, 8e6, 10e6, 50e6, 100e6, 200e6, 400e6, 800e6, 1000e6, 1400e6, 2000e6, 5000e6, 10000e6, 15000e6,
}

// modelSpan is a span before it is encoded.
type modelSpan struct {
	trace         truth.TraceID
	id, parent    pcommon.SpanID
	service, name string
	kind          ptrace.SpanKind
	isError       bool
	start, end    int64
	method, route string
	code          int
	lost          bool // never recorded: its children are orphans
}

// shop makes the fixture's spans.
type shop struct {
	rnd   *rand.Rand
	spans []modelSpan
}

func newShop() *shop {
	s := &shop{rnd: rand.New(rand.NewPCG(7, 7))}
	for i := range fixtureTraces {
		s.trace(i)
	}
	return s
}

// trace makes one trace: gateway -> orders -> (stock, payment -> bank over a slow CLIENT span), and a message to mail.
// Corners: extents of 499.999999, 500 and 500.999999 ms; a root faster than its trace; errors on inner spans only; a lost
// span in the middle (orphans) and a lost root; a duration of 0 and durations on a bucket's bound.
func (s *shop) trace(i int) {
	var id truth.TraceID
	for b := range id {
		id[b] = byte(s.rnd.Uint32())
	}
	at := fixtureStart + int64(i)*int64(300*time.Millisecond)
	extent := time.Duration(1+s.rnd.IntN(300)) * time.Millisecond
	switch i % 50 {
	case 3:
		extent = 499_999_999
	case 4:
		extent = 500_000_000
	case 5:
		extent = 500_999_999
	case 6:
		extent = 100_000_000
	case 7, 8:
		extent = time.Duration(700+s.rnd.IntN(2000)) * time.Millisecond
	}
	isError := i%40 == 11
	root := s.add(id, pcommon.SpanID{}, "gateway", "GET /orders/{id}", ptrace.SpanKindServer, at, at+int64(extent), false)
	call := s.inside(root, "gateway", "GET", ptrace.SpanKindClient, false)
	orders := s.inside(call, "orders", "GET /orders/{id}", ptrace.SpanKindServer, false)
	stock := s.inside(s.inside(orders, "orders", "GET", ptrace.SpanKindClient, isError), "stock", "GET /stock", ptrace.SpanKindServer, isError)
	s.inside(stock, "stock", "SELECT stock.items", ptrace.SpanKindClient, false)
	zero := s.inside(stock, "stock", "cache.lookup", ptrace.SpanKindInternal, false)
	s.spans[zero].end = s.spans[zero].start
	if i%3 == 0 {
		pay := s.inside(s.inside(orders, "orders", "POST", ptrace.SpanKindClient, false), "payment", "POST /payments", ptrace.SpanKindServer, false)
		bank := s.inside(pay, "payment", "POST", ptrace.SpanKindClient, i%60 == 21)
		if i%50 == 9 {
			// The call to the bank outlives the root: only the extent is slow.
			s.spans[bank].end = at + int64(1500*time.Millisecond)
		}
		s.inside(bank, "bank", "POST /transfers", ptrace.SpanKindServer, i%60 == 21)
	}
	if i%4 == 0 {
		sent := s.inside(orders, "orders", "mails publish", ptrace.SpanKindProducer, false)
		from := s.spans[sent].end
		s.add(id, s.spans[sent].id, "mail", "mails process", ptrace.SpanKindConsumer, from, from+int64(4*time.Millisecond), false)
	}
	switch i % 25 {
	case 13:
		s.spans[orders].lost = true
	case 14:
		s.spans[root].lost = true
	}
}

func (s *shop) add(trace truth.TraceID, parent pcommon.SpanID, service, name string, kind ptrace.SpanKind, start, end int64, isError bool) int {
	span := modelSpan{trace: trace, parent: parent, service: service, name: name, kind: kind, start: start, end: end, isError: isError}
	for b := range span.id {
		span.id[b] = byte(s.rnd.Uint32())
	}
	if kind == ptrace.SpanKindServer || kind == ptrace.SpanKindClient && !bytes.Contains([]byte(name), []byte("SELECT")) {
		span.method, span.code = "GET", 200
		if isError {
			span.code = 500
		}
	}
	if kind == ptrace.SpanKindServer {
		span.route = name[bytes.IndexByte([]byte(name), ' ')+1:]
	}
	s.spans = append(s.spans, span)
	return len(s.spans) - 1
}

// inside makes a child that lies within its parent.
func (s *shop) inside(parent int, service, name string, kind ptrace.SpanKind, isError bool) int {
	p := s.spans[parent]
	length := p.end - p.start
	start := p.start + s.rnd.Int64N(length/10+1)
	end := p.end - s.rnd.Int64N(length/10+1)
	return s.add(p.trace, p.id, service, name, kind, start, max(start, end), isError)
}

// recorded returns the spans that were not lost, in the order of their ends.
func (s *shop) recorded() []modelSpan {
	spans := slices.DeleteFunc(slices.Clone(s.spans), func(m modelSpan) bool { return m.lost })
	slices.SortStableFunc(spans, func(a, b modelSpan) int { return int(a.end - b.end) })
	return spans
}

// flushed is a request with the time at which its service sent it.
type flushed struct {
	at      int64
	service string
	spans   []modelSpan
}

// requests batches each service's spans as an SDK does: every 5 s, or when there are 64.
func (s *shop) requests() []flushed {
	open := map[string]*flushed{}
	var out []flushed
	flush := func(f *flushed, at int64) {
		f.at = at
		out = append(out, *f)
		delete(open, f.service)
	}
	for _, m := range s.recorded() {
		f := open[m.service]
		if f != nil && m.end-f.spans[0].end >= int64(flushEvery) {
			flush(f, f.spans[0].end+int64(flushEvery))
			f = nil
		}
		if f == nil {
			f = &flushed{service: m.service}
			open[m.service] = f
		}
		if f.spans = append(f.spans, m); len(f.spans) == flushSpans {
			flush(f, m.end)
		}
	}
	for _, f := range open {
		flush(f, f.spans[0].end+int64(flushEvery))
	}
	slices.SortFunc(out, func(a, b flushed) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return bytes.Compare([]byte(a.service), []byte(b.service))
	})
	return out
}

func (f flushed) encode(t *testing.T) []byte {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", f.service)
	rs.Resource().Attributes().PutStr("service.namespace", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("fixture")
	for _, m := range f.spans {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(m.trace)
		span.SetSpanID(m.id)
		span.SetParentSpanID(m.parent)
		span.SetName(m.name)
		span.SetKind(m.kind)
		span.SetStartTimestamp(pcommon.Timestamp(m.start))
		span.SetEndTimestamp(pcommon.Timestamp(m.end))
		if m.isError {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
		if m.method != "" {
			span.Attributes().PutStr("http.request.method", m.method)
			span.Attributes().PutInt("http.response.status_code", int64(m.code))
		}
		if m.route != "" {
			span.Attributes().PutStr("http.route", m.route)
		}
	}
	body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return body
}

// truth computes what the fixture's spans amount to, from the model alone.
func (s *shop) truth() (*truth.RED, truth.Traces, truth.Summary) {
	red, traces := truth.NewRED(fixtureBounds), truth.Traces{}
	sum := truth.Summary{SLI: map[string]map[string]int{}, KeptByExtentMS: map[string]int{}}
	recorded := map[pcommon.SpanID]bool{}
	for _, m := range s.recorded() {
		recorded[m.id] = true
	}
	kinds := map[ptrace.SpanKind]string{
		ptrace.SpanKindServer: "SERVER", ptrace.SpanKindClient: "CLIENT", ptrace.SpanKindInternal: "INTERNAL",
		ptrace.SpanKindProducer: "PRODUCER", ptrace.SpanKindConsumer: "CONSUMER",
	}
	for _, m := range s.recorded() {
		status := "UNSET"
		if m.isError {
			status = "ERROR"
			sum.ErrorSpans++
		}
		red.Observe(truth.Series{Service: m.service, Operation: m.name, Kind: kinds[m.kind], Status: status}, time.Duration(m.end-m.start), 1)
		traces.Span(m.trace, m.start, m.end, m.isError)
		sum.Spans++
		sum.DurationNS += uint64(m.end - m.start)
		if !m.parent.IsEmpty() && !recorded[m.parent] {
			sum.OrphanSpans++
		}
		if m.kind == ptrace.SpanKindServer || m.kind == ptrace.SpanKindConsumer {
			countSLI(sum.SLI, m)
		}
	}
	for _, t := range traces {
		if t.Error {
			sum.ErrorTraces++
		}
		for _, ms := range []int{50, 100, 200, 500, 1000} {
			if t.Error || t.Extent() >= time.Duration(ms)*time.Millisecond {
				sum.KeptByExtentMS[fmt.Sprint(ms)]++
			}
		}
	}
	sum.Requests, sum.Traces, sum.REDSeries = len(s.requests()), len(traces), len(red.Series)
	return red, traces, sum
}

func countSLI(sli map[string]map[string]int, m modelSpan) {
	of := sli[m.service]
	if of == nil {
		of = map[string]int{"total": 0, "errors": 0, "le_100ms": 0, "le_250ms": 0, "le_500ms": 0, "le_1000ms": 0}
		sli[m.service] = of
	}
	of["total"]++
	if m.isError {
		of["errors"]++
	}
	for _, ms := range []int64{100, 250, 500, 1000} {
		if m.end-m.start <= ms*int64(time.Millisecond) {
			of[fmt.Sprintf("le_%dms", ms)]++
		}
	}
}

// writeFixture writes all files of the fixture to dir.
func writeFixture(t *testing.T, dir string) {
	s := newShop()
	var lines, times bytes.Buffer
	times.WriteString("line\tflush_unix_nano\tresource\titems\n")
	for i, f := range s.requests() {
		lines.Write(append(f.encode(t), '\n'))
		fmt.Fprintf(&times, "%d\t%d\t%s\t%d\n", i, f.at, f.service, len(f.spans))
	}
	red, traces, sum := s.truth()
	var redOut, tracesOut bytes.Buffer
	require.NoError(t, truth.WriteRED(&redOut, red))
	require.NoError(t, truth.WriteTraces(&tracesOut, traces))
	sumOut, err := json.MarshalIndent(sum, "", " ")
	require.NoError(t, err)
	for suffix, data := range map[string][]byte{
		".jsonl.gz": zipped(t, lines.Bytes()), ".times.tsv.gz": zipped(t, times.Bytes()),
		".red.tsv": redOut.Bytes(), ".traces.tsv.gz": tracesOut.Bytes(), ".truth.json": append(sumOut, '\n'),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, FixtureName+suffix), data, 0o644))
	}
}

func zipped(t *testing.T, data []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}
