// Package send posts OTLP requests that are bytes already, and tells what the server answered.
//
// [DialGRPC] and [NewHTTP] give a [Sender] each. A sender does not look into what it sends, does not retry and holds no queue;
// [Retry] sends one request until it is accepted, waiting as the server asked. Senders are safe for concurrent use.
//
// The gRPC sender hands the caller's bytes to the transport as they are, without a copy. They are the caller's again
// when the outcome is [OK]; after any other outcome the transport may still be reading them, so they must not be changed.
package send
