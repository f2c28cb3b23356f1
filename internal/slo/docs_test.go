package slo

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func docs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "slis.md"))
	require.NoError(t, err)
	return string(text)
}

func TestEveryExampleOfTheDocumentationLoads(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(docs(t), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		if strings.HasPrefix(block[1], "receivers:") {
			var raw map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(block[1]), &raw))
			sub, err := confmap.NewFromStringMap(raw).Sub("receivers::otlp_slo::slo")
			require.NoError(t, err)
			var cfg Config
			require.NoError(t, sub.Unmarshal(&cfg))
			require.NoError(t, cfg.Validate())
			require.NotEmpty(t, cfg.SLOs)
			continue
		}
		slos, err := decodeFile("slis.md", []byte(block[1]))
		require.NoError(t, err)
		require.NotEmpty(t, slos)
		require.NoError(t, (&Config{SLOs: slos}).Validate())
	}
}

func TestTheDocumentationNamesTheMetricsReasonsAndAgents(t *testing.T) {
	text := docs(t)
	for _, name := range []string{metricEvents, metricExcluded, metricSkew, metricParentUnknown, metricObjective} {
		assert.Contains(t, text, "`"+name+"`")
	}
	for _, name := range append(append(reasonNames[1:], probeAgents...), healthSubtrees...) {
		assert.Contains(t, text, "`"+name+"`")
	}
	for current := range olderNames {
		assert.Contains(t, text, "`"+current+"`")
	}
	for route := range strings.SplitSeq(regexp.MustCompile("(?s)`health_route` \\|(.*?); or lies").FindStringSubmatch(text)[1], "`") {
		if strings.HasPrefix(route, "/") {
			assert.True(t, isHealthRoute(route), route)
		}
	}
}

func TestTheDocumentationTellsWhenABudgetBurns(t *testing.T) {
	text := docs(t)
	for _, is := range []string{
		fmt.Sprintf("at least %d.%d, with at least %d bad events", burnRateTenths/10, burnRateTenths%10, burnBadMin),
		fmt.Sprintf("judged from the counters every %d s", int(burnEvery.Seconds())),
		fmt.Sprintf("%d,%03d services and groups are judged", burnSubjectsMax/1000, burnSubjectsMax%1000),
	} {
		assert.Contains(t, text, is)
	}
}
