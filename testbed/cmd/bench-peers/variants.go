package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
)

// variant is one way to run an arm.
type variant struct {
	arm string
	// door: the processor tail_sampling alone.
	door bool
	// shards and gogc are contrib's.
	shards, gogc int
	// rescue and compression are ours. Compression is empty where our binary does not know it.
	rescue      time.Duration
	compression string
}

// uncompressed is what sampling.compression is called where there is none.
const uncompressed = "none"

func (v variant) String() string {
	name := v.arm
	if v.door {
		name += " processor"
	}
	if v.arm == "contrib" {
		return fmt.Sprintf("%s shards=%d GOGC=%d", name, v.shards, v.gogc)
	}
	if v.compression != "" && v.compression != uncompressed {
		name += " " + v.compression
	}
	if v.rescue == 0 {
		name += " rescue off"
	}
	return name
}

// variants returns our arm and contrib's in a scenario: contrib's best is looked for over shards and GOGC.
func (b *bench) variants(s *scenario) []variant {
	var vs []variant
	if b.hasArm("ours") {
		v := variant{arm: "ours", door: s.door, rescue: b.rescueWindow, compression: s.compression}
		if s.noRescue {
			v.rescue = 0
		}
		if v.compression == "" && b.compresses {
			v.compression = uncompressed
		}
		vs = append(vs, v)
	}
	if !b.hasArm("contrib") || s.kind == lag {
		return vs
	}
	add := func(shards, gogc int) {
		vs = append(vs, variant{arm: "contrib", door: s.door, shards: shards, gogc: gogc})
	}
	cores := runtime.NumCPU()
	if b.quick {
		add(cores, 100)
		return vs
	}
	for _, gogc := range []int{100, 400} {
		add(cores, gogc)
		if cores > 1 {
			add(1, gogc)
		}
	}
	return vs
}

// job is the reference job as a variant does it.
func (b *bench) job(v variant, e peers.Endpoints, flush time.Duration) peers.Job {
	return peers.Job{
		Endpoints: e, DecisionWait: b.decisionWait, FlushInterval: flush, Bounds: load.Bounds, Shards: v.shards, NumTraces: numTraces,
		MemoryMiB: b.memoryMiB, RescueWindow: v.rescue, Compression: v.compression, Ours: v.arm == "ours",
	}
}

// config returns a variant's configuration.
func config(v variant, job peers.Job) (string, error) {
	switch {
	case v.door:
		return peers.DoorConfig(job)
	case v.arm == "contrib":
		return peers.ContribConfig(job)
	}
	return peers.OursConfig(job)
}

// probe asks our binary whether it takes our configurations, and whether it knows the key sampling.compression.
func (b *bench) probe(ctx context.Context) error {
	if !b.hasArm("ours") {
		return nil
	}
	plain := variant{arm: "ours", rescue: b.rescueWindow}
	door := plain
	door.door = true
	for _, v := range []variant{plain, door} {
		if said, err := b.validate(ctx, v); err != nil {
			return fmt.Errorf("%v does not take its configuration: %w\n%s", v, err, said)
		}
	}
	plain.compression = uncompressed
	said, err := b.validate(ctx, plain)
	b.compresses = err == nil
	if err != nil && !strings.Contains(said, "compression") {
		return fmt.Errorf("%v does not take its configuration: %w\n%s", plain, err, said)
	}
	return nil
}

// validate lets our binary read a variant's configuration, and returns what it says.
func (b *bench) validate(ctx context.Context, v variant) (said string, err error) {
	endpoints, err := peers.FreeEndpoints("127.0.0.1:1", "http://127.0.0.1:1/", false)
	if err != nil {
		return "", err
	}
	text, err := config(v, b.job(v, endpoints, costFlush))
	if err != nil {
		return "", err
	}
	path := filepath.Join(b.work, "probe.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, b.ours, "validate", "--config", path).CombinedOutput()
	return string(out), err
}
