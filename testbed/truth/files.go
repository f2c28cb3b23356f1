package truth

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The columns of a .red.tsv before its bounds, and of a .traces.tsv.gz.
const (
	redColumns   = "service\toperation\tkind\tstatus\tcount\tduration_ns_sum\tduration_ns_max"
	traceColumns = "trace_id\tspans\tservices\troot_service\troot_operation\troot_duration_ns\textent_ns\terror\terror_spans\trequests\tfirst_line\tlast_line"
)

// ParseRED reads a .red.tsv: a header with the bounds ("le_2ms" ... "le_inf"), then one series a line with cumulative counts.
func ParseRED(rd io.Reader) (*RED, error) {
	lines := bufio.NewScanner(rd)
	if !lines.Scan() {
		return nil, fmt.Errorf("no header: %w", cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
	}
	bounds, err := parseBounds(lines.Text())
	if err != nil {
		return nil, err
	}
	r := NewRED(bounds)
	for n := 2; lines.Scan(); n++ {
		cells := strings.Split(lines.Text(), "\t")
		if len(cells) != 7+len(bounds)+1 {
			return nil, fmt.Errorf("line %d has %d columns, want %d", n, len(cells), 7+len(bounds)+1)
		}
		numbers, err := parseNumbers(cells[4:])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		c := r.At(Series{Service: cells[0], Operation: cells[1], Kind: cells[2], Status: cells[3]})
		c.Calls, c.Observations = numbers[0], numbers[0]
		c.SumNanos = float64(numbers[1])
		c.Cumulative = numbers[3:]
	}
	return r, lines.Err()
}

func parseBounds(header string) ([]time.Duration, error) {
	rest, ok := strings.CutPrefix(header, redColumns+"\t")
	if !ok {
		return nil, fmt.Errorf("header is %q, want %q and bounds", header, redColumns)
	}
	var bounds []time.Duration
	for name := range strings.SplitSeq(rest, "\t") {
		if name == "le_inf" {
			return bounds, nil
		}
		d, err := time.ParseDuration(strings.TrimPrefix(name, "le_"))
		if err != nil {
			return nil, fmt.Errorf("bound %q: %w", name, err)
		}
		bounds = append(bounds, d)
	}
	return nil, fmt.Errorf("the last bound must be le_inf")
}

func parseNumbers(cells []string) ([]uint64, error) {
	numbers := make([]uint64, len(cells))
	for i, cell := range cells {
		n, err := strconv.ParseUint(cell, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers[i] = n
	}
	return numbers, nil
}

// WriteRED writes the contents of a .red.tsv, series in order; the column of maxima is 0, it is not known here.
func WriteRED(w io.Writer, r *RED) error {
	out := bufio.NewWriter(w)
	out.WriteString(redColumns)
	for _, b := range r.Bounds {
		fmt.Fprintf(out, "\tle_%dms", b.Milliseconds())
	}
	out.WriteString("\tle_inf\n")
	for _, s := range sortedKeys(r.Series) {
		c := r.Series[s]
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%d\t%.0f\t0", s.Service, s.Operation, s.Kind, s.Status, c.Calls, c.SumNanos)
		for _, n := range c.Cumulative {
			fmt.Fprintf(out, "\t%d", n)
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}

// ParseTraces reads the contents of a .traces.tsv.gz: spans, extent and error of each trace.
func ParseTraces(rd io.Reader) (Traces, error) {
	z, err := gzip.NewReader(rd)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(z)
	if !lines.Scan() || lines.Text() != traceColumns {
		return nil, fmt.Errorf("header is %q, want %q", lines.Text(), traceColumns)
	}
	columns := strings.Count(traceColumns, "\t") + 1
	ts := Traces{}
	for n := 2; lines.Scan(); n++ {
		cells := strings.Split(lines.Text(), "\t")
		if len(cells) != columns {
			return nil, fmt.Errorf("line %d has %d columns, want %d", n, len(cells), columns)
		}
		var id TraceID
		if n, err := hex.Decode(id[:], []byte(cells[0])); err != nil || n != len(id) {
			return nil, fmt.Errorf("line %d: trace id %q is not 32 hex digits", n, cells[0])
		}
		numbers, err := parseNumbers([]string{cells[1], cells[6], cells[7]})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		ts[id] = &Trace{Spans: int(numbers[0]), Duration: time.Duration(numbers[1]), Error: numbers[2] == 1}
	}
	return ts, lines.Err()
}

// WriteTraces writes the contents of a .traces.tsv.gz, traces in order of their ids. Columns that are not known here are
// empty, -1 or 0.
func WriteTraces(w io.Writer, ts Traces) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	ids := make([]TraceID, 0, len(ts))
	for id := range ts {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b TraceID) int { return slices.Compare(a[:], b[:]) })
	fmt.Fprintln(z, traceColumns)
	for _, id := range ids {
		t := ts[id]
		isError := 0
		if t.Error {
			isError = 1
		}
		fmt.Fprintf(z, "%x\t%d\t0\t\t\t-1\t%d\t%d\t0\t0\t0\t0\n", id, t.Spans, int64(t.Extent()), isError)
	}
	return z.Close()
}

// Summary is the part of a .truth.json that tests use.
type Summary struct {
	Requests       int            `json:"requests"`
	Spans          int            `json:"spans"`
	ErrorSpans     int            `json:"error_spans"`
	DurationNS     uint64         `json:"duration_ns_sum"`
	Traces         int            `json:"traces"`
	ErrorTraces    int            `json:"error_traces"`
	OrphanSpans    int            `json:"orphan_spans"`
	REDSeries      int            `json:"red_series"`
	KeptByExtentMS map[string]int `json:"traces_error_or_extent_ge_ms"`
	// SLI is per service: total, errors, and how many durations are at most some bounds, of SERVER and CONSUMER spans.
	SLI map[string]map[string]int `json:"sli_server_and_consumer_spans"`
}

// ParseSummary reads a .truth.json.
func ParseSummary(rd io.Reader) (*Summary, error) {
	var s Summary
	return &s, json.NewDecoder(rd).Decode(&s)
}
