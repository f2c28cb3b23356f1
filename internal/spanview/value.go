package spanview

import "math"

// ValueType says what an attribute's value is. The zero type means that the attribute is absent.
type ValueType uint8

const (
	// Absent: the span or resource has no attribute of that key.
	Absent ValueType = iota
	// Empty: the attribute is there, its value is not set.
	Empty
	String
	Bool
	Int
	Double
	Bytes
	// Complex is an array or a map; Str holds the wire bytes of its AnyValue.
	Complex
)

// Value is the value of one attribute, 32 bytes, copied freely.
type Value struct {
	// Str is the text of a String, the bytes of a Bytes, the AnyValue's wire bytes of a Complex; else empty.
	// It aliases the request.
	Str string
	// Num is the bit pattern of a Bool (0 or 1), an Int or a Double; else 0.
	Num  uint64
	Type ValueType
}

// Present reports whether the attribute exists, with or without a value.
func (v *Value) Present() bool { return v.Type != Absent }

// Int returns the number of an Int value, 0 for other types.
func (v *Value) Int() int64 {
	if v.Type != Int {
		return 0
	}
	return int64(v.Num)
}

// Double returns the number of a Double value, 0 for other types.
func (v *Value) Double() float64 {
	if v.Type != Double {
		return 0
	}
	return math.Float64frombits(v.Num)
}

// Bool returns the truth of a Bool value, false for other types.
func (v *Value) Bool() bool { return v.Type == Bool && v.Num != 0 }
