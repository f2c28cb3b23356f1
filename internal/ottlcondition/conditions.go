package ottlcondition

import (
	"context"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspanevent"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

// conditions are those of one policy. They never change.
type conditions struct {
	span   []*ottl.Condition[*ottlspan.TransformContext]
	event  []*ottl.Condition[*ottlspanevent.TransformContext]
	mode   ottl.ErrorMode
	logger *zap.Logger
}

// Test implements sampling.SpanConditions. As in contrib the first condition that holds or fails ends it.
func (c *conditions) Test(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) (matched, failed bool) {
	if len(c.span) > 0 {
		asked := ottlspan.NewTransformContextPtr(rs, ss, span)
		matched, failed = testAny(c, c.span, asked)
		asked.Close()
		if matched || failed {
			return matched, failed
		}
	}
	if len(c.event) == 0 {
		return false, false
	}
	for _, event := range span.Events().All() {
		asked := ottlspanevent.NewTransformContextPtr(rs, ss, span, event)
		matched, failed = testAny(c, c.event, asked)
		asked.Close()
		if matched || failed {
			return matched, failed
		}
	}
	return false, false
}

func testAny[K any](c *conditions, list []*ottl.Condition[K], asked K) (matched, failed bool) {
	for _, condition := range list {
		holds, err := eval(condition, asked)
		switch {
		case err == nil && holds:
			return true, false
		case err == nil:
		case c.mode == ottl.PropagateError:
			c.logger.Debug("a sampling condition failed", zap.Stringer("condition", condition), zap.Error(err))
			return false, true
		case c.mode == ottl.IgnoreError:
			c.logger.Warn("a sampling condition failed and is ignored for the span", zap.Stringer("condition", condition), zap.Error(err))
		}
	}
	return false, false
}

// eval asks one condition. OTTL's functions are many and written by many: one that panics must not end the process.
func eval[K any](condition *ottl.Condition[K], asked K) (holds bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			holds, err = false, fmt.Errorf("cannot evaluate condition %q: panic: %v", condition, cause)
		}
	}()
	return condition.Eval(context.Background(), asked)
}
