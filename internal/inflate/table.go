package inflate

import "math/bits"

// An entry of a table:
//
//	literal      1<<31 | byte << 16                                      | bits
//	length       base << 16           | extra bits << 8                  | bits
//	distance     base << 16           | extra bits << 8                  | bits
//	end of block                        exceptional                      | bits
//	longer codes first entry << 16    | exceptional | longer | bits << 8 | bits
//	no code      exceptional | invalid
//
// bits is what the entry's code takes of the input; of a longer code what is left of it.
const (
	literal     = 1 << 31
	exceptional = 1 << 15
	longer      = 1 << 14
	invalid     = 1 << 13

	bitsMask  = 0x1f
	extraMask = 0x1f << 8
)

const (
	symbolBits   = 11
	distanceBits = 8
	precodeBits  = 7
	codeMax      = 15

	symbols   = 288
	distances = 32
	precodes  = 19

	// What tables may take with their longer codes: zlib's enough, for these sizes.
	symbolTable   = 2342
	distanceTable = 402
)

var (
	symbolEntries   [symbols]uint32
	distanceEntries [distances]uint32
	precodeEntries  [precodes]uint32
)

func init() {
	for i := range 256 {
		symbolEntries[i] = literal | uint32(i)<<16
	}
	symbolEntries[256] = exceptional
	length := uint32(3)
	for i := range 28 {
		extra := uint32(max(i/4-1, 0))
		symbolEntries[257+i] = length<<16 | extra<<8
		length += 1 << extra
	}
	symbolEntries[285] = 258 << 16
	symbolEntries[286], symbolEntries[287] = exceptional|invalid, exceptional|invalid
	distance := uint32(1)
	for i := range 30 {
		extra := uint32(max(i/2-1, 0))
		distanceEntries[i] = distance<<16 | extra<<8
		distance += 1 << extra
	}
	distanceEntries[30], distanceEntries[31] = exceptional|invalid, exceptional|invalid
	for i := range precodes {
		precodeEntries[i] = uint32(i) << 16
	}
}

// build makes the table of a code, given by the length of each symbol's; 0: the symbol has none. It reports whether the lengths make
// a code: each input is one of a symbol's, but where there is a single code of one bit, or none.
func build(table []uint32, tableBits uint, entries []uint32, lengths []uint8) bool {
	var count [codeMax + 1]int
	longest := 0
	for _, l := range lengths {
		count[l]++
		longest = max(longest, int(l))
	}
	count[0] = 0
	var next [codeMax + 2]int
	code := 0
	for l := 1; l <= longest; l++ {
		code <<= 1
		next[l] = code
		code += count[l]
	}
	whole := longest > 0 && code == 1<<longest
	if longest > 0 && !whole && (code != 1 || longest != 1) {
		return false
	}
	if !whole {
		for i := range 1 << tableBits {
			table[i] = exceptional | invalid
		}
	}
	if longest <= int(tableBits) {
		fill(table[:1<<tableBits], entries, lengths, &next)
		return true
	}
	fillLonger(table, tableBits, entries, lengths, next)
	return true
}

// fill enters codes that are no longer than the table's index.
func fill(table, entries []uint32, lengths []uint8, next *[codeMax + 2]int) {
	for symbol, l := range lengths {
		if l == 0 {
			continue
		}
		entry := entries[symbol] | uint32(l)
		for i := reversed(next[l], l); i < len(table); i += 1 << l {
			table[i] = entry
		}
		next[l]++
	}
}

// fillLonger enters codes of any length.
func fillLonger(table []uint32, tableBits uint, entries []uint32, lengths []uint8, next [codeMax + 2]int) {
	// The longest code below each entry of the first table.
	var below [1 << symbolBits]uint8
	again := next
	for _, l := range lengths {
		if l == 0 {
			continue
		}
		if uint(l) > tableBits {
			prefix := reversed(again[l], l) & (1<<tableBits - 1)
			below[prefix] = max(below[prefix], l)
		}
		again[l]++
	}
	end := 1 << tableBits
	for symbol, l := range lengths {
		if l == 0 {
			continue
		}
		at := reversed(next[l], l)
		next[l]++
		if uint(l) <= tableBits {
			entry := entries[symbol] | uint32(l)
			for i := at; i < 1<<tableBits; i += 1 << l {
				table[i] = entry
			}
			continue
		}
		prefix := at & (1<<tableBits - 1)
		if below[prefix] != 0 { // the first of its longer codes
			size := uint(below[prefix]) - tableBits
			table[prefix] = uint32(end)<<16 | exceptional | longer | uint32(size)<<8 | uint32(tableBits)
			end += 1 << size
			below[prefix] = 0
		}
		first, size := int(table[prefix]>>16), uint(table[prefix]>>8&bitsMask)
		entry := entries[symbol] | uint32(uint(l)-tableBits)
		for i := at >> tableBits; i < 1<<size; i += 1 << (uint(l) - tableBits) {
			table[first+i] = entry
		}
	}
}

// reversed is a code as it stands in the input, whose first bit is the lowest.
func reversed(code int, length uint8) int { return int(bits.Reverse16(uint16(code)) >> (16 - length)) }
