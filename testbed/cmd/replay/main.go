// Command replay sends a recording (FILE.jsonl.gz, OTLP's JSON mapping, one request a line) to an OTLP endpoint.
//
//	replay -to http://127.0.0.1:4318 FILE.jsonl.gz              JSON, as fast as possible, one request after another
//	replay -to grpc://127.0.0.1:4317 -speed 1 -now FILE...      protobuf over gRPC, at the recorded pace, as if it were now
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

type settings struct {
	to, encoding string
	speed        float64
	maxGap       time.Duration
	now          bool
	whenEnded    time.Duration
	workers      int
	retry, gzip  bool
}

func main() {
	var s settings
	flag.StringVar(&s.to, "to", "http://127.0.0.1:4318", "`target`: grpc://host:port or http://host:port")
	flag.StringVar(&s.encoding, "encoding", "", "json or protobuf (default: json over http, protobuf over grpc)")
	flag.Float64Var(&s.speed, "speed", 0, "1 keeps the recorded pace, 2 doubles it; 0 sends as fast as possible")
	flag.DurationVar(&s.maxGap, "max-gap", 10*time.Second, "cut recorded gaps without requests to this length")
	flag.BoolVar(&s.now, "now", false, "move all times by one constant, so that the last request was sent now")
	flag.DurationVar(&s.whenEnded, "when-ended", 0, "send every span when it ended instead of in the recorded requests, in steps of this `length`")
	flag.IntVar(&s.workers, "workers", 1, "requests under way at once; more than 1 does not keep their order")
	flag.BoolVar(&s.retry, "retry", false, "send refused requests again until they are accepted")
	flag.BoolVar(&s.gzip, "gzip", false, "compress requests")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, files []string) error {
	if len(files) == 0 {
		return errors.New("name at least one FILE.jsonl.gz")
	}
	if s.encoding == "" {
		s.encoding = "json"
		if strings.HasPrefix(s.to, "grpc:") {
			s.encoding = "protobuf"
		}
	}
	contentType := map[string]string{"json": send.ContentJSON, "protobuf": send.ContentProtobuf}[s.encoding]
	if contentType == "" {
		return fmt.Errorf("encoding must be json or protobuf (got %q)", s.encoding)
	}
	if strings.HasPrefix(s.to, "grpc:") && s.encoding == "json" {
		return errors.New("OTLP/gRPC is protobuf only")
	}
	sender, err := send.Dial(s.to, contentType, s.workers, s.gzip)
	if err != nil {
		return err
	}
	defer sender.Close()
	for _, file := range files {
		if err := play(ctx, s, sender, file); err != nil {
			return fmt.Errorf("cannot replay %q: %w", file, err)
		}
	}
	return nil
}

func play(ctx context.Context, s settings, sender send.Sender, file string) error {
	rec, err := prepare(s, file)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d requests, %.1f MB\n", file, len(rec.Requests), float64(rec.Bytes())/1e6)
	result, err := replay.Send(ctx, rec, sender, replay.Options{
		Speed: s.speed, MaxGap: s.maxGap, Workers: s.workers, Retry: s.retry, Progress: replay.Bar(os.Stderr),
	})
	fmt.Println(result)
	return errors.Join(err, result.Err(rec))
}

// prepare reads a recording and puts it into the form in which it is to be sent.
func prepare(s settings, file string) (*replay.Recording, error) {
	rec, err := replay.Read(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		return nil, err
	}
	if s.now {
		if rec.Last() == 0 {
			return nil, errors.New("it has no .times.tsv.gz beside it, which -now needs")
		}
		if rec, err = rec.Shift(time.Since(time.Unix(0, rec.Last()))); err != nil {
			return nil, err
		}
	}
	if s.whenEnded > 0 {
		tds, err := rec.Decode()
		if err != nil {
			return nil, err
		}
		if rec, err = replay.WhenEnded(tds, s.whenEnded); err != nil {
			return nil, err
		}
	}
	if s.encoding == "protobuf" {
		return rec.Protobuf()
	}
	if !rec.JSON {
		return nil, errors.New("-when-ended sends protobuf only, add -encoding protobuf")
	}
	return rec, nil
}
