package tailsamplingprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/featuregate"
)

const gatePrefix = "processor.tailsamplingprocessor."

// gates are those of contrib's processor, all of them off unless the start line names them. They switch nothing here: they are known
// so that a start line which names them is taken. note says what replaces a gate; empty where what it turns on is always on.
var gates = []struct{ id, description, note string }{
	{"metricstatcountbytessampled", "Always on: the metric count_bytes_sampled.", ""},
	{"metricstatcountspanssampled", "Always on: the metric count_spans_sampled.", ""},
	{
		"recordpolicy", "No effect: see annotate_spans.",
		"no effect: with annotate_spans: all every span of a kept trace tells the policy, as attribute sampling.policy",
	},
	{"tailstorageextension", "No effect: tail_storage is refused.", "no effect: spans are held as bytes that are the engine's own, tail_storage is refused"},
	{
		"usetracestate", "Always on, as OTEP 235 has it.",
		"always on; a trace without ot=rv is chosen by its id as OTEP 235 has it, never by contrib's hash; hash_salt: default-hash-seed is that",
	},
}

// Where contrib's processor is in the same process, as in testbed/parity, it registers them first and must: a gate that is there makes it
// panic. Packages are initialized in the order of their paths as soon as what they import is, and contrib's stands before ours.
var _ = registerGates(featuregate.GlobalRegistry())

func registerGates(registry *featuregate.Registry) bool {
	for _, g := range gates {
		_, err := registry.Register(gatePrefix+g.id, featuregate.StageAlpha, featuregate.WithRegisterDescription(g.description))
		if err != nil && !errors.Is(err, featuregate.ErrAlreadyRegistered) {
			panic(err) // cannot be: ids and stages are constants
		}
	}
	return true
}

// gateNotes says of every gate that is on and means something else here what replaces it.
func gateNotes(registry *featuregate.Registry) []string {
	on := map[string]bool{}
	registry.VisitAll(func(g *featuregate.Gate) { on[g.ID()] = g.IsEnabled() })
	var list []string
	for _, g := range gates {
		if id := gatePrefix + g.id; on[id] && g.note != "" {
			list = append(list, fmt.Sprintf("feature gate %s: %s", id, g.note))
		}
	}
	return list
}
