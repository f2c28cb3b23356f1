package slo

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// truthSLOs count every SERVER and CONSUMER span, as the truth files do, that name the span status alone as an error.
const truthSLOs = `
- {name: errors, service: "*", objective: 99, exclude_probes: false,
   errors: {http_status_codes: [], grpc_status_codes: [], span_status: always}}
- {name: le_100ms, service: "*", objective: 99, exclude_probes: false, latency: {threshold: 100ms}}
- {name: le_250ms, service: "*", objective: 99, exclude_probes: false, latency: {threshold: 250ms}}
- {name: le_500ms, service: "*", objective: 99, exclude_probes: false, latency: {threshold: 500ms}}
- {name: le_1000ms, service: "*", objective: 99, exclude_probes: false, latency: {threshold: 1s}}
`

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

func TestRecordedTrafficGivesItsTrueCounts(t *testing.T) {
	const lanes = 2
	for _, name := range []string{"opensearch-demo", "nezha-ts-gap", "nezha-ts"} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "nezha-ts" {
				t.Skip("long")
			}
			var truth struct {
				SLIs map[string]map[string]int `json:"sli_server_and_consumer_spans"`
			}
			require.NoError(t, json.NewDecoder(recorded(t, name+".truth.json")).Decode(&truth))
			require.NotEmpty(t, truth.SLIs)

			r := newRig(t, truthSLOs, lanes, nil)
			unzipped, err := gzip.NewReader(recorded(t, name+".jsonl.gz"))
			require.NoError(t, err)
			lines := bufio.NewScanner(unzipped)
			lines.Buffer(nil, 64<<20)
			for n := 0; lines.Scan(); n++ {
				td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
				require.NoError(t, err)
				r.observe(n%lanes, spansOf(td)...)
			}
			require.NoError(t, lines.Err())

			want := map[string]any{}
			for service, figures := range truth.SLIs {
				set := func(slo string, good int) {
					want[fmt.Sprintf("events{outcome=good service=%s slo=%s}", service, slo)] = good
					want[fmt.Sprintf("events{outcome=bad service=%s slo=%s}", service, slo)] = figures["total"] - good
				}
				set("errors", figures["total"]-figures["errors"])
				for _, slo := range []string{"le_100ms", "le_250ms", "le_500ms", "le_1000ms"} {
					set(slo, figures[slo])
				}
			}
			assert.Equal(t, want, only(r.flush(time.Minute), "events"))
		})
	}
}
