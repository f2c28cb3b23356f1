package ottlcondition

import (
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspanevent"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Compiler returns what sampling compiles conditions with. What they log goes to the component's logger.
func Compiler(set component.TelemetrySettings) sampling.CompileConditions {
	return func(path string, span, spanEvent []string, errorMode string) (sampling.SpanConditions, error) {
		c := &conditions{mode: ottl.ErrorMode(errorMode), logger: set.Logger}
		var spanErr, eventErr error
		c.span, spanErr = compileSpan(set, path+".span", span)
		c.event, eventErr = compileSpanEvent(set, path+".spanevent", spanEvent)
		if err := errors.Join(spanErr, eventErr); err != nil {
			return nil, err
		}
		return c, nil
	}
}

// Check reports what compiling a valid configuration would report, conditions included; of one that is not valid it
// reports nothing, because that is told already.
func Check(cfg sampling.Config) error {
	if cfg.Validate() != nil {
		return nil
	}
	set := component.TelemetrySettings{Logger: zap.NewNop()}
	_, err := sampling.Compile(cfg, sampling.Options{Conditions: Compiler(set)}, &spanview.Schema{})
	return err
}

func compileSpan(set component.TelemetrySettings, path string, list []string) ([]*ottl.Condition[*ottlspan.TransformContext], error) {
	functions := ottlfuncs.StandardConverters[*ottlspan.TransformContext]()
	isRoot := ottlfuncs.NewIsRootSpanFactory()
	functions[isRoot.Name()] = isRoot
	parser, err := ottlspan.NewParser(functions, set, ottlspan.EnablePathContextNames())
	if err != nil {
		return nil, fmt.Errorf("cannot make a parser for %q: %w", path, err)
	}
	return compile(set, &parser, ottlspan.ContextName, path, list)
}

func compileSpanEvent(set component.TelemetrySettings, path string, list []string) ([]*ottl.Condition[*ottlspanevent.TransformContext], error) {
	functions := ottlfuncs.StandardConverters[*ottlspanevent.TransformContext]()
	parser, err := ottlspanevent.NewParser(functions, set, ottlspanevent.EnablePathContextNames())
	if err != nil {
		return nil, fmt.Errorf("cannot make a parser for %q: %w", path, err)
	}
	return compile(set, &parser, ottlspanevent.ContextName, path, list)
}

// compile reads a list of conditions one by one, so that each wrong one is told with its place. A collection of parsers
// is what puts the list's own context before paths that name none.
func compile[K any](set component.TelemetrySettings, parser *ottl.Parser[K], contextName, path string, list []string) ([]*ottl.Condition[K], error) {
	type parsed = []*ottl.Condition[K]
	keep := func(_ *ottl.ParserCollection[parsed], _ ottl.ConditionsGetter, p parsed) (parsed, error) {
		return p, nil
	}
	parsers, err := ottl.NewParserCollection(set,
		ottl.EnableParserCollectionModifiedPathsLogging[parsed](true),
		ottl.WithParserCollectionContext(contextName, parser, ottl.WithConditionConverter(keep)))
	if err != nil {
		return nil, fmt.Errorf("cannot make a parser for %q: %w", path, err)
	}
	var all parsed
	var errs []error
	for i, text := range list {
		one, err := parsers.ParseConditionsWithContext(contextName, ottl.NewConditionsGetter([]string{text}), true)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d] must be an OTTL condition (got %q): %w", path, i, text, err))
		}
		all = append(all, one...)
	}
	return all, errors.Join(errs...)
}
