package sampling

import "github.com/otelcol-slo/otelcol-slo/internal/operations"

// Stats are figures of what policies compare by; all zero where no policy does.
type Stats struct {
	// Operations and Versions are what is known of both, and what there was no room for.
	Operations, Versions operations.Stats
	// Fingerprints is how many are remembered. FingerprintOverflow counts decided traces whose fingerprint there was no room for.
	Fingerprints        int64
	FingerprintOverflow uint64
}

// Stats returns the figures of this moment, those of shadow policies apart.
func (p *Policies) Stats() Stats {
	var s Stats
	if t := p.origin.operations; t != nil {
		s.Operations = t.Stats()
	}
	if t := p.origin.versions; t != nil {
		s.Versions = t.Stats()
	}
	for _, f := range p.rares {
		s.Fingerprints += f.known.Load()
		s.FingerprintOverflow += f.overflow.Load()
	}
	return s
}

// Bytes returns about how much memory is in use for what policies compare by.
func (p *Policies) Bytes() int64 {
	var n int64
	if t := p.origin.operations; t != nil {
		n += t.Bytes()
	}
	if t := p.origin.versions; t != nil {
		n += t.Bytes()
	}
	for _, f := range p.rares {
		n += f.bytes()
	}
	if p.shadow != nil {
		n += p.shadow.Bytes()
	}
	return n
}
