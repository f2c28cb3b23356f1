package main

import (
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// scenario is one row of the comparison.
type scenario struct {
	key   string
	title string
	spec  load.Spec
	gzip  bool
	// rate is the offered rate in spans per second, 0: saturated.
	rate        float64
	connections int
	// ofMax is the offered rate as a share of what our arm reached saturated, in place of rate.
	ofMax float64
	kind  kind
	// door: the processor tail_sampling alone, behind the stock receiver, in both arms.
	door bool
	// noRescue turns rescue_window off, compression is how our arm holds spans; empty: none.
	noRescue    bool
	compression string
	// contrib is the scenario whose runs of contrib this one is compared with; empty: its own.
	contrib string
	// must and goal are how many times better than contrib we have to be, and want to be; of a lag how many milliseconds it may be.
	// 0: there is none.
	must, goal float64
}

// kind is what a scenario compares.
type kind int

const (
	// cpu: spans per CPU-second.
	cpu kind = iota
	// memory: memory per buffered span.
	memory
	// lag: how late 99 % of decisions are at most, of our arm alone.
	lag
)

// equalRate is what both arms can sustain, memoryRate the least at which memory is measured; spans per second. lagShare of our arm's
// greatest rate is what decisions have to keep up with.
const (
	equalRate  = 60_000
	memoryRate = 100_000
	lagShare   = 0.8
)

// wholeKey is the scenario whose rate is our arm's greatest.
const wholeKey = "whole"

var scenarios = []scenario{
	{key: wholeKey, title: "saturated, 256 spans/request, whole", spec: load.Reference(), connections: 4, must: 12, goal: 25},
	{key: "scattered", title: "saturated, 256 spans/request, scattered", spec: load.ReferenceScattered(), connections: 4, must: 12, goal: 25},
	{key: "small", title: "saturated, 16 spans/request", spec: load.ReferenceSmall(), connections: 8, must: 6, goal: 12},
	{key: "gzip", title: "saturated, 256 spans/request, gzipped", spec: load.Reference(), gzip: true, connections: 4, must: 8, goal: 14},
	{key: "equal-whole", title: "at 60,000 spans/s, whole", spec: load.Reference(), rate: equalRate, connections: 4, must: 9, goal: 18},
	{key: "equal-scattered", title: "at 60,000 spans/s, scattered", spec: load.ReferenceScattered(), rate: equalRate, connections: 4, must: 9, goal: 18},
	{key: "memory", title: "memory per buffered span, 100,000 spans/s", spec: load.Reference(), rate: memoryRate, connections: 4, kind: memory, must: 8, goal: 25},
	{
		key: "memory-norescue", title: "memory per buffered span, rescue off",
		spec: load.Reference(), rate: memoryRate, connections: 4, kind: memory, noRescue: true, contrib: "memory", must: 8, goal: 25,
	},
	{
		key: "memory-s2", title: "memory per buffered span, compressed",
		spec: load.Reference(), rate: memoryRate, connections: 4, kind: memory, compression: "s2", contrib: "memory", must: 20, goal: 25,
	},
	{
		key: "memory-s2-norescue", title: "memory per buffered span, compressed, rescue off",
		spec: load.Reference(), rate: memoryRate, connections: 4, kind: memory, compression: "s2", noRescue: true, contrib: "memory", must: 20, goal: 25,
	},
	{key: "lag", title: "deadline to decision, p99, at 80 % of the rate saturated", spec: load.Reference(), ofMax: lagShare, connections: 4, kind: lag, must: 250},
	{key: "door", title: "processor alone, saturated, 256 spans/request", spec: load.Reference(), connections: 4, door: true, must: 1.7},
	{
		key: "door-memory", title: "processor alone, memory per buffered span, 60,000 spans/s, rescue off",
		spec: load.Reference(), rate: equalRate, connections: 4, kind: memory, door: true, noRescue: true, must: 6,
	},
	{
		key: "door-memory-rescue", title: "processor alone, memory per buffered span, 60,000 spans/s, rescue on",
		spec: load.Reference(), rate: equalRate, connections: 4, kind: memory, door: true, contrib: "door-memory", must: 6,
	},
}

// scenarioOf returns the scenario of a key.
func scenarioOf(key string) *scenario {
	for i := range scenarios {
		if scenarios[i].key == key {
			return &scenarios[i]
		}
	}
	return nil
}

// peer is the scenario whose runs of contrib this one is compared with.
func (s *scenario) peer() *scenario {
	if s.contrib == "" {
		return s
	}
	return scenarioOf(s.contrib)
}

func scenarioKeys() []string {
	keys := make([]string, len(scenarios))
	for i, s := range scenarios {
		keys[i] = s.key
	}
	return keys
}

// dial connects to a collector as the scenario says.
func (s scenario) dial(target string) (send.Sender, error) {
	return send.DialGRPC(target, send.GRPCOptions{Connections: s.connections, Gzip: s.gzip})
}

// held is how long an arm holds a span.
func (b *bench) held(v variant) time.Duration {
	if v.arm == "ours" {
		return b.decisionWait + v.rescue
	}
	return b.decisionWait
}

// planCache holds the plans made so far: many runs share them.
type planCache map[load.Spec]*load.Plan

func (b *bench) plan(spec load.Spec) (*load.Plan, error) {
	if p := b.plans[spec]; p != nil {
		return p, nil
	}
	p, err := load.NewPlan(spec)
	if err != nil {
		return nil, fmt.Errorf("cannot make a plan: %w", err)
	}
	if b.plans == nil {
		b.plans = planCache{}
	}
	b.plans[spec] = p
	return p, nil
}
