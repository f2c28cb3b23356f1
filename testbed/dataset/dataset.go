package dataset

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// FixtureName is the name of the dataset that is always there.
const FixtureName = "shop"

//go:embed fixture
var fixture embed.FS

// Dataset is a recording and its truth.
type Dataset struct {
	Name string
	fsys fs.FS
}

// Fixture returns the dataset of this project's own making.
func Fixture() Dataset {
	sub, err := fs.Sub(fixture, "fixture")
	if err != nil {
		// The name is a constant that is valid.
		panic(err)
	}
	return Dataset{Name: FixtureName, fsys: sub}
}

// Shared returns the recordings of real systems that lie beside the repository, in ../shared/data; none where that is
// absent. Only those with traces and their truth are returned; [SharedLogs] finds the others.
func Shared(root string) ([]Dataset, error) {
	return shared(root, ".red.tsv")
}

// SharedLogs returns the recordings of logs beside the repository; they have no truth.
func SharedLogs(root string) ([]Dataset, error) {
	return shared(root, "-logs.jsonl.gz")
}

func shared(root, suffix string) ([]Dataset, error) {
	dir := filepath.Join(root, "..", "shared", "data")
	found, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, err
	}
	var out []Dataset
	for _, path := range found {
		name := strings.TrimSuffix(filepath.Base(path), ".red.tsv")
		name = strings.TrimSuffix(name, ".jsonl.gz")
		out = append(out, Dataset{Name: name, fsys: os.DirFS(dir)})
	}
	return out, nil
}

// All returns the shared recordings and the fixture, the smallest first.
func All(root string) ([]Dataset, error) {
	found, err := Shared(root)
	return append([]Dataset{Fixture()}, found...), err
}

// Recording reads the requests.
func (d Dataset) Recording() (*replay.Recording, error) {
	return replay.Read(d.fsys, d.Name+".jsonl.gz")
}

// RED reads calls and durations of all spans.
func (d Dataset) RED() (*truth.RED, error) { return parse(d, ".red.tsv", truth.ParseRED) }

// Traces reads what is known of each trace.
func (d Dataset) Traces() (truth.Traces, error) { return parse(d, ".traces.tsv.gz", truth.ParseTraces) }

// Summary reads the totals.
func (d Dataset) Summary() (*truth.Summary, error) {
	return parse(d, ".truth.json", truth.ParseSummary)
}

func parse[T any](d Dataset, suffix string, read func(io.Reader) (T, error)) (T, error) {
	f, err := d.fsys.Open(d.Name + suffix)
	if err != nil {
		var none T
		return none, err
	}
	defer f.Close()
	v, err := read(f)
	if err != nil {
		err = fmt.Errorf("cannot read %q: %w", d.Name+suffix, err)
	}
	return v, err
}
