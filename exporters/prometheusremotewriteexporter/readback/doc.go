// Package readback has tests alone: real receivers are sent a million samples by the exporter, and are asked for all of
// them. What they answer is compared with what was generated, to the bit; never with what the exporter made of it.
//
// traffic_test.go says what is generated, payload_test.go makes OTLP of it and expected_test.go what a receiver must
// have: two readings of one model.
package readback
