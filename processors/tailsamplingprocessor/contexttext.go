package tailsamplingprocessor

import (
	"encoding/binary"
	"errors"
)

// appendValues appends a key and its values to a text that tells combinations apart in this process and outlives it: for each
// key that has values its name, their number, and them. Numbers are varints, a text is behind its length. A key without
// values is not in it; an empty value is.
func appendValues(text []byte, key string, values []string) []byte {
	if len(values) == 0 {
		return text
	}
	text = appendText(text, key)
	text = binary.AppendUvarint(text, uint64(len(values)))
	for _, v := range values {
		text = appendText(text, v)
	}
	return text
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

var errNotACombination = errors.New("cannot read stored metadata: it is no combination of values")

// parseValues reads what appendValues wrote.
func parseValues(text string) (map[string][]string, error) {
	r := valuesReader{rest: []byte(text)}
	values := map[string][]string{}
	for len(r.rest) > 0 && !r.failed {
		key := r.text()
		for n := r.number(); n > 0 && !r.failed; n-- {
			values[key] = append(values[key], r.text())
		}
	}
	if r.failed {
		return nil, errNotACombination
	}
	return values, nil
}

// valuesReader reads a text from its front until it is not what it has to be.
type valuesReader struct {
	rest   []byte
	failed bool
}

func (r *valuesReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.failed = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *valuesReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed = true
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}
