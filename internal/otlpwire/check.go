package otlpwire

// frame is a message that was left for a sub-message of it and is returned to.
type frame struct {
	end     uint32
	message messageID
}

// maxFrames is enough for an event or link, an attribute of it, and MaxDepth times value, map, attribute.
const maxFrames = 2 + 3*MaxDepth

// check validates a message that nobody looks into, with everything below it. The message begins at pos and ends where b
// ends; depth says how many values it is nested in.
//
// It does not recurse: every cycle among the messages goes through AnyValue, and the depth of those bounds the stack.
func (s *scanner) check(b []byte, pos int, m messageID, depth int) bool {
	top, end := 0, len(b)
	for {
		for pos == end {
			if top == 0 {
				return true
			}
			if m == anyValueMessage {
				depth--
			}
			top--
			end, m = int(s.stack[top].end), s.stack[top].message
		}
		f, ok := s.next(b[:end], pos, m)
		if !ok {
			return false
		}
		inner := typeOf(m, f.num).message
		if inner == noMessage {
			pos = f.end
			continue
		}
		if inner == anyValueMessage {
			if depth++; depth > MaxDepth {
				return s.fail(pos, ErrTooDeep)
			}
		}
		s.stack[top] = frame{uint32(end), m}
		top++
		pos, end, m = f.start, f.end, inner
	}
}
