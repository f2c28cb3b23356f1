package red

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// sharedData returns the folder of recorded traffic, which lies beside the repository, and skips the test where it isn't.
func sharedData(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		data := filepath.Join(dir, "..", "shared", "data")
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		if _, err := os.Stat(data); err == nil {
			return data
		}
		break
	}
	t.Skip("no ../shared/data")
	return ""
}

// replay counts the requests of a file, over two lanes, with a flush every hundred.
func replay(t *testing.T, r *rig, read *reader, path string) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewReaderSize(unzipped, 1<<20)
	for n := 0; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		require.NoError(t, err)
		r.observe(t, n%2, traces)
		if n%100 == 99 {
			read.read(r.flush(time.Duration(n) * time.Second))
		}
	}
	read.read(r.flush(24 * time.Hour))
}

func TestRecordedTrafficGivesTheFiguresOfItsTruth(t *testing.T) {
	for _, name := range []string{"opensearch-demo", "nezha-ts-gap"} {
		t.Run(name, func(t *testing.T) {
			data := sharedData(t)
			cfg := DefaultConfig()
			cfg.SeriesExpiration = 0
			r := newRig(t, cfg, Options{Lanes: 2})
			read := newReader(t)
			replay(t, r, read, filepath.Join(data, name+".jsonl.gz"))
			truth, err := os.ReadFile(filepath.Join(data, name+".red.tsv"))
			require.NoError(t, err)
			rows := strings.Split(strings.TrimSpace(string(truth)), "\n")
			header := strings.Split(rows[0], "\t")
			for _, row := range rows[1:] {
				checkRow(t, read, header, strings.Split(row, "\t"))
			}
			assert.Equal(t, len(rows)-1, r.Stats().Series)
		})
	}
}

// checkRow compares one series: service, operation, kind, status, count, sum and maximum in nanoseconds, and the counts at
// the bounds that the header names.
func checkRow(t *testing.T, read *reader, header, row []string) {
	t.Helper()
	labels := map[string]string{
		"job": row[0], "service.name": row[0], "span.name": row[1], "instance": "gateway-0",
		"span.kind": "SPAN_KIND_" + row[2], "status.code": "STATUS_CODE_" + row[3],
	}
	number := func(column int) float64 {
		v, err := strconv.ParseFloat(row[column], 64)
		require.NoError(t, err)
		return v
	}
	const name = "traces.span.metrics."
	require.InDelta(t, number(4), read.increase(name+"calls"+labelsText(labels)), 0, row)
	require.InDelta(t, number(4), read.increase(name+"duration_count"+labelsText(labels)), 0, row)
	sum := number(5) / 1e6
	require.InDelta(t, sum, read.increase(name+"duration_sum"+labelsText(labels)), 1e-9*math.Abs(sum), row)
	for i := 7; i < len(header); i++ {
		labels["le"] = "+Inf"
		if bound, ok := strings.CutSuffix(strings.TrimPrefix(header[i], "le_"), "ms"); ok {
			labels["le"] = bound
		}
		key := name + "duration_bucket" + labelsText(labels)
		require.Contains(t, read.samples, key)
		require.InDelta(t, number(i), read.increase(key), 0, fmt.Sprint(header[i], row))
	}
}
