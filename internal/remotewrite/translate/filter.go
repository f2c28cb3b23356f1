package translate

import "unicode/utf8"

// AttributeFilter chooses attributes by their keys. A pattern is a key in which * stands for any text, also none, and ?
// for one character.
type AttributeFilter struct {
	// Included are patterns of what is chosen; empty: nothing is, or where Excluded is not empty, all but those.
	Included []string
	// Excluded are patterns of what is not chosen, whatever Included says.
	Excluded []string
}

func (f *AttributeFilter) empty() bool { return len(f.Included)+len(f.Excluded) == 0 }

func (f *AttributeFilter) chooses(key string) bool {
	for _, pattern := range f.Excluded {
		if matches(pattern, key) {
			return false
		}
	}
	for _, pattern := range f.Included {
		if matches(pattern, key) {
			return true
		}
	}
	return len(f.Included) == 0 && len(f.Excluded) > 0
}

// matches compares from left to right. Where that fails, the last * takes one more character: those before it need none.
func matches(pattern, key string) bool {
	p, k := 0, 0
	star, taken := -1, 0 // place after the last *, and of the key after what it took
	for k < len(key) {
		_, size := utf8.DecodeRuneInString(key[k:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			star, taken = p, k
		case p < len(pattern) && pattern[p] == '?':
			p, k = p+1, k+size
		case p < len(pattern) && pattern[p] == key[k]:
			p, k = p+1, k+1
		case star >= 0:
			_, size = utf8.DecodeRuneInString(key[taken:])
			taken += size
			p, k = star, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
