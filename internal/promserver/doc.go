// Package promserver is a Prometheus in the process: its storage, its query engine, its rules and its HTTP API, put together
// and bounded.
//
//	remote write 1.0, 2.0 -> limit -> TSDB (WAL, head, blocks) <- engine <- HTTP API, rules
//
// What has been acknowledged is in the write-ahead log, which the system keeps when the process is killed. It is bounded in
// three ways: blocks, write-ahead log and head chunks by age and by bytes; the series in the head by number, since nothing
// else bounds memory; samples that a query loads.
package promserver
