package otlpwire

// frame is a message that is left for a sub-message of it and returned to.
type frame struct {
	end     uint32
	message messageID
}

// maxFrames is enough for an event or link, an attribute of it, and MaxDepth times value, map, attribute.
const maxFrames = 2 + 3*MaxDepth

// check validates a message that begins at pos and ends where b ends, with everything below it. depth says how many
// values the message is nested in. It returns where and why the message is invalid.
//
// It does not recurse: every cycle among the messages goes through AnyValue, and the depth of those bounds the stack.
func check(b []byte, pos int, m messageID, depth int) (at int, err error) {
	var stack [maxFrames]frame
	top, end := 0, len(b)
	for {
		for pos == end {
			if top == 0 {
				return 0, nil
			}
			if m == anyValueMessage {
				depth--
			}
			top--
			end, m = int(stack[top].end), stack[top].message
		}
		f, err := readField(b[:end], pos, m)
		if err != nil {
			return pos, err
		}
		inner := typeOf(m, f.num).message
		if inner == noMessage || inner == keyValueMessage && depth < MaxDepth && isPlain(b[f.start:f.end]) {
			pos = f.end
			continue
		}
		if inner == anyValueMessage {
			if depth++; depth > MaxDepth {
				return pos, ErrTooDeep
			}
		}
		stack[top] = frame{uint32(end), m}
		top++
		pos, end, m = f.start, f.end, inner
	}
}
