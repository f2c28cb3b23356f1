package sampling

// alwaysSample is the policy that matches every trace. It has no block.
type alwaysSample struct{}

func (alwaysSample) validate(string, *problems) {}

func (alwaysSample) compile(*compiler) (condition, error) { return alwaysSample{}, nil }

func (alwaysSample) eval(facts) outcome { return holdsFinal }
