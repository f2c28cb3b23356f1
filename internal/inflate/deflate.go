package inflate

import (
	"encoding/binary"
	"errors"
)

var (
	// ErrCorrupt says that the input is no DEFLATE.
	ErrCorrupt = errors.New("the compressed data is corrupt")
	// ErrCutOff says that the input ends too early.
	ErrCutOff = errors.New("the compressed data ends too early")
	// ErrFull says that the output has no room for all.
	ErrFull = errors.New("the decompressed data is larger than the room for it")
)

// Decoder is the memory that decompressing needs, 12 kB. The zero Decoder is ready.
type Decoder struct {
	symbols   [symbolTable]uint32
	distances [distanceTable]uint32
	lengths   [symbols + distances]uint8
	isFixed   bool // the tables are those of blocks with fixed codes
}

// Inflate decompresses src into dst and returns how many bytes it wrote, and how many of src it read. A few bytes of dst behind what
// it wrote may be changed.
func (d *Decoder) Inflate(dst, src []byte) (written, read int, err error) {
	in := input{src: src}
	n := 0
	for final := false; !final; {
		in.refill()
		final = in.take(1) == 1
		switch in.take(2) {
		case 0:
			n, err = in.stored(dst, n)
		case 1:
			d.fix()
			n, err = d.block(&in, dst, n)
		case 2:
			if err = d.readTables(&in); err == nil {
				n, err = d.block(&in, dst, n)
			}
		default:
			err = ErrCorrupt
		}
		if in.cutOff() {
			return n, len(src), ErrCutOff
		}
		if err != nil {
			return n, in.at, err
		}
	}
	in.align()
	return n, in.at, nil
}

// stored copies a block that is not compressed.
func (in *input) stored(dst []byte, n int) (int, error) {
	in.align()
	if len(in.src)-in.at < 4 {
		return n, ErrCutOff
	}
	size := int(binary.LittleEndian.Uint16(in.src[in.at:]))
	if uint16(size) != ^binary.LittleEndian.Uint16(in.src[in.at+2:]) {
		return n, ErrCorrupt
	}
	in.at += 4
	switch {
	case len(in.src)-in.at < size:
		return n, ErrCutOff
	case len(dst)-n < size:
		return n, ErrFull
	}
	copy(dst[n:], in.src[in.at:in.at+size])
	in.at += size
	return n + size, nil
}

// slack is how far one turn of the fast loop may write: two literals, the longest match, and up to eight bytes too many.
const slack = 2 + 258 + 8

// block decodes a block's symbols until its end.
func (d *Decoder) block(in *input, dst []byte, n int) (int, error) {
	n, done, err := d.fast(in, dst, n)
	for !done && err == nil {
		n, done, err = d.symbol(in, dst, n)
	}
	return n, err
}

// symbol decodes one, near the end of the input or the output.
func (d *Decoder) symbol(in *input, dst []byte, n int) (written int, done bool, err error) {
	in.refill()
	entry := lookUp(in, d.symbols[:], symbolBits)
	switch {
	case in.cutOff():
		return n, false, ErrCutOff
	case entry&literal != 0:
		if n == len(dst) {
			return n, false, ErrFull
		}
		dst[n] = byte(entry >> 16)
		return n + 1, false, nil
	case entry&exceptional != 0:
		if entry&invalid != 0 {
			return n, false, ErrCorrupt
		}
		return n, true, nil
	}
	length := int(entry>>16) + int(in.take(uint(entry&extraMask)>>8))
	entry = lookUp(in, d.distances[:], distanceBits)
	if entry&exceptional != 0 {
		return n, false, ErrCorrupt
	}
	distance := int(entry>>16) + int(in.take(uint(entry&extraMask)>>8))
	switch {
	case in.cutOff():
		return n, false, ErrCutOff
	case distance > n:
		return n, false, ErrCorrupt
	case length > len(dst)-n:
		return n, false, ErrFull
	}
	for range length {
		dst[n] = dst[n-distance]
		n++
	}
	return n, false, nil
}

