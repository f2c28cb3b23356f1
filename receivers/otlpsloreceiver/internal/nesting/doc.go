// Package nesting guards pdata's decoders, which follow nested values by recursion without a bound: 19 MB of them end the
// process. It refuses what is nested deeper than [Max] before pdata sees it. Traces in protobuf don't need it:
// internal/otlpwire has the same bound.
package nesting
