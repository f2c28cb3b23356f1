package coverage

import (
	"slices"
	"strings"
	"time"
)

// peer is what calls went to, as far as traces were looked at.
type peer struct {
	key peerKey
	// answered are calls with a span of another service, or of a request, below them; unanswered those without.
	answered   uint64
	unanswered tallied
	last       time.Time // of the last call without an answer
	callers    []caller
	example    example
}

// caller is a service that calls a peer, which doesn't answer.
type caller struct {
	service *service
	calls   uint64
}

// callersMax bounds the callers that are told of a peer.
const callersMax = 8

// peers are bounded; beyond the bound no new ones are noted. Services have a bound of their own, so that callers of many
// hosts outside leave room for them.
type peers struct {
	servicesMax int
	byKey       map[peerKey]*peer
	// services counts those of classService.
	services int
	// beyond: there were more since the last flush.
	beyond bool
	// suspects are the peers that are silent, as of the last flush or their first call: while there are none, calls that
	// were answered are of no interest.
	suspects int
}

// enter returns the peer of a key, a new one where there is room, else nil.
func (p *peers) enter(key peerKey) *peer {
	known := p.byKey[key]
	if known != nil {
		return known
	}
	if key.class == classService && p.services >= p.servicesMax || key.class != classService && len(p.byKey)-p.services >= othersMax {
		p.beyond = true
		return nil
	}
	if key.class == classService {
		p.services++
	}
	key.name = strings.Clone(key.name) // the caller's aliases a request
	made := &peer{key: key}
	p.byKey[key] = made
	return made
}

// othersMax bounds the peers that are no services.
const othersMax = 1000

func (p *peers) forget(key peerKey) {
	delete(p.byKey, key)
	if key.class == classService {
		p.services--
	}
}

// call notes a call without an answer.
func (p *peer) call(from *service, at time.Time, e example) {
	p.unanswered.count++
	p.last, p.example = at, e
	i := slices.IndexFunc(p.callers, func(c caller) bool { return c.service == from })
	switch {
	case from == nil:
	case i >= 0:
		p.callers[i].calls++
	case len(p.callers) < callersMax:
		p.callers = append(p.callers, caller{from, 1})
	}
}

// isSilent reports whether a peer could be heard from and is not: no service has its name, and none of its calls was
// answered, which would show that it goes by another.
func (s *services) isSilent(p *peer) bool {
	return p.key.class == classService && p.answered == 0 && !s.has(p.key.name)
}

// has reports whether a service is heard from that has a name, or its first label where it is a host's.
func (s *services) has(name string) bool {
	name = strings.ToLower(name)
	return s.names[name] > 0 || s.names[firstLabel(name)] > 0
}
