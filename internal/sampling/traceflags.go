package sampling

// traceFlags is the policy that matches a trace with a span whose W3C flag "sampled" is set. It has no block.
type traceFlags struct{}

// flagSampled is the W3C trace flag "sampled", in the lowest bits of OTLP's SpanFlags.
const flagSampled = 1

func (traceFlags) validate(string, *problems) {}

func (traceFlags) compile(c *compiler) (condition, error) {
	bit, _, err := c.bit("flag sampled")
	c.policies.sampledBit = bit
	return anyBit(bit), err
}
