package promserver

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/util/httputil"
	"github.com/prometheus/prometheus/util/notifications"
	api "github.com/prometheus/prometheus/web/api/v1"
)

const apiPrefix = "/api/v1"

// Bounds of remote read, Prometheus' own defaults.
const (
	remoteReadSamples     = 50_000_000
	remoteReadConcurrency = 10
	remoteReadFrameBytes  = 1 << 20
)

// nothing stands for what a Prometheus has that scrapes and notifies: this one does neither.
type nothing struct{}

func (nothing) ScrapePools() []string                                        { return nil }
func (nothing) TargetsActive() map[string][]*scrape.Target                   { return nil }
func (nothing) TargetsDropped() map[string][]*scrape.Target                  { return nil }
func (nothing) TargetsDroppedCounts() map[string]int                         { return nil }
func (nothing) ScrapePoolConfig(string) (*config.ScrapeConfig, error)        { return nil, nil }
func (nothing) Alertmanagers() []*url.URL                                    { return nil }
func (nothing) DroppedAlertmanagers() []*url.URL                             { return nil }
func (nothing) notifications() []notifications.Notification                  { return nil }
func (nothing) subscribe() (<-chan notifications.Notification, func(), bool) { return nil, nil, false }

// newHandler puts the API together the way Prometheus' own server does.
func (s *Server) newHandler(own *url.URL) http.Handler {
	var none nothing
	accepted := remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	a := api.NewAPI(
		s.engine, s.store, limited{s.store, s.store.limit}, s.store, s.store,
		func(context.Context) api.ScrapePoolsRetriever { return none },
		func(context.Context) api.TargetRetriever { return none },
		func(context.Context) api.AlertmanagerRetriever { return none },
		func() config.Config { return config.DefaultConfig }, map[string]string{},
		api.GlobalURLOptions{ListenAddress: own.Host, Host: own.Host, Scheme: own.Scheme},
		func(f http.HandlerFunc) http.HandlerFunc { return f },
		s.store, s.cfg.Directory,
		false, false, 0, // no admin API, no search
		slog.New(newPerSample(s.logger.Handler())),
		func(context.Context) api.RulesRetriever { return s.rules },
		remoteReadSamples, remoteReadConcurrency, remoteReadFrameBytes,
		false, // no agent
		nil,   // no CORS
		s.runtimeInfo,
		&api.PrometheusVersion{Version: Version, GoVersion: runtime.Version()},
		none.notifications, none.subscribe,
		s.registry, s.registry,
		nil,
		true, accepted,
		false, false, false, // no OTLP: the receiver of this process takes it
		false, // start timestamps are not written as zeros: senders write their own
		lookback,
		false, false,
		nil, nil, api.OpenAPIOptions{},
		parser.NewParser(parser.Options{}),
	)
	router := route.New().WithInstrumentation(func(_ string, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			next(w, r.WithContext(httputil.ContextWithPath(r.Context(), apiPrefix+r.URL.Path)))
		}
	})
	a.Register(router)
	mux := http.NewServeMux()
	mux.Handle(apiPrefix+"/", http.StripPrefix(apiPrefix, markLenient(router)))
	mux.Handle("/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("Prometheus Server is Healthy.\n"))
		})
	}
	return mux
}

// markLenient marks requests of remote write 1.0.
func markLenient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Content-Type"), string(remoteapi.WriteV2MessageType)) {
			r = r.WithContext(context.WithValue(r.Context(), lenient{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) runtimeInfo() (api.RuntimeInfo, error) {
	host, err := os.Hostname()
	return api.RuntimeInfo{
		StartTime: s.started, CWD: s.cfg.Directory, Hostname: host, ReloadConfigSuccess: true, LastConfigTime: s.started,
		GoroutineCount: runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0), GOMEMLIMIT: debug.SetMemoryLimit(-1),
		StorageRetention: s.cfg.RetentionTime.String(),
	}, err
}
