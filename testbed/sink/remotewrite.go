package sink

import (
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/golang/snappy"
)

// RemoteWrite is a sink of Prometheus remote write, 1.0 and 2.0, on any path.
type RemoteWrite struct {
	*listener
	faults

	mu       sync.Mutex // protects what follows
	series   map[string]*Series
	stats    RemoteWriteStats
	metadata map[string]Metadata
}

// RemoteWriteStats is what a sink received.
type RemoteWriteStats struct {
	// Requests1 and Requests2 are the accepted requests of either version, Invalid those that could not be read.
	Requests1, Requests2, Invalid uint64
	// Samples counts floats, Histograms native histograms, Exemplars exemplars.
	Samples, Histograms, Exemplars uint64
	// OutOfOrder counts samples older than one of their series before, Repeated those of the same time.
	OutOfOrder, Repeated uint64
	// LastInvalid says what was wrong with the last invalid request.
	LastInvalid string
}

// Metadata is what was said of a metric.
type Metadata struct {
	Type, Help, Unit string
}

// NewRemoteWrite returns a sink that listens on an address; empty: on a free port of 127.0.0.1.
func NewRemoteWrite(address string) (*RemoteWrite, error) {
	s := &RemoteWrite{series: map[string]*Series{}, metadata: map[string]Metadata{}}
	var err error
	s.listener, err = open(address, s.serve)
	return s, err
}

// URL is where the sink takes remote write.
func (s *RemoteWrite) URL() string { return "http://" + s.Address() + "/api/v1/write" }

// Stats returns what was received so far.
func (s *RemoteWrite) Stats() RemoteWriteStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Series returns all series received so far by their labels as [Series.Key] writes them. They are copies.
func (s *RemoteWrite) Series() map[string]Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]Series, len(s.series))
	for k, v := range s.series {
		out[k] = *v
	}
	return out
}

// Metadata returns what was said of each metric family.
func (s *RemoteWrite) Metadata() map[string]Metadata {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.metadata)
}

func (s *RemoteWrite) serve(l net.Listener) func() {
	server := &http.Server{Handler: s}
	go func() {
		// Serve returns when Close is called, and has nothing else to say of a listener that works.
		_ = server.Serve(l)
	}()
	return func() { _ = server.Close() }
}

// ServeHTTP takes one remote-write request.
func (s *RemoteWrite) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if fault := s.enter(); fault.Refuse {
		if fault.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(fault.RetryAfter.Seconds())))
		}
		code := http.StatusServiceUnavailable
		if fault.Permanent {
			code = http.StatusBadRequest
		}
		http.Error(w, "the sink refuses", code)
		return
	}
	if err := s.take(w, req); err != nil {
		s.mu.Lock()
		s.stats.Invalid++
		s.stats.LastInvalid = err.Error()
		s.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *RemoteWrite) take(w http.ResponseWriter, req *http.Request) error {
	if enc := req.Header.Get("Content-Encoding"); enc != "snappy" {
		return fmt.Errorf("content encoding is %q, want snappy", enc)
	}
	compressed, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	body, err := snappy.Decode(nil, compressed)
	if err != nil {
		return err
	}
	media, params, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || media != "application/x-protobuf" {
		return fmt.Errorf("content type is %q, want application/x-protobuf", req.Header.Get("Content-Type"))
	}
	var got []received
	var metadata map[string]Metadata
	version2 := params["proto"] == "io.prometheus.write.v2.Request"
	if version2 {
		got, metadata, err = decode2(body)
	} else {
		got, metadata, err = decode1(body)
	}
	if err != nil {
		return err
	}
	samples, histograms, exemplars := s.fold(got, metadata, version2)
	if version2 {
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(samples))
		w.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(histograms))
		w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(exemplars))
	}
	return nil
}

// fold adds what one request held to the series.
func (s *RemoteWrite) fold(got []received, metadata map[string]Metadata, version2 bool) (samples, histograms, exemplars int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range got {
		r := &got[i]
		key := labelKey(r.labels)
		series := s.series[key]
		if series == nil {
			series = &Series{Labels: r.labels}
			s.series[key] = series
		}
		for _, sample := range r.samples {
			outOfOrder, repeated := series.add(sample)
			s.stats.OutOfOrder += outOfOrder
			s.stats.Repeated += repeated
			if sample.Histogram != nil {
				histograms++
			} else {
				samples++
			}
		}
		series.Exemplars = append(series.Exemplars, r.exemplars...)
		exemplars += len(r.exemplars)
	}
	maps.Copy(s.metadata, metadata)
	s.stats.Samples += uint64(samples)
	s.stats.Histograms += uint64(histograms)
	s.stats.Exemplars += uint64(exemplars)
	if version2 {
		s.stats.Requests2++
	} else {
		s.stats.Requests1++
	}
	return samples, histograms, exemplars
}
