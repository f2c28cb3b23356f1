package otlpsloreceiver

import (
	"time"

	grpcencoding "google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// rawRequest is an ExportTraceServiceRequest that is not decoded: its bytes are copied once, from the transport's buffers
// into the engine's slab.
type rawRequest struct {
	engine  *spanpipe.Engine
	now     time.Time
	request *spanpipe.Request
	size    int
	err     error // why there is no request
}

// rawResponse is an encoded ExportTraceServiceResponse.
type rawResponse []byte

// rawCodec passes traces as bytes and leaves everything else to the codec that pdata registered.
type rawCodec struct{ grpcencoding.CodecV2 }

func newRawCodec() rawCodec { return rawCodec{grpcencoding.GetCodecV2("proto")} }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(rawResponse); ok {
		return mem.BufferSlice{mem.SliceBuffer(r)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*rawRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	r.size = data.Len()
	r.now = time.Now()
	if r.request, r.err = r.engine.NewRequest(r.size, r.now); r.err == nil {
		data.CopyTo(r.request.Body())
	}
	return nil // the handler tells of r.err: an error here would become another one
}
