package repotest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Grafana's data sources point at what the standalone configuration opens, and at each other.
func TestGrafanaPointsAtStandalone(t *testing.T) {
	var grafana struct {
		Datasources []struct {
			UID, Type, URL string
			JSONData       struct {
				Exemplars []struct {
					Name          string
					DatasourceUID string `yaml:"datasourceUid"`
				} `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deploy/grafana/datasources.yaml")), &grafana))
	require.Len(t, grafana.Datasources, 2)
	metrics, traces := grafana.Datasources[0], grafana.Datasources[1]

	type server struct{ HTTP struct{ Endpoint string } }
	var standalone struct {
		Exporters  map[string]server
		Extensions map[string]server
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "configs/standalone.yaml")), &standalone))
	require.Equal(t, "http://"+standalone.Extensions["embedded_prometheus"].HTTP.Endpoint, metrics.URL)
	require.Equal(t, "http://"+standalone.Exporters["trace_store"].HTTP.Endpoint, traces.URL)
	require.Equal(t, []string{"prometheus", "tempo"}, []string{metrics.Type, traces.Type})
	require.Len(t, metrics.JSONData.Exemplars, 1)
	require.Equal(t, "trace_id", metrics.JSONData.Exemplars[0].Name, "the label of our exemplars")
	require.Equal(t, traces.UID, metrics.JSONData.Exemplars[0].DatasourceUID)
}
