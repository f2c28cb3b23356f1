package inflate

// fix makes the tables of fixed codes (RFC 1951, 3.2.6).
func (d *Decoder) fix() {
	if d.isFixed {
		return
	}
	l := d.lengths[:symbols]
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	build(d.symbols[:], symbolBits, symbolEntries[:], l)
	l = d.lengths[:distances]
	for i := range l {
		l[i] = 5
	}
	build(d.distances[:], distanceBits, distanceEntries[:], l)
	d.isFixed = true
}

// precodeOrder is the order in which the lengths of the code of code lengths come.
var precodeOrder = [precodes]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readTables reads the codes of a block (RFC 1951, 3.2.7).
func (d *Decoder) readTables(in *input) error {
	d.isFixed = false
	symbolCount := int(in.take(5)) + 257
	distanceCount := int(in.take(5)) + 1
	precodeCount := int(in.take(4)) + 4
	if symbolCount > 286 || distanceCount > 30 {
		return ErrCorrupt
	}
	var precode [precodes]uint8
	for i := range precodeCount {
		in.refill()
		precode[precodeOrder[i]] = uint8(in.take(3))
	}
	var table [1 << precodeBits]uint32
	if !build(table[:], precodeBits, precodeEntries[:], precode[:]) {
		return ErrCorrupt
	}
	if err := d.readLengths(in, table[:], symbolCount+distanceCount); err != nil {
		return err
	}
	if !build(d.symbols[:], symbolBits, symbolEntries[:], d.lengths[:symbolCount]) ||
		!build(d.distances[:], distanceBits, distanceEntries[:], d.lengths[symbolCount:symbolCount+distanceCount]) {
		return ErrCorrupt
	}
	return nil
}

// readLengths reads code lengths, of which runs are told once.
func (d *Decoder) readLengths(in *input, table []uint32, count int) error {
	for i := 0; i < count; {
		in.refill()
		entry := table[in.buffer&(1<<precodeBits-1)]
		if entry&invalid != 0 {
			return ErrCorrupt
		}
		in.take(uint(entry & bitsMask))
		symbol := uint8(entry >> 16)
		if symbol < 16 {
			d.lengths[i] = symbol
			i++
			continue
		}
		var value uint8
		var repeat int
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			value, repeat = d.lengths[i-1], 3+int(in.take(2))
		case 17:
			repeat = 3 + int(in.take(3))
		default:
			repeat = 11 + int(in.take(7))
		}
		if repeat > count-i {
			return ErrCorrupt
		}
		for range repeat {
			d.lengths[i] = value
			i++
		}
		if in.cutOff() {
			return ErrCutOff
		}
	}
	return nil
}
