package otlpwire

// MaxDepth bounds how deep an attribute's value may be nested: the value itself is at depth 1, what an array or a map in
// it holds at depth 2, and so on.
const MaxDepth = 128

// messageID names a message of OTLP, see [messages].
type messageID uint8

const (
	noMessage messageID = iota
	requestMessage
	resourceSpansMessage
	resourceMessage
	entityRefMessage
	scopeSpansMessage
	scopeMessage
	spanMessage
	eventMessage
	linkMessage
	statusMessage
	keyValueMessage
	anyValueMessage
	arrayMessage
	keyValueListMessage
)

// kind is what a field holds.
type kind uint8

const (
	unknown kind = iota
	number       // varint
	fixed64
	fixed32
	text // string or bytes
	traceID
	spanID
	message
)

// wireTypes holds the wire type of a kind.
var wireTypes = [...]uint8{
	number: wireVarint, fixed64: wireFixed64, fixed32: wireFixed32, text: wireLen, traceID: wireLen, spanID: wireLen, message: wireLen,
}

// fieldType is the definition of a field; the zero fieldType is that of an unknown one.
type fieldType struct {
	kind    kind
	message messageID // where kind is message
}

// deprecatedScopeSpans is the field of ResourceSpans that held what is ScopeSpans now.
const deprecatedScopeSpans = 1000

// messages holds the fields of every message by their numbers: those that pdata v1.66 knows, since it skips the others
// with whatever wire type they have.
var messages = [...][]fieldType{
	requestMessage: {1: {message, resourceSpansMessage}},
	resourceSpansMessage: {
		1: {message, resourceMessage}, 2: {message, scopeSpansMessage}, 3: {kind: text},
		deprecatedScopeSpans: {message, scopeSpansMessage},
	},
	resourceMessage:  {1: {message, keyValueMessage}, 2: {kind: number}, 3: {message, entityRefMessage}},
	entityRefMessage: {1: {kind: text}, 2: {kind: text}, 3: {kind: text}, 4: {kind: text}},
	scopeSpansMessage: {
		1: {message, scopeMessage}, 2: {message, spanMessage}, 3: {kind: text},
	},
	scopeMessage: {1: {kind: text}, 2: {kind: text}, 3: {message, keyValueMessage}, 4: {kind: number}},
	spanMessage: {
		1: {kind: traceID}, 2: {kind: spanID}, 3: {kind: text}, 4: {kind: spanID}, 5: {kind: text}, 6: {kind: number},
		7: {kind: fixed64}, 8: {kind: fixed64}, 9: {message, keyValueMessage}, 10: {kind: number},
		11: {message, eventMessage}, 12: {kind: number}, 13: {message, linkMessage}, 14: {kind: number},
		15: {message, statusMessage}, 16: {kind: fixed32},
	},
	eventMessage: {1: {kind: fixed64}, 2: {kind: text}, 3: {message, keyValueMessage}, 4: {kind: number}},
	linkMessage: {
		1: {kind: traceID}, 2: {kind: spanID}, 3: {kind: text}, 4: {message, keyValueMessage}, 5: {kind: number}, 6: {kind: fixed32},
	},
	statusMessage:   {2: {kind: text}, 3: {kind: number}},
	keyValueMessage: {1: {kind: text}, 2: {message, anyValueMessage}, 3: {kind: number}},
	anyValueMessage: {
		1: {kind: text}, 2: {kind: number}, 3: {kind: number}, 4: {kind: fixed64},
		5: {message, arrayMessage}, 6: {message, keyValueListMessage}, 7: {kind: text}, 8: {kind: number},
	},
	arrayMessage:        {1: {message, anyValueMessage}},
	keyValueListMessage: {1: {message, keyValueMessage}},
}
