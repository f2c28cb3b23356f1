package slo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// objectiveOne is an objective of 100 %: objectives are held in parts per billion, exactly.
const objectiveOne = 1_000_000_000

// parseObjective reads an objective as parts per billion. A float is read by the shortest decimal that names it, which
// is what was written, so no rounding comes in.
func parseObjective(raw any) (int64, error) {
	text, err := numberText(raw)
	if err != nil {
		return 0, err
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	ppb, err := parseBillionths(strings.TrimSpace(number))
	if err != nil {
		return 0, err
	}
	if !percent && ppb == objectiveOne {
		return 0, errors.New(`must say what 1 means: write "1%", or a ratio below 1`)
	}
	if percent || ppb > objectiveOne {
		if ppb%100 != 0 {
			return 0, errors.New("must have at most 7 decimals of a percent")
		}
		ppb /= 100
	}
	if ppb <= 0 || ppb >= objectiveOne {
		return 0, errors.New("must lie between 0 and 100 percent, both excluded: 100 leaves no budget, 0 needs none")
	}
	return ppb, nil
}

func numberText(raw any) (string, error) {
	switch v := raw.(type) {
	case nil:
		return "", errors.New(`is required: write 99.9, "99.9%" or 0.999`)
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf(`must be a number, or text as in "99.9%%", not a %T`, raw)
}

// parseBillionths reads an unsigned plain decimal number times 10^9.
func parseBillionths(number string) (int64, error) {
	whole, fraction, _ := strings.Cut(number, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > 9 {
		return 0, errors.New("must have at most 9 decimals")
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", 9-len(fraction)), 10, 63)
	if err != nil || whole == "" {
		return 0, errors.New(`must be a plain decimal number, as in 99.9, "99.9%" or 0.999`)
	}
	return int64(n), nil
}
