package slo

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// burnOracle keeps every event with its time and judges as docs/slis.md has it.
type burnOracle struct {
	turns  []time.Duration
	events map[string][]burnEvent // by subject
	burns  map[string]bool        // by subject, at the last turn
	known  map[string]bool        // the subjects there were at the last turn
}

type burnEvent struct {
	at  time.Duration
	bad bool
}

// begins returns when a window begins: at the latest of its snapshots, the first turn in every cell, that is old enough.
func (o *burnOracle) begins(length, cell time.Duration) time.Duration {
	now := o.turns[len(o.turns)-1]
	begins, last := time.Duration(0), time.Duration(0)
	for _, at := range o.turns {
		if at/cell == last/cell {
			continue
		}
		last = at
		if now-at >= length {
			begins = at
		}
	}
	return begins
}

// tell returns how many of the events since a time are bad, and by how many percent.
func (o *burnOracle) tell(subject string, since time.Duration) (bad int, percent *big.Rat) {
	all := 0
	for _, e := range o.events[subject] {
		if e.at > since {
			all++
			if e.bad {
				bad++
			}
		}
	}
	return bad, big.NewRat(100*int64(bad), int64(max(all, 1)))
}

func oracleObjective(o SLO, service string) int {
	for _, x := range o.Overrides {
		if x.Service == service && x.Objective != nil {
			return x.Objective.(int)
		}
	}
	return o.Objective.(int)
}

func (o *burnOracle) turn(now time.Duration, slos []SLO, services []string) {
	o.turns = append(o.turns, now)
	before := o.burns
	o.burns, o.known = map[string]bool{}, map[string]bool{}
	for subject := range o.events {
		o.known[subject] = true
	}
	long, short := o.begins(time.Hour, 5*time.Minute), o.begins(5*time.Minute, 30*time.Second)
	for _, s := range slos {
		for _, service := range services {
			if s.Service != "*" && s.Service != service {
				continue
			}
			budget := int64(100 - oracleObjective(s, service))
			begin := big.NewRat(144*budget, 10)
			if half := big.NewRat(budget+100, 2); half.Cmp(begin) < 0 {
				begin = half
			}
			end := new(big.Rat).Quo(begin, big.NewRat(2, 1))
			if within := big.NewRat(budget, 1); within.Cmp(end) > 0 {
				end = within
			}
			prefix := fmt.Sprint(s.Name, s.GroupBy, " ", service, " ")
			for subject := range o.events {
				if len(subject) < len(prefix) || subject[:len(prefix)] != prefix {
					continue
				}
				bad, inLong := o.tell(subject, long)
				_, inShort := o.tell(subject, short)
				if before[subject] {
					o.burns[subject] = inShort.Cmp(end) >= 0
				} else {
					o.burns[subject] = bad >= 10 && inLong.Cmp(begin) >= 0 && inShort.Cmp(begin) >= 0
				}
			}
		}
	}
}

// observe notes the events of a batch and returns what its spans mean.
func (o *burnOracle) observe(now time.Duration, slos []SLO, batch []span) []spanview.SLOFlags {
	flags := make([]spanview.SLOFlags, len(batch))
	for _, s := range slos {
		for i, sp := range batch {
			if !oracleIsRequest(s, batch, i) || *s.ExcludeProbes && sp.get("http.route") == "/healthz" ||
				slices.ContainsFunc(s.Exclude, func(m Match) bool { return oracleMatch(m, sp) }) {
				continue
			}
			bad := oracleBad(s, sp)
			if bad {
				flags[i] |= spanview.SLOBad
			}
			service := fmt.Sprint(s.Name, s.GroupBy, " ", sp.serviceName(), " ")
			subjects, known := []string{service}, o.known[service]
			if len(s.GroupBy) > 0 {
				group := service + "by "
				for _, k := range s.GroupBy {
					v := sp.get(k)
					if v == nil {
						v = sp.resource[k]
					}
					if v != nil && v != "" {
						group += fmt.Sprint(k, "=", v, ";")
					} else {
						group += "-;" // an empty text is no label
					}
				}
				subjects, known = append(subjects, group), o.known[group]
			}
			for _, subject := range subjects {
				o.events[subject] = append(o.events[subject], burnEvent{now, bad})
				if known && o.burns[subject] { // a new group waits for the next turn
					flags[i] |= spanview.SLOBurning
				}
			}
		}
	}
	return flags
}

// burningServices counts an SLO's services that burn by themselves or by a group.
func (o *burnOracle) burningServices(s SLO, services []string) (n int) {
	for _, service := range services {
		prefix := fmt.Sprint(s.Name, s.GroupBy, " ", service, " ")
		for subject, yes := range o.burns {
			if yes && len(subject) >= len(prefix) && subject[:len(prefix)] == prefix {
				n++
				break
			}
		}
	}
	return n
}

func TestWhatSpansMeanEqualsTheOraclesOverRandomBatchesTurnsAndReloads(t *testing.T) {
	const lanes = 3
	services := []string{"s0", "s1", "s2", "unknown_service"}
	var seen [4]int // by flags
	began, ended := 0, 0
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 11))
		want := &burnOracle{events: map[string][]burnEvent{}, burns: map[string]bool{}}
		var counter *rig
		var slos []SLO
		var now time.Duration
		bad := 0 // of ten batches
		for turn := range 200 {
			if turn%100 == 0 {
				slos = randomSLOs(r)
				for i := range slos {
					slos[i].Objective = pick(r, 50, 80, 90, 95, 99)
					for k := range slos[i].Overrides {
						slos[i].Overrides[k].Objective = pick[any](r, nil, 70, 97)
					}
				}
				next := &rig{schema: &spanview.Schema{}}
				var prev *Counter
				if counter != nil {
					prev = counter.Counter
				}
				c, err := Compile(Config{SLOs: slos}, Options{Lanes: lanes, Start: start}, next.schema, prev)
				require.NoError(t, err)
				next.Counter, counter = c, next
			}
			if r.IntN(20) == 0 {
				bad = pick(r, 0, 0, 1, 10, 10)
			}
			gap := pick(r, 5*time.Second, 7*time.Second, 29*time.Second, time.Minute, 3*time.Minute)
			if r.IntN(30) == 0 {
				gap = 40 * time.Minute
			}
			for range 1 + r.IntN(3) {
				now += 1 + time.Duration(r.Int64N(int64(gap)/3))
				batch := randomBatch(r)
				for i := range batch {
					if r.IntN(10) >= bad {
						batch[i].status, batch[i].duration = 0, 0
						delete(batch[i].attrs, "http.response.status_code")
					}
				}
				flags := want.observe(now, slos, batch)
				counter.observe(r.IntN(lanes), batch...)
				for i := range flags {
					require.Equal(t, flags[i], counter.batch.Spans[i].SLO, "seed %d, turn %d, %+v", seed, turn, batch[i])
					seen[flags[i]]++
				}
			}
			before := want.burns
			if last := want.turns; len(last) == 0 && now >= burnEvery || len(last) > 0 && now-last[len(last)-1] >= burnEvery {
				want.turn(now, slos, services)
			}
			counter.Turn(start.Add(now))
			for subject, yes := range want.burns {
				if yes && !before[subject] {
					began++
				}
				if !yes && before[subject] {
					ended++
				}
			}
			for i, b := range counter.Burning() {
				require.Equal(t, Burning{SLO: slos[i].Name, Services: want.burningServices(slos[i], services)}, b, "seed %d, turn %d", seed, turn)
			}
		}
	}
	require.NotContains(t, seen, 0)
	require.Greater(t, min(began, ended), 10)
}
