package sampling

// SpanCountConfig is the `span_count:` block: the policy matches a trace by how many spans it has. A span that is sent twice
// counts twice.
type SpanCountConfig struct {
	// MinSpans is the least number that matches. Default 0; below 0 is as 0.
	MinSpans int64 `mapstructure:"min_spans"`
	// MaxSpans is the greatest number that matches. 0: no upper bound.
	MaxSpans int64 `mapstructure:"max_spans"`
}

func (s *SpanCountConfig) validate(path string, errs *problems) {
	if s.MaxSpans < 0 || s.MaxSpans > 0 && s.MaxSpans < s.MinSpans {
		errs.addf(path+".max_spans", "must be 0 or at least min_spans, %d (got %d): 0 stands for no upper bound", s.MinSpans, s.MaxSpans)
	}
}

func (s *SpanCountConfig) compile(c *compiler) (condition, error) {
	return spansWithin{atLeast: uint64(max(s.MinSpans, 0)), upTo: uint64(s.MaxSpans), untold: untold{c.against}}, nil
}

// spansWithin holds for numbers of spans in [atLeast, upTo], without an upper bound where upTo is 0.
type spansWithin struct {
	atLeast, upTo uint64
	untold
}

func (w spansWithin) eval(f facts) outcome {
	if w.upTo > 0 && w.by(&f) {
		return w.answer()
	}
	n := uint64(f.spans)
	switch {
	case n < w.atLeast, w.upTo > 0 && n > w.upTo:
		return failsNow
	case w.upTo > 0:
		return holds // until more come
	}
	return holdsFinal
}
