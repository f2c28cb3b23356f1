package spanpipe

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/coverage"
	"github.com/otelcol-slo/otelcol-slo/internal/flush"
)

// recorded opens a file of recorded traffic, or skips the test where there is none.
func recorded(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no recorded traffic: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// takeAll puts a file's requests through an engine and has all its traces decided.
func takeAll(t *testing.T, e *Engine, name string) {
	t.Helper()
	unzipped, err := gzip.NewReader(recorded(t, name+".jsonl.gz"))
	require.NoError(t, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
		require.NoError(t, err)
		request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		r, err := e.NewRequest(len(request), e.start)
		require.NoError(t, err)
		copy(r.Body(), request)
		_, err = r.Accept(e.start)
		require.NoError(t, err)
	}
	require.NoError(t, lines.Err())
	for _, held := e.buf.Tally(); held.Undecided > 0; _, held = e.buf.Tally() {
		e.tick(e.start.Add(time.Minute))
		for b := e.out.next(); b != nil; b = e.out.next() {
			e.out.done(b)
		}
	}
}

// truth is what the files beside the recorded traffic say of coverage.
type truth struct {
	Traces       int            `json:"traces"`
	Rootless     int            `json:"traces_without_root"`
	Disconnected int            `json:"traces_with_orphans"`
	Orphans      map[string]int `json:"orphan_spans_by_service"`
	Services     map[string]int `json:"services"`
	Silent       []string       `json:"silent_peers"`
}

func TestCoverageOfRecordedTrafficIsTheTruth(t *testing.T) {
	for _, name := range []string{"opensearch-demo", "nezha-ts-gap", "nezha-ts"} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "nezha-ts" {
				t.Skip("long")
			}
			var want truth
			require.NoError(t, json.NewDecoder(recorded(t, name+".truth.json")).Decode(&want))
			require.NotEmpty(t, want.Services)
			cfg := DefaultConfig()
			cfg.Coverage.SpansPerSecondMax, cfg.Coverage.OpenAfter = 0, 0
			e, err := New(Settings{
				Config: cfg, Limits: MemoryLimits{Buffers: 1024 * mib}, WriterID: "test", Start: time.Now(),
				SendTraces: func(context.Context, []byte, int) error { return nil },
			})
			require.NoError(t, err)
			defer e.Close()
			takeAll(t, e, name)
			md, _ := e.Flush(e.start.Add(time.Minute))
			require.Equal(t, want, coverageOf(md))
		})
	}
}

// coverageOf reads what coverage counted.
func coverageOf(md pmetric.Metrics) truth {
	got := truth{Orphans: map[string]int{}, Services: map[string]int{}, Silent: []string{}}
	each := func(m pmetric.Metric, see func(label func(string) string, value int)) {
		for _, dp := range flush.PointsOf(m).All() {
			see(func(key string) string {
				v, ok := dp.Attributes().Get(key)
				if !ok {
					return ""
				}
				return v.Str()
			}, int(dp.IntValue()))
		}
	}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			if sm.Scope().Name() != coverage.ScopeName {
				continue
			}
			for _, m := range sm.Metrics().All() {
				each(m, func(label func(string) string, value int) {
					switch m.Name() {
					case "observability.coverage.traces":
						got.Traces += value
					case "observability.coverage.rootless_traces":
						got.Rootless += value
					case "observability.coverage.disconnected_traces":
						got.Disconnected += value
					case "observability.coverage.orphan_spans":
						got.Orphans[label("service.name")] += value
					case "observability.coverage.spans":
						got.Services[label("service.name")] += value
					case "observability.gap.open":
						if label("gap.kind") == "silent_peer" {
							got.Silent = append(got.Silent, label("gap.subject"))
						}
					}
				})
			}
		}
	}
	return got
}
