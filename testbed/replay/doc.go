// Package replay sends recorded OTLP traffic: files of one request a line in OTLP's JSON mapping, gzipped, with a file of
// flush times beside them.
//
// A [Recording] is requests and when they were sent. It is sent by [Send] as fast as possible or at its own pace, as JSON or,
// after [Recording.Protobuf], as protobuf. Decoded ([Recording.Decode]) it can be changed, counted, and put together again
// request by request ([FromTraces]) or with every span sent when it ended ([WhenEnded]).
package replay
