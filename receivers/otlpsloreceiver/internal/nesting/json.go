package nesting

// bracketsMax is more than a request with values nested Max deep has: a key-value list takes four brackets a level, and
// what stands around a value less than thirty.
const bracketsMax = 4*Max + 30

// CheckJSON refuses JSON whose objects and lists are nested deeper than values nested Max deep need. It checks nothing
// else: what is malformed is for the decoder to refuse.
func CheckJSON(text []byte) error {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > bracketsMax {
				return ErrTooDeep
			}
		case '}', ']':
			depth = max(depth-1, 0)
		case '"':
			i = endOfString(text, i+1)
		}
	}
	return nil
}

// endOfString returns the index of the quote that ends the string whose text begins at i.
func endOfString(text []byte, i int) int {
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return i
}
