package slo

// track judges one series: each service by its sum and, where the SLO has other groups, each group by itself.
type track struct {
	grouped          bool
	services, groups subjects
	// first is a group of each service, sums their counts, both by the service's index; serviceOf has that by group.
	first     []*group
	sums      []count
	serviceOf []int32
	index     map[string]int32
	// burning is how many services burn, by their sum or by one of their groups.
	burning int
}

// subjects are what is judged alike, a service or a group each.
type subjects struct {
	long, short past
	burns       []bool
}

// burnSlots are the slots where the windows begin, and whether a snapshot is due.
type burnSlots struct {
	long, short       int
	longDue, shortDue bool
}

// slots must be called once a turn.
func (b *burner) slots() burnSlots {
	return burnSlots{long: b.long.from(b.last), short: b.short.from(b.last), longDue: b.long.turn(b.last), shortDue: b.short.turn(b.last)}
}

func (b *burner) trackOf(s *series) *track {
	for len(b.tracks) <= s.id {
		b.tracks = append(b.tracks, nil)
	}
	if b.tracks[s.id] == nil {
		b.tracks[s.id] = &track{
			grouped: len(s.groupBy) > 0, index: map[string]int32{},
			services: subjects{long: newPast(&b.long), short: newPast(&b.short)},
			groups:   subjects{long: newPast(&b.long), short: newPast(&b.short)},
		}
	}
	return b.tracks[s.id]
}

// judge must be called at every turn, so that no snapshot is missed. o is nil for a series that no SLO is declared for
// any more: none of it burns.
func (t *track) judge(b *burner, o *slo, groups []*group, counts []count, at burnSlots) {
	t.sum(groups, counts)
	t.services.judge(b, o, t.first, t.sums, at)
	if t.grouped {
		t.groups.judge(b, o, groups, counts, at)
	}
	burns := make([]bool, len(t.first))
	copy(burns, t.services.burns)
	for i, yes := range t.groups.burns {
		burns[t.serviceOf[i]] = burns[t.serviceOf[i]] || yes
	}
	t.burning = 0
	for _, yes := range burns {
		if yes {
			t.burning++
		}
	}
}

func (t *track) sum(groups []*group, counts []count) {
	clear(t.sums)
	for i, g := range groups {
		if i == len(t.serviceOf) {
			service, known := t.index[g.service]
			if !known {
				service = int32(len(t.first))
				t.index[g.service] = service
				t.first = append(t.first, g)
				t.sums = append(t.sums, count{})
			}
			t.serviceOf = append(t.serviceOf, service)
		}
		sum := &t.sums[t.serviceOf[i]]
		sum.good += counts[i].good
		sum.bad += counts[i].bad
	}
}

// bits returns the groups that burn, by themselves or with their service.
func (t *track) bits() []uint64 {
	out := make([]uint64, (len(t.serviceOf)+63)/64)
	for i, service := range t.serviceOf {
		if t.services.burn(int(service)) || t.groups.burn(i) {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

func (s *subjects) burn(i int) bool { return i < len(s.burns) && s.burns[i] }

// judge judges all subjects that there is room for, of counts that never fall; groups say which service's budget theirs is.
func (s *subjects) judge(b *burner, o *slo, groups []*group, counts []count, at burnSlots) {
	n := min(len(counts), len(s.burns)+burnSubjectsMax-b.subjects)
	b.subjects += n - len(s.burns)
	for len(s.burns) < n {
		s.burns = append(s.burns, false)
	}
	counts = counts[:n]
	for i, now := range counts {
		budget := o.budget(groups[i])
		s.burns[i] = budget > 0 && burns(s.burns[i], budget, s.long.since(at.long, i, now), s.short.since(at.short, i, now))
	}
	if at.longDue {
		s.long.take(b.long.slot, counts)
	}
	if at.shortDue {
		s.short.take(b.short.slot, counts)
	}
}

// budget returns the share of a group's events that may be bad in parts per billion, 0 where the SLO does not cover it.
func (s *slo) budget(g *group) uint64 {
	if !s.wants(g) {
		return 0
	}
	return uint64(objectiveOne - s.verdictOn(g.service).objective)
}
