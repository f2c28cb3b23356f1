package remotewrite

import "fmt"

// Message is the protobuf message of a request, by its fully qualified name.
type Message string

const (
	// V1 is the message of Remote-Write 1.0.
	V1 Message = "prometheus.WriteRequest"
	// V2 is the message of Remote-Write 2.0.
	V2 Message = "io.prometheus.write.v2.Request"
)

// Validate returns an error for a name that is neither message.
func (m Message) Validate() error {
	if m != V1 && m != V2 {
		return fmt.Errorf("must be %q or %q (got %q)", V1, V2, string(m))
	}
	return nil
}

// ContentType returns the Content-Type header for the message. 1.0 receivers know no parameter, so it has none.
func (m Message) ContentType() string {
	if m == V2 {
		return "application/x-protobuf;proto=" + string(V2)
	}
	return "application/x-protobuf"
}

// Version returns the X-Prometheus-Remote-Write-Version header for the message.
func (m Message) Version() string {
	if m == V2 {
		return "2.0.0"
	}
	return "0.1.0"
}
