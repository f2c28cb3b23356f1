package sink

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/golang/snappy"
)

// Tally is a sink of Prometheus remote write for measurements: it answers 204 at once, counts what it is sent, and keeps the
// requests as they came, to be read when nothing is measured any more ([Tally.Audit]).
type Tally struct {
	*listener
	samples, bytes, requests, invalid atomic.Uint64

	mu   sync.Mutex // protects kept
	kept []keptRequest
}

// keptRequest is a compressed body and its version.
type keptRequest struct {
	body     []byte
	version2 bool
}

// NewTally returns a tally that listens on a free port of 127.0.0.1.
func NewTally() (*Tally, error) {
	s := &Tally{}
	var err error
	s.listener, err = open("", s.serve)
	return s, err
}

// URL is where the sink takes remote write.
func (s *Tally) URL() string { return "http://" + s.Address() + "/api/v1/write" }

// TallyCounts are what a tally has received.
type TallyCounts struct {
	// Samples are floats of all series but target_info, repeated ones included.
	Samples uint64
	// Bytes are those of request bodies as they came, compressed.
	Bytes uint64
	// Requests were taken, Invalid ones refused.
	Requests, Invalid uint64
}

// Counts returns what was received so far; it costs nothing.
func (s *Tally) Counts() TallyCounts {
	return TallyCounts{Samples: s.samples.Load(), Bytes: s.bytes.Load(), Requests: s.requests.Load(), Invalid: s.invalid.Load()}
}

func (s *Tally) serve(l net.Listener) func() {
	server := &http.Server{Handler: s}
	go func() {
		// Serve returns when Close is called, and has nothing else to say of a listener that works.
		_ = server.Serve(l)
	}()
	return func() { _ = server.Close() }
}

var inflated = sync.Pool{New: func() any { return new([]byte) }}

// ServeHTTP takes one remote-write request.
func (s *Tally) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r := keptRequest{version2: strings.Contains(req.Header.Get("Content-Type"), "io.prometheus.write.v2.Request")}
	counts, err := s.read(&r, req)
	if err != nil {
		s.invalid.Add(1)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.version2 {
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(counts.samples+counts.info))
		w.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(counts.histograms))
		w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(counts.exemplars))
	}
	w.WriteHeader(http.StatusNoContent)
	s.mu.Lock()
	s.kept = append(s.kept, r)
	s.mu.Unlock()
	s.requests.Add(1)
	s.bytes.Add(uint64(len(r.body)))
	s.samples.Add(uint64(counts.samples))
}

func (s *Tally) read(r *keptRequest, req *http.Request) (scanned, error) {
	if req.ContentLength < 0 {
		return scanned{}, fmt.Errorf("the request does not say its length")
	}
	r.body = make([]byte, req.ContentLength)
	if _, err := io.ReadFull(req.Body, r.body); err != nil {
		return scanned{}, err
	}
	buffer := inflated.Get().(*[]byte)
	defer inflated.Put(buffer)
	var err error
	if *buffer, err = snappy.Decode((*buffer)[:cap(*buffer)], r.body); err != nil {
		return scanned{}, err
	}
	return scan(*buffer, r.version2, nil)
}

// Audit is what the kept requests hold when they are read whole.
type Audit struct {
	// Series is the number of different series, target_info apart.
	Series int
	// Set is the same for two equal sets of series, in whichever version and order they came.
	Set uint64
	// Distinct is the number of different pairs of a series and one of the times asked for; Repeated counts those that came
	// again, Stray samples of other times.
	Distinct, Repeated, Stray uint64
	// Missing is, for each of the times, how many of the series have no sample of it.
	Missing []uint64
}

// maxTimes is the number of times that an audit can tell apart.
const maxTimes = 64

// Audit reads all requests kept so far and says which samples of the times (Unix milliseconds, at most 64) have come.
func (s *Tally) Audit(times []int64) (Audit, error) {
	if len(times) > maxTimes {
		return Audit{}, fmt.Errorf("cannot tell %d times apart, at most %d", len(times), maxTimes)
	}
	index := map[int64]uint{}
	for i, t := range times {
		index[t] = uint(i)
	}
	s.mu.Lock()
	kept := s.kept
	s.mu.Unlock()
	a := Audit{Missing: make([]uint64, len(times))}
	seen := map[uint64]uint64{} // by series, a bit for each time
	visit := func(series uint64, millis int64) {
		bits := seen[series]
		if i, ok := index[millis]; !ok {
			a.Stray++
		} else if bit := uint64(1) << i; bits&bit != 0 {
			a.Repeated++
		} else {
			a.Distinct++
			bits |= bit
		}
		seen[series] = bits
	}
	var body []byte
	for _, r := range kept {
		var err error
		if body, err = snappy.Decode(body[:cap(body)], r.body); err != nil {
			return a, err
		}
		if _, err := scan(body, r.version2, visit); err != nil {
			return a, err
		}
	}
	a.Series = len(seen)
	for series, bits := range seen {
		a.Set += series
		for i := range times {
			a.Missing[i] += 1 - bits>>i&1
		}
	}
	return a, nil
}
