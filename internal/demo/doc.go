// Package demo is a small shop that sends the spans of its requests to a collector and counts for itself what it did, and the
// table in which those counts stand against what the collector made of the spans.
//
//	shop    what is called by what, how often, how long it takes, what fails: a table
//	Shop    requests through it: traces, and their spans
//	Traffic requests at a rate, each span sent once it ended, as the SDKs of the services would
//	Counts  what was sent, and what has to become of it
//	tables  figures: a title, the PromQL that asks for it, and what the counts say it has to be
//	Run     traffic, then the tables, then what to look at
//
// Time is passed in everywhere but in Run.
package demo
