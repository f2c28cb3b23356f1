package dataset

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

var update = flag.Bool("update", false, "write the fixture anew")

// root is the repository's directory, seen from this package.
const root = "../.."

func TestFixtureIsWhatItsGeneratorMakes(t *testing.T) {
	if *update {
		writeFixture(t, "fixture")
	}
	dir := t.TempDir()
	writeFixture(t, dir)
	made, err := fs.Glob(os.DirFS(dir), "*")
	require.NoError(t, err)
	require.Len(t, made, 5)
	for _, name := range made {
		want, got := contents(t, filepath.Join(dir, name)), contents(t, filepath.Join("fixture", name))
		assert.True(t, bytes.Equal(want, got), "%s differs: run go test ./testbed/dataset -update", name)
	}
}

// contents returns what a file holds, decompressed: how well gzip compresses differs between versions of Go.
func contents(t *testing.T, path string) []byte {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	if filepath.Ext(path) != ".gz" {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	data, err = io.ReadAll(z)
	require.NoError(t, err)
	return data
}

// The truth files of every dataset say what its spans add up to, by another path than the one that wrote them.
func TestTruthFilesAgreeWithTheirRecordings(t *testing.T) {
	all, err := All(root)
	require.NoError(t, err)
	for _, d := range all {
		t.Run(d.Name, func(t *testing.T) {
			rec, err := d.Recording()
			require.NoError(t, err)
			if (raceDetector || testing.Short()) && rec.Bytes() > 20e6 {
				t.Skip("decoding a large recording takes long, and has nothing to race with")
			}
			want, err := d.RED()
			require.NoError(t, err)
			tds, err := rec.Decode()
			require.NoError(t, err)
			b := truth.NewBuilder(want.Bounds)
			for _, td := range tds {
				b.Add(td)
			}
			require.NoError(t, want.Diff(b.RED, 0))

			traces, err := d.Traces()
			require.NoError(t, err)
			require.Len(t, b.Traces, len(traces))
			kept := truth.Kept{}
			for id, w := range traces {
				got := b.Traces[id]
				require.NotNil(t, got)
				require.Equal(t, [...]any{w.Spans, w.Error, w.Extent()}, [...]any{got.Spans, got.Error, got.Extent()})
				// "Extent of at least 500 ms" and contrib's "more than 499 whole milliseconds" are the same.
				if got.KeptBy(499) {
					kept[id] = got.Spans
				}
			}
			checkSummary(t, d, b, len(kept))
			sampling, err := traces.Check(kept, 499)
			require.NoError(t, err)
			assert.Equal(t, truth.Sampling{Must: len(kept), MustKept: len(kept), Ordinary: len(traces) - len(kept)}, sampling)
		})
	}
}

func checkSummary(t *testing.T, d Dataset, b *truth.Builder, kept int) {
	sum, err := d.Summary()
	require.NoError(t, err)
	assert.EqualValues(t, sum.Spans, b.RED.Calls())
	assert.Len(t, b.Traces, sum.Traces)
	assert.Len(t, b.RED.Series, sum.REDSeries)
	assert.Equal(t, sum.KeptByExtentMS[strconv.Itoa(500)], kept)
	total := 0
	for _, sli := range sum.SLI {
		total += sli["total"]
	}
	assert.NotZero(t, total)
}

func TestFixtureHasItsCorners(t *testing.T) {
	sum, err := Fixture().Summary()
	require.NoError(t, err)
	assert.Equal(t, fixtureTraces, sum.Traces)
	assert.NotZero(t, sum.OrphanSpans)
	traces, err := Fixture().Traces()
	require.NoError(t, err)
	extents := map[int64]int{}
	for _, tr := range traces {
		extents[int64(tr.Extent())]++
	}
	for _, ns := range []int64{499_999_999, 500_000_000, 500_999_999, 100_000_000} {
		assert.NotZero(t, extents[ns], "extent of %d ns", ns)
	}
}
