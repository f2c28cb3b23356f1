package metricload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// placeholder stands for the time of every point in an encoded request; nothing else in it looks like this.
const placeholder = 0xa5c35a3c96e1871e

// started is the start time of all counters and histograms.
var started = pcommon.NewTimestampFromTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

// Plan is a load, encoded.
type Plan struct {
	Spec     Spec
	requests []request
}

// request is one encoded request and where the times of its points are.
type request struct {
	body  []byte
	times []int
}

// NewPlan encodes a load.
func NewPlan(s Spec) (*Plan, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	p := &Plan{Spec: s, requests: make([]request, s.Resources)}
	rnd := rand.New(rand.NewPCG(s.Seed, uint64(s.Shape)))
	for i := range p.requests {
		md := pmetric.NewMetrics()
		fill(md, s.Shape, i, rnd)
		body, err := marshal(md)
		if err != nil {
			return nil, fmt.Errorf("cannot encode request %d: %w", i, err)
		}
		p.requests[i] = request{body: body, times: locate(body)}
		if got := len(p.requests[i].times); got != s.PointsPerRequest() {
			return nil, fmt.Errorf("cannot find the times of request %d: %d of %d", i, got, s.PointsPerRequest())
		}
	}
	return p, nil
}

// Bytes is the size of a round's requests.
func (p *Plan) Bytes() int {
	n := 0
	for i := range p.requests {
		n += len(p.requests[i].body)
	}
	return n
}

// write patches the time of all points.
func (r *request) write(at time.Time) {
	for _, i := range r.times {
		binary.LittleEndian.PutUint64(r.body[i:], uint64(at.UnixNano()))
	}
}

// marshal encodes as SDKs do, fields in ascending order; pdata writes them in descending order.
func marshal(md pmetric.Metrics) ([]byte, error) {
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		return nil, err
	}
	var req colmetricspb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&req)
}

// locate returns where the placeholders are.
func locate(body []byte) []int {
	var mark [8]byte
	binary.LittleEndian.PutUint64(mark[:], placeholder)
	var at []int
	for from := 0; ; {
		i := bytes.Index(body[from:], mark[:])
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}
