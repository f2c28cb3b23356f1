package slo

import (
	"errors"
	"fmt"
	"strings"
)

// origin is where an SLO was written: its file, its key path there, and the lines of the file's key paths.
type origin struct {
	file  string
	path  string
	lines map[string]int
}

// line returns the line of a key path, or of the nearest key above it that was written.
func (o *origin) line(path string) int {
	for path != "" {
		if n, ok := o.lines[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}

// parser collects what SLOs share, and everything that is wrong with them. Paths are relative to the SLO being parsed.
type parser struct {
	errs   []error
	origin *origin
	base   string
	rules  map[errorRule]*errorRule
}

// intern returns the one copy of a rule.
func (p *parser) intern(r errorRule) *errorRule {
	if p.rules[r] == nil {
		p.rules[r] = &r
	}
	return p.rules[r]
}

// at sets the SLO that the following problems belong to.
func (p *parser) at(s *SLO, index int) {
	p.origin, p.base = s.origin, fmt.Sprintf("slos[%d]", index)
	if s.origin != nil {
		p.base = s.origin.path
	}
}

func (p *parser) add(path, format string, args ...any) {
	full := p.base
	switch {
	case full == "" || path == "":
		full += path
	default:
		full += "." + path
	}
	text := full + " " + fmt.Sprintf(format, args...)
	if p.origin != nil {
		text = fmt.Sprintf("%s:%d: %s", p.origin.file, p.origin.line(full), text)
	}
	p.errs = append(p.errs, errors.New(text))
}

func (p *parser) err() error { return errors.Join(p.errs...) }

// where names the place an SLO was written in.
func (o *origin) where() string {
	if o == nil {
		return "the configuration"
	}
	return fmt.Sprintf("%s:%d", o.file, o.line(o.path))
}
