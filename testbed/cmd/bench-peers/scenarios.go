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
	// memory compares memory per buffered span instead of spans per CPU-second.
	memory bool
	// must and goal are how many times better than contrib we have to be, and want to be.
	must, goal float64
}

// equalRate is what both arms can sustain, memoryRate the least at which memory is measured; spans per second.
const (
	equalRate  = 60_000
	memoryRate = 100_000
)

var scenarios = []scenario{
	{key: "whole", title: "saturated, 256 spans/request, whole", spec: load.Reference(), connections: 4, must: 12, goal: 25},
	{key: "scattered", title: "saturated, 256 spans/request, scattered", spec: load.ReferenceScattered(), connections: 4, must: 12, goal: 25},
	{key: "small", title: "saturated, 16 spans/request", spec: load.ReferenceSmall(), connections: 8, must: 6, goal: 12},
	{key: "gzip", title: "saturated, 256 spans/request, gzipped", spec: load.Reference(), gzip: true, connections: 4, must: 8, goal: 14},
	{key: "equal-whole", title: "at 60,000 spans/s, whole", spec: load.Reference(), rate: equalRate, connections: 4, must: 9, goal: 18},
	{key: "equal-scattered", title: "at 60,000 spans/s, scattered", spec: load.ReferenceScattered(), rate: equalRate, connections: 4, must: 9, goal: 18},
	{key: "memory", title: "memory per buffered span, 100,000 spans/s", spec: load.Reference(), rate: memoryRate, connections: 4, memory: true, must: 8, goal: 25},
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
		return b.decisionWait + b.rescueWindow
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
