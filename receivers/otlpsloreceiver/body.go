package otlpsloreceiver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// errBusy says that a request's turn to be read did not come.
var errBusy = errors.New("too many requests are being received")

// bodies are buffers for HTTP bodies; ordinary ones are kept for the next request.
var bodies = sync.Pool{New: func() any { return &bytes.Buffer{} }}

const pooledBodyMax = 1 << 20

func putBody(b *bytes.Buffer) {
	if b.Cap() <= pooledBodyMax {
		bodies.Put(b)
	}
}

// receiveBody reads a request's body when its turn has come, within receive_timeout.
func (r *otlpReceiver) receiveBody(w http.ResponseWriter, req *http.Request) (*bytes.Buffer, error) {
	size := req.ContentLength
	if limit := r.httpBodyMax(); size < 0 || size > limit { // not known, e.g. compressed
		size = limit
	}
	end, ok := r.admission.turn(req.Context(), size)
	if !ok {
		return nil, errBusy
	}
	defer end()
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(r.cfg.ReceiveTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, fmt.Errorf("cannot set a deadline: %w", err)
	}
	body := bodies.Get().(*bytes.Buffer)
	body.Reset()
	if req.ContentLength > 0 {
		body.Grow(int(min(req.ContentLength, size)))
	}
	if _, err := body.ReadFrom(req.Body); err != nil {
		putBody(body)
		return nil, err
	}
	_ = control.SetReadDeadline(time.Time{}) // the connection's next request has its own
	return body, nil
}

// httpBodyMaxDefault is confighttp's.
const httpBodyMaxDefault = 20 << 20

func (r *otlpReceiver) httpBodyMax() int64 {
	if n := r.cfg.Protocols.HTTP.Get().MaxRequestBodySize; n > 0 {
		return n
	}
	return httpBodyMaxDefault
}

// knownCompression tells whether confighttp takes a Content-Encoding.
func knownCompression(name string) bool {
	switch name {
	case "", "gzip", "zstd", "zlib", "snappy", "deflate", "lz4", "x-snappy-framed":
		return true
	}
	return false
}

// gzipReaders are klauspost's, used again.
var gzipReaders sync.Pool

type gzipReader struct {
	*gzip.Reader
	source io.Closer
}

// newGzipReader is confighttp's decoder for gzip, with readers that are used again.
func newGzipReader(body io.ReadCloser) (io.ReadCloser, error) {
	z, ok := gzipReaders.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	if err := z.Reset(body); err != nil {
		gzipReaders.Put(z)
		return nil, err
	}
	return &gzipReader{Reader: z, source: body}, nil
}

func (g *gzipReader) Close() error {
	if g.Reader != nil {
		gzipReaders.Put(g.Reader)
		g.Reader = nil
	}
	return g.source.Close()
}

// Read returns the end once the reader was given back.
func (g *gzipReader) Read(p []byte) (int, error) {
	if g.Reader == nil {
		return 0, io.EOF
	}
	return g.Reader.Read(p)
}
