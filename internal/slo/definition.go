package slo

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// definition is a parsed SLO, before attributes have slots.
type definition struct {
	name      string
	service   string // anyService: every service
	groupBy   []string
	groupsMax int

	kinds   uint8
	parent  parentRule
	match   match
	exclude []match
	probes  bool // take out health checks and probes

	verdict
	overrides map[string]*verdict
}

// verdict is what an SLO wants of a service: its objective in parts per billion, and what is bad.
type verdict struct {
	objective int64
	judge     judge
}

// excludeMax bounds an SLO's exclude entries: those whose resource conditions hold are kept as the bits of a word.
const excludeMax = 64

// nameRule is the rule for SLO names.
var nameRule = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

// Validate checks everything that can be checked without reading the files; all errors are reported at once.
func (c *Config) Validate() error {
	_, err := c.parse()
	return err
}

func (c *Config) parse() ([]*definition, error) {
	p := &parser{rules: map[errorRule]*errorRule{}}
	for i, pattern := range c.Files {
		if _, err := filepath.Match(pattern, ""); err != nil || pattern == "" {
			p.add(fmt.Sprintf("files[%d]", i), "must be a path or a glob (got %q)", pattern)
		}
	}
	defs := make([]*definition, len(c.SLOs))
	byName := map[string]*SLO{}
	for i := range c.SLOs {
		s := &c.SLOs[i]
		p.at(s, i)
		defs[i] = parseSLO(p, s)
		if first := byName[s.Name]; first != nil {
			p.add("name", "must be unique (got %q, as the one in %s has): rename one", s.Name, first.origin.where())
		}
		byName[s.Name] = s
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return defs, nil
}

func parseSLO(p *parser, s *SLO) *definition {
	d := &definition{name: s.Name, service: s.Service, groupsMax: s.GroupsMax}
	if !nameRule.MatchString(s.Name) {
		p.add("name", "must be 1 to 63 letters, digits, '-', '_' and '.', a letter or digit at both ends (got %q)", s.Name)
	}
	if s.Service == "" {
		p.add("service", `is required: write a service.name, or "*" for all services`)
	}
	if d.groupsMax == 0 {
		d.groupsMax = groupsMaxDefault
	}
	if d.groupsMax < max(len(s.Overrides), 1) || d.groupsMax > groupsMaxLimit {
		p.add("groups_max", "must be from 1 to %d, and at least the number of overrides (got %d for %d overrides)",
			groupsMaxLimit, s.GroupsMax, len(s.Overrides))
	}
	d.groupBy = parseGroupBy(p, s.GroupBy)
	d.match = parseMatch(p, "match", &s.Match)
	d.kinds = parseKinds(p, "request.kinds", s.Request.Kinds, kindBit(2)|kindBit(5)) & d.match.kinds
	if d.kinds == 0 {
		p.add("match.kinds", "must share a kind with request.kinds: no span can match")
	}
	var ok bool
	if d.parent, ok = parentRules[s.Request.Parent]; !ok {
		p.add("request.parent", "must be outside, none or any (got %q)", s.Request.Parent)
	}
	d.probes = s.ExcludeProbes == nil || *s.ExcludeProbes
	if len(s.Exclude) > excludeMax {
		p.add("exclude", "must have at most %d entries (got %d)", excludeMax, len(s.Exclude))
	}
	for i := range s.Exclude {
		path := fmt.Sprintf("exclude[%d]", i)
		if s.Exclude[i].empty() {
			p.add(path, "must have a condition: an empty entry would exclude every request")
		}
		d.exclude = append(d.exclude, parseMatch(p, path, &s.Exclude[i]))
	}
	objective, err := parseObjective(s.Objective)
	if err != nil {
		p.add("objective", "%v (got %v)", err, s.Objective)
	}
	if s.Latency == nil && s.Errors == nil {
		p.add("", "must have latency, errors or both: `errors: {}` has the defaults")
	}
	d.verdict = verdict{objective: objective, judge: parseJudge(p, "", s.Latency, s.Errors, judge{threshold: math.MaxUint64})}
	d.overrides = parseOverrides(p, s, d.verdict)
	return d
}

func parseOverrides(p *parser, s *SLO, base verdict) map[string]*verdict {
	if len(s.Overrides) > 0 && s.Service != anyService {
		p.add("overrides", `need service "*" (got %q): change the SLO itself`, s.Service)
	}
	out := make(map[string]*verdict, len(s.Overrides))
	for i := range s.Overrides {
		o := &s.Overrides[i]
		path := fmt.Sprintf("overrides[%d]", i)
		if _, twice := out[o.Service]; twice {
			p.add(path+".service", "must be unique (got %q twice)", o.Service)
		}
		if o.Service == "" || o.Service == anyService {
			p.add(path+".service", "must be one service.name (got %q)", o.Service)
		}
		v := base
		if o.Objective != nil {
			var err error
			if v.objective, err = parseObjective(o.Objective); err != nil {
				p.add(path+".objective", "%v (got %v)", err, o.Objective)
			}
		}
		v.judge = parseJudge(p, path, o.Latency, o.Errors, base.judge)
		out[o.Service] = &v
	}
	return out
}

// parseGroupBy checks that every attribute gets a label of its own once dots are underscores, as Prometheus has them.
func parseGroupBy(p *parser, keys []string) []string {
	taken := map[string]string{"slo": "slo", "service": "service", "outcome": "outcome", "job": "job", "instance": "instance"}
	var out []string
	for i, key := range keys {
		path := fmt.Sprintf("group_by[%d]", i)
		if key == "service.name" {
			continue
		}
		label := strings.Map(labelRune, key)
		if other, ok := taken[label]; ok {
			p.add(path, "must have a label of its own (got %q, whose label %s is taken by %q)", key, label, other)
		}
		if strings.Trim(label, "_") == "" {
			p.add(path, "must be an attribute's name (got %q)", key)
		}
		taken[label] = key
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

func labelRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}
