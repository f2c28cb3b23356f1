// Package rawgrpc serves unary gRPC methods over HTTP/2 and hands their messages on as the bytes they came as.
//
// One goroutine serves a connection: it reads, takes each message that is complete, and answers. So a call costs about one
// wake-up and one write, no hand-over between goroutines and no allocation; a connection, in turn, is served by one
// processor at a time. Methods that wait for others run apart ([Method.Waits]).
//
// What a connection carries (RFC 9113, and gRPC's "gRPC over HTTP2"):
//
//	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", then frames
//	frame   = | length (24) | type (8) | flags (8) | 0 (1) | stream (31) | payload |
//	call    = HEADERS CONTINUATION* DATA*, the last of them with END_STREAM
//	data    = | compressed (8) | length (32) | message |         DATA's payloads, put together
//	answer  = HEADERS DATA HEADERS, or HEADERS alone where the call failed; the last has END_STREAM
//
// A message stays in the connection's read buffer while it arrives, and is copied out of it only where the buffer has to
// be used again. What is copied out is taken from [Options.Room], and so are large read buffers: a call that finds no room
// is refused.
package rawgrpc
