package otlpsloreceiver

import (
	grpcencoding "google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// receivedMessage is a request as gRPC received it: decompressed, not decoded. Whoever receives it frees the body.
type receivedMessage struct{ body mem.BufferSlice }

// rawMessage is an encoded answer.
type rawMessage []byte

// codec is a client's, and hands messages through as bytes. Any other type goes to the process's codec for protobuf.
type codec struct{ grpcencoding.CodecV2 }

func newCodec() codec { return codec{grpcencoding.GetCodecV2("proto")} }

// Marshal implements grpcencoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(rawMessage); ok {
		return mem.BufferSlice{mem.SliceBuffer(m)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements grpcencoding.CodecV2. It copies nothing: the bytes stay in the transport's buffers.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*receivedMessage)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if m.body == nil { // a second message is gRPC's to refuse
		data.Ref()
		m.body = data
	}
	return nil
}
