package orderedmap

// Map is a map without content.
type Map[K comparable, V any] struct{}

// New returns one.
func New[K comparable, V any]() *Map[K, V] { return nil }

// Set does nothing, and tells that there was no such key.
func (*Map[K, V]) Set(K, V) bool { return false }

// Pair is an element of a map.
type Pair[K comparable, V any] interface {
	Key() K
	Value() V
	Next() Pair[K, V]
}

// First is nil: there is none.
func (*Map[K, V]) First() Pair[K, V] { return nil }
