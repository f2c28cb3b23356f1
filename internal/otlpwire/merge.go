package otlpwire

// AddRequest adds the spans of an ExportTraceServiceRequest that an Assembler built, or of several, one behind the other.
// Adding many requests and building one puts together what they say of the same resources and scopes. It fails, with some
// of the spans added, for bytes that can't be read; it does not look into spans, resources and scopes.
func (a *Assembler) AddRequest(request []byte) error {
	for pos := 0; pos < len(request); {
		f, err := readField(request, pos, requestMessage)
		if err != nil {
			return &InvalidError{pos, err}
		}
		if f.num == 1 {
			if err := a.addResourceSpans(request[:f.end], f.start); err != nil {
				return err
			}
		}
		pos = f.end
	}
	return nil
}

// addResourceSpans adds the ResourceSpans that begins at start and ends where b ends.
func (a *Assembler) addResourceSpans(b []byte, start int) error {
	resource, schemaURL, err := around(b, start, resourceSpansMessage)
	if err != nil {
		return err
	}
	p := Piece{Resource: resource, ResourceSchemaURL: schemaURL}
	for pos := start; pos < len(b); {
		f, _ := readField(b, pos, resourceSpansMessage) // valid: around has read it
		if f.num == 2 {
			if err := a.addScopeSpans(b[:f.end], f.start, p); err != nil {
				return err
			}
		}
		pos = f.end
	}
	return nil
}

func (a *Assembler) addScopeSpans(b []byte, start int, p Piece) error {
	var err error
	if p.Scope, p.ScopeSchemaURL, err = around(b, start, scopeSpansMessage); err != nil {
		return err
	}
	for pos := start; pos < len(b); {
		f, _ := readField(b, pos, scopeSpansMessage) // valid: around has read it
		if f.num == 2 {
			p.Span = b[f.start:f.end]
			a.Add(p)
		}
		pos = f.end
	}
	return nil
}

// around returns what is said of all spans in a ResourceSpans or ScopeSpans: its field 1, the resource or scope, and its
// schema URL.
func around(b []byte, start int, m messageID) (what, schemaURL []byte, err error) {
	for pos := start; pos < len(b); {
		f, err := readField(b, pos, m)
		if err != nil {
			return nil, nil, &InvalidError{pos, err}
		}
		switch f.num {
		case 1:
			what = b[f.start:f.end]
		case 3:
			schemaURL = b[f.start:f.end]
		}
		pos = f.end
	}
	return what, schemaURL, nil
}