// lookUp takes a code and returns what it stands for.
func lookUp(in *input, table []uint32, tableBits uint) uint32 {
	entry := table[in.buffer&(1<<tableBits-1)]
	if entry&longer != 0 {
		in.take(tableBits)
		entry = table[uint(entry>>16)+uint(in.buffer&(1<<(entry>>8&bitsMask)-1))]
	}
	in.take(uint(entry & bitsMask))
	return entry
}

// fast decodes symbols while neither end is near. What it does is what symbol does, with the input in local variables.
func (d *Decoder) fast(in *input, dst []byte, n int) (written int, done bool, err error) {
	src, at, buffer, left := in.src, in.at, in.buffer, in.left
	if in.beyond > 0 {
		return n, false, nil
	}
	table, distances := &d.symbols, &d.distances
	for len(src)-at >= 8 && len(dst)-n >= slack {
		buffer, at, left = fill56(src, at, buffer, left)
		entry := table[buffer&(1<<symbolBits-1)]
		if entry&literal != 0 { // up to three, with what is in the buffer
			dst[n] = byte(entry >> 16)
			n++
			buffer, left = drop(entry, buffer, left)
			if entry = table[buffer&(1<<symbolBits-1)]; entry&literal != 0 {
				dst[n] = byte(entry >> 16)
				n++
				buffer, left = drop(entry, buffer, left)
				if entry = table[buffer&(1<<symbolBits-1)]; entry&literal != 0 {
					dst[n] = byte(entry >> 16)
					n++
					buffer, left = drop(entry, buffer, left)
					continue
				}
			}
			if len(src)-at < 8 {
				break
			}
			buffer, at, left = fill56(src, at, buffer, left) // for a length and a distance
		}
		if entry&exceptional != 0 {
			if entry&longer != 0 {
				buffer, left = buffer>>symbolBits, left-symbolBits
				entry = table[uint(entry>>16)+uint(buffer&(1<<(entry>>8&bitsMask)-1))]
			}
			if entry&literal != 0 {
				dst[n] = byte(entry >> 16)
				n++
				buffer, left = drop(entry, buffer, left)
				continue
			}
			if entry&exceptional != 0 {
				buffer, left = drop(entry, buffer, left)
				if done = true; entry&invalid != 0 {
					err = ErrCorrupt
				}
				break
			}
		}
		var length, distance int
		length, buffer, left = value(entry, buffer, left)
		if entry = distances[buffer&(1<<distanceBits-1)]; entry&longer != 0 {
			buffer, left = buffer>>distanceBits, left-distanceBits
			entry = distances[uint(entry>>16)+uint(buffer&(1<<(entry>>8&bitsMask)-1))]
		}
		distance, buffer, left = value(entry, buffer, left)
		if entry&exceptional != 0 || distance > n {
			err = ErrCorrupt
			break
		}
		repeat(dst[n-distance:n+length+8], distance, length)
		n += length
	}
	in.at, in.buffer, in.left = at, buffer, left
	return n, done, err
}

// drop takes an entry's code from the buffer.
func drop(entry uint32, buffer uint64, left uint) (rest uint64, bits uint) {
	return buffer >> (entry & bitsMask), left - uint(entry&bitsMask)
}

// value takes the code and the extra bits of a length or distance from the buffer.
func value(entry uint32, buffer uint64, left uint) (v int, rest uint64, bits uint) {
	code, extra := uint(entry&bitsMask), uint(entry>>8&bitsMask)
	buffer >>= code
	return int(entry>>16) + int(buffer&(1<<extra-1)), buffer >> extra, left - code - extra
}

// repeat writes length bytes behind the first distance ones, which they repeat, and up to eight more.
func repeat(b []byte, distance, length int) {
	switch {
	case length > 16 && distance >= length:
		copy(b[distance:distance+length], b)
	case distance >= 8:
		for i := 0; i < length; i += 8 {
			binary.LittleEndian.PutUint64(b[distance+i:], binary.LittleEndian.Uint64(b[i:]))
		}
	default:
		for i := range length {
			b[distance+i] = b[i]
		}
	}
}
