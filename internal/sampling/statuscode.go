package sampling

import (
	"fmt"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// StatusCodeConfig is the `status_code:` block: the policy matches a trace with a span of one of these statuses.
type StatusCodeConfig struct {
	// StatusCodes are at least one of OK, ERROR, UNSET.
	StatusCodes []string `mapstructure:"status_codes"`
}

var statusByName = map[string]int{
	"UNSET": spanview.StatusUnset,
	"OK":    spanview.StatusOK,
	"ERROR": spanview.StatusError,
}

func (s *StatusCodeConfig) validate(path string, errs *problems) {
	if len(s.StatusCodes) == 0 {
		errs.addf(path+".status_codes", "must list at least one of OK, ERROR, UNSET (got none)")
	}
	for i, name := range s.StatusCodes {
		if _, known := statusByName[name]; !known {
			errs.addf(fmt.Sprintf("%s.status_codes[%d]", path, i), "must be OK, ERROR or UNSET (got %q)", name)
		}
	}
}

func (s *StatusCodeConfig) compile(c *compiler) (condition, error) {
	var wanted [statuses]bool
	for _, name := range s.StatusCodes {
		wanted[statusByName[name]] = true
	}
	bit, _, err := c.bit(fmt.Sprintf("status %v", wanted))
	if err != nil {
		return nil, err
	}
	for status, want := range wanted {
		if want {
			c.policies.statusBits[status] |= bit
		}
	}
	return anyBit(bit), nil
}
