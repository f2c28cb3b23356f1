package otlpwire

// TraceState reads the tracestate out of the body of a span that [Scan] has accepted; of any other body it reads what it
// can. The string points into the body.
func TraceState(span []byte) string {
	state := ""
	for pos := 0; pos < len(span); {
		f, err := readField(span, pos, spanMessage)
		if err != nil {
			break
		}
		if f.num == 3 {
			state = view(span[f.start:f.end])
		}
		pos = f.end
	}
	return state
}
