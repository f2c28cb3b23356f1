package otlpwire

// Brief is what is asked of a buffered span when its trace is sent.
type Brief struct {
	Start, End uint64 // Unix nanoseconds
	TraceState string // points into the body
}

// ReadBrief reads the body of a span that [Scan] has accepted. Of any other body it reads what it can.
func ReadBrief(span []byte) (b Brief) {
	for pos := 0; pos < len(span); {
		if span[pos] == tagAttributes { // the most of a span, and nothing to be read in it
			if _, end := shortBody(span[pos:]); end > 0 {
				pos += end
				continue
			}
		}
		f, err := readField(span, pos, spanMessage)
		if err != nil {
			break
		}
		switch f.num {
		case 3:
			b.TraceState = view(span[f.start:f.end])
		case 7:
			b.Start = f.value
		case 8:
			b.End = f.value
		}
		pos = f.end
	}
	return b
}

// Duration returns End - Start in nanoseconds, 0 where the end lies before the start.
func (b *Brief) Duration() uint64 {
	if b.End < b.Start {
		return 0
	}
	return b.End - b.Start
}
