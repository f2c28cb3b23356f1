package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// Recording is requests of one signal in the order in which they were sent.
type Recording struct {
	Signal send.Signal
	// JSON tells that bodies are JSON; else they are protobuf.
	JSON     bool
	Requests []Request
}

// Request is one encoded request.
type Request struct {
	Body []byte
	// At is when it was sent, Unix nanoseconds; 0 where that is not known.
	At int64
}

// Read reads name, a .jsonl.gz, from fsys, and the times beside it where there are any.
func Read(fsys fs.FS, name string) (*Recording, error) {
	r := &Recording{JSON: true}
	err := eachLine(fsys, name, func(line []byte) error {
		r.Requests = append(r.Requests, Request{Body: bytes.Clone(line)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(r.Requests) == 0 {
		return nil, fmt.Errorf("cannot replay %q: it has no lines", name)
	}
	if bytes.HasPrefix(r.Requests[0].Body, []byte(`{"resourceLogs"`)) {
		r.Signal = send.Logs
	}
	times := strings.TrimSuffix(name, ".jsonl.gz") + ".times.tsv.gz"
	if _, err := fs.Stat(fsys, times); err == nil {
		err := r.readTimes(fsys, times)
		return r, err
	}
	return r, nil
}

// readTimes reads the flush times: a header, then line number and Unix nanoseconds in the first two columns.
func (r *Recording) readTimes(fsys fs.FS, name string) error {
	n := -1
	err := eachLine(fsys, name, func(line []byte) error {
		if n++; n == 0 {
			return nil
		}
		cells := strings.Split(string(line), "\t")
		if len(cells) < 2 || n > len(r.Requests) {
			return fmt.Errorf("line %d of %q does not fit the recording", n+1, name)
		}
		at, err := strconv.ParseInt(cells[1], 10, 64)
		r.Requests[n-1].At = at
		return err
	})
	if err == nil && n != len(r.Requests) {
		err = fmt.Errorf("%q has %d times for %d requests", name, n, len(r.Requests))
	}
	return err
}

func eachLine(fsys fs.FS, name string, f func(line []byte) error) error {
	file, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", name, err)
	}
	lines := bufio.NewReaderSize(z, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			if err := f(line); err != nil {
				return fmt.Errorf("cannot read %q: %w", name, err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read %q: %w", name, err)
		}
	}
}

// Bytes is the size of all bodies.
func (r *Recording) Bytes() int {
	n := 0
	for i := range r.Requests {
		n += len(r.Requests[i].Body)
	}
	return n
}

// Last is the latest time of a request, 0 where times are not known.
func (r *Recording) Last() int64 {
	last := int64(0)
	for i := range r.Requests {
		last = max(last, r.Requests[i].At)
	}
	return last
}

// timeKey is what precedes every time in OTLP's JSON mapping.
var timeKey = []byte(`UnixNano":"`)

// Shift returns the recording, which must be JSON, moved in time: one constant is added to every time in it, so durations
// and ids stay as they are.
func (r *Recording) Shift(by time.Duration) (*Recording, error) {
	if !r.JSON {
		return nil, fmt.Errorf("cannot shift a recording that is not JSON")
	}
	out := &Recording{Signal: r.Signal, JSON: true, Requests: make([]Request, len(r.Requests))}
	for i, q := range r.Requests {
		body, err := shiftJSON(q.Body, int64(by))
		if err != nil {
			return nil, fmt.Errorf("cannot shift request %d: %w", i, err)
		}
		out.Requests[i].Body = body
		if q.At != 0 {
			out.Requests[i].At = q.At + int64(by)
		}
	}
	return out, nil
}

func shiftJSON(body []byte, by int64) ([]byte, error) {
	out := make([]byte, 0, len(body)+16)
	for {
		i := bytes.Index(body, timeKey)
		if i < 0 {
			return append(out, body...), nil
		}
		i += len(timeKey)
		out = append(out, body[:i]...)
		body = body[i:]
		end := bytes.IndexByte(body, '"')
		if end < 0 {
			return nil, fmt.Errorf("a time has no end")
		}
		at, err := strconv.ParseInt(string(body[:end]), 10, 64)
		if err != nil {
			return nil, err
		}
		if at != 0 {
			at += by
		}
		out = strconv.AppendInt(out, at, 10)
		body = body[end:]
	}
}

// Protobuf returns the recording with its bodies as protobuf.
func (r *Recording) Protobuf() (*Recording, error) {
	out := &Recording{Signal: r.Signal, Requests: make([]Request, len(r.Requests))}
	for i, q := range r.Requests {
		body := q.Body
		if r.JSON {
			var err error
			if body, err = toProtobuf(r.Signal, q.Body); err != nil {
				return nil, fmt.Errorf("cannot convert request %d: %w", i, err)
			}
		}
		out.Requests[i] = Request{Body: body, At: q.At}
	}
	return out, nil
}

func toProtobuf(signal send.Signal, body []byte) ([]byte, error) {
	if signal == send.Logs {
		req := plogotlp.NewExportRequest()
		if err := req.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		return req.MarshalProto()
	}
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	return req.MarshalProto()
}

// Decode returns the recording's traces, one for each request.
func (r *Recording) Decode() ([]ptrace.Traces, error) {
	if r.Signal != send.Traces {
		return nil, fmt.Errorf("cannot decode traces of a recording of %v", r.Signal)
	}
	out := make([]ptrace.Traces, len(r.Requests))
	for i, q := range r.Requests {
		req := ptraceotlp.NewExportRequest()
		decode := req.UnmarshalProto
		if r.JSON {
			decode = req.UnmarshalJSON
		}
		if err := decode(q.Body); err != nil {
			return nil, fmt.Errorf("cannot decode request %d: %w", i, err)
		}
		out[i] = req.Traces()
	}
	return out, nil
}

// LogRecords returns how many log records the recording has.
func (r *Recording) LogRecords() (int, error) {
	n := 0
	for i, q := range r.Requests {
		var ld plog.Logs
		var err error
		if r.JSON {
			ld, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(q.Body)
		} else {
			ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(q.Body)
		}
		if err != nil {
			return 0, fmt.Errorf("cannot decode request %d: %w", i, err)
		}
		n += ld.LogRecordCount()
	}
	return n, nil
}
