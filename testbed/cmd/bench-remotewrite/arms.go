package main

import (
	"slices"
	"strings"

	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
)

// program is what an arm runs.
type program int

const (
	ours program = iota
	contrib
	prometheus
)

// arm is one way to send.
type arm struct {
	key     string
	title   string
	program program
	message string
	// durable keeps what is to be sent on disk.
	durable bool
	// nop sends nothing: what it costs to take metrics in.
	nop bool
	// decoding is the key of the program's arm that sends nothing; empty where it has none.
	decoding string
}

const (
	oursNop    = "ours-nop"
	contribNop = "contrib-nop"
)

// arms stand so that those which are compared run close together.
var arms = []arm{
	{key: oursNop, title: "ours, nop exporter", program: ours, nop: true},
	{key: contribNop, title: "contrib, nop exporter", program: contrib, nop: true},
	{key: "ours-rw2", title: "ours, 2.0", program: ours, message: peers.RemoteWrite2, decoding: oursNop},
	{key: "contrib-rw2", title: "contrib, 2.0 (feature gate)", program: contrib, message: peers.RemoteWrite2, decoding: contribNop},
	{key: "ours-rw1", title: "ours, 1.0", program: ours, message: peers.RemoteWrite1, decoding: oursNop},
	{key: "contrib-rw1", title: "contrib, 1.0", program: contrib, message: peers.RemoteWrite1, decoding: contribNop},
	{key: "ours-wal-rw1", title: "ours, WAL, 1.0", program: ours, message: peers.RemoteWrite1, durable: true, decoding: oursNop},
	{key: "contrib-wal-rw1", title: "contrib, WAL, 1.0", program: contrib, message: peers.RemoteWrite1, durable: true, decoding: contribNop},
	{key: "prometheus-rw1", title: "Prometheus agent, 1.0", program: prometheus, message: peers.RemoteWrite1, durable: true},
	{key: "ours-wal-rw2", title: "ours, WAL, 2.0", program: ours, message: peers.RemoteWrite2, durable: true, decoding: oursNop},
	{key: "prometheus-rw2", title: "Prometheus agent, 2.0", program: prometheus, message: peers.RemoteWrite2, durable: true},
}

// pair are two arms to compare: the same protocol, or each program's default.
type pair struct{ ours, peer string }

var pairs = []pair{
	{"ours-rw2", "contrib-rw1"},
	{"ours-rw2", "contrib-rw2"},
	{"ours-rw1", "contrib-rw1"},
	{"ours-wal-rw2", "contrib-wal-rw1"},
	{"ours-wal-rw1", "contrib-wal-rw1"},
	{"ours-wal-rw2", "prometheus-rw2"},
	{"ours-wal-rw1", "prometheus-rw1"},
}

// gates are the flags without which the program does not do what the arm says.
func (a *arm) gates() []string {
	if a.program == contrib && a.message == peers.RemoteWrite2 {
		return []string{"--feature-gates=" + peers.ContribRemoteWrite2Gate}
	}
	return nil
}

func armKeys() []string {
	keys := make([]string, len(arms))
	for i := range arms {
		keys[i] = arms[i].key
	}
	return keys
}

// chosen returns the arms of a comma-separated list, all for an empty one, and what in the list is no arm.
func chosen(list string) (of []*arm, unknown []string) {
	names := split(list)
	for i := range arms {
		if len(names) == 0 || slices.Contains(names, arms[i].key) {
			of = append(of, &arms[i])
		}
	}
	for _, name := range names {
		if !slices.Contains(armKeys(), name) {
			unknown = append(unknown, name)
		}
	}
	return of, unknown
}

func split(list string) []string {
	var out []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
