package promserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
)

// Version is the version of Prometheus that is inside.
const Version = "3.14.0"

// lookback is how old a sample may be that an instant query returns, Prometheus' default.
const lookback = 5 * time.Minute

// Server is a Prometheus.
type Server struct {
	cfg      Config
	logger   *slog.Logger
	registry *prometheus.Registry
	started  time.Time

	store   *store
	engine  *promql.Engine
	rules   *rules.Manager
	handler http.Handler
	running sync.WaitGroup
	stop    context.CancelFunc
}

// Open opens the storage and starts evaluating rules. address is where Handler will be reached, as "host:port".
func Open(cfg Config, address string, logger *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, logger: logger, registry: prometheus.NewRegistry(), started: time.Now()}
	files, err := s.ruleFiles()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Directory, 0o777); err != nil {
		return nil, fmt.Errorf("cannot make directory %q: %w", cfg.Directory, err)
	}
	if err := tryToWrite(cfg.Directory); err != nil {
		return nil, fmt.Errorf("cannot write to directory %q: %w", cfg.Directory, err)
	}
	if s.store, err = openStore(&cfg, logger, s.registry); err != nil {
		return nil, err
	}
	queries, err := promql.NewActiveQueryTracker(cfg.Directory, cfg.QueryConcurrency, logger)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot note queries in %q: %w", cfg.Directory, err), s.store.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	own := &url.URL{Scheme: "http", Host: address}
	s.engine = promql.NewEngine(s.engineOptions(queries))
	s.rules = rules.NewManager(s.ruleOptions(ctx, own))
	if err := s.rules.Update(cfg.EvaluationInterval, files, labels.EmptyLabels(), own.String(), nil); err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("cannot read rule files: %w", err), s.closeStore())
	}
	s.handler = s.counted(s.newHandler(own))
	s.running.Go(s.rules.Run)
	return s, nil
}

// probeSize is what a disk must have room for at the start: a few pages of the log.
const probeSize = 128 << 10

// tryToWrite finds out at once what the first write to the log would find out later.
func tryToWrite(directory string) error {
	f, err := os.Create(filepath.Join(directory, "probe"))
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// Handler is the HTTP API, /api/v1/…, with /-/healthy and /-/ready, and /metrics of this Prometheus itself.
func (s *Server) Handler() http.Handler { return s.handler }

// Close stops rules, waits for requests that are under way, and closes the storage. No request may come any more.
func (s *Server) Close() error {
	s.stop() // a rule's query under way ends
	s.rules.Stop()
	s.running.Wait()
	return s.closeStore()
}

// counted lets Close wait for requests: a query that outlives the storage would read unmapped memory.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.Add(1)
		defer s.running.Done()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) closeStore() error {
	return errors.Join(s.engine.Close(), s.store.Close()) // the engine closes the tracker of queries
}

// ruleFiles returns the files that the globs find.
func (s *Server) ruleFiles() ([]string, error) {
	var files []string
	for _, glob := range s.cfg.RuleFiles {
		found, err := filepath.Glob(glob)
		if err != nil {
			return nil, fmt.Errorf("cannot use rule_files %q: %w", glob, err)
		}
		files = append(files, found...)
	}
	return files, nil
}

func (s *Server) engineOptions(queries promql.QueryTracker) promql.EngineOpts {
	return promql.EngineOpts{
		Logger:                   s.logger,
		Reg:                      s.registry,
		MaxSamples:               s.cfg.QuerySamplesMax,
		Timeout:                  s.cfg.QueryTimeout,
		ActiveQueryTracker:       queries,
		LookbackDelta:            lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return s.cfg.EvaluationInterval.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   parser.NewParser(parser.Options{}),
	}
}

// Prometheus' own defaults for alerts: how long an outage may be for their state to be restored, how long they stay pending
// after that.
const (
	outageTolerance = time.Hour
	forGracePeriod  = 10 * time.Minute
	resendDelay     = time.Minute
)

func (s *Server) ruleOptions(ctx context.Context, own *url.URL) *rules.ManagerOptions {
	return &rules.ManagerOptions{
		Appendable:             limited{s.store, s.store.limit},
		Queryable:              s.store,
		QueryFunc:              rules.EngineQueryFunc(s.engine, s.store),
		NotifyFunc:             func(context.Context, string, ...*rules.Alert) {}, // alerts are seen by the API
		Context:                ctx,
		ExternalURL:            own,
		Registerer:             s.registry,
		Logger:                 slog.New(newPerSample(s.logger.Handler())),
		OutageTolerance:        outageTolerance,
		ForGracePeriod:         forGracePeriod,
		ResendDelay:            resendDelay,
		DefaultRuleQueryOffset: func() time.Duration { return 0 },
		Parser:                 parser.NewParser(parser.Options{}),
	}
}

// Stats is what is held, and what was refused since the start.
type Stats struct {
	Series, SeriesMax int64
	RefusedSamples    uint64
	// Bytes is what blocks, log and head chunks take in the directory.
	Bytes int64
}

// Stats returns the figures of this moment.
func (s *Server) Stats() Stats {
	st := Stats{
		Series: int64(s.store.Head().NumSeries()), SeriesMax: s.store.limit.max, RefusedSamples: s.store.limit.refused.Load(),
		Bytes: s.store.Head().Size(),
	}
	for _, b := range s.store.Blocks() {
		st.Bytes += b.Size()
	}
	return st
}
