package prometheusremotewriteexporter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

// These have the keys of what they are named after, without its Unmarshal: that of the HTTP client ignores unknown
// keys, and that of Config is here.
type (
	plainConfig Config
	plainHTTP   confighttp.ClientConfig
)

// Unmarshal reads the configuration. The settings of the HTTP client may stand under http or, as in older
// configurations, at the top level, and end up in HTTP either way. It is done by hand because a squashed struct with an
// Unmarshal of its own switches off the check for unknown keys.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	top, http, err := separate(conf)
	if err != nil {
		return err
	}
	strict := plainHTTP(c.HTTP)
	if err := http.Unmarshal(&strict); err != nil {
		return err
	}
	if err := http.Unmarshal(&c.HTTP); err != nil {
		return err
	}
	c.applyDefaults(top)
	if err := top.Unmarshal((*plainConfig)(c)); err != nil {
		return err
	}
	c.resolve(top)
	return nil
}

// separate returns what a configuration says of the exporter and of its HTTP client.
func separate(conf *confmap.Conf) (top, http *confmap.Conf, err error) {
	top, http = confmap.New(), confmap.New()
	if err := errors.Join(top.Merge(conf), http.Merge(conf)); err != nil {
		return nil, nil, err
	}
	client := httpKeys()
	var atTop []string
	for key := range conf.ToStringMap() {
		if slices.Contains(client, key) {
			atTop = append(atTop, key)
			top.Delete(key)
		} else {
			http.Delete(key)
		}
	}
	if !conf.IsSet("http") {
		return top, http, nil
	}
	// The contrib exporter reads a timeout at the top level beside http too.
	atTop = slices.DeleteFunc(atTop, func(key string) bool { return key == "timeout" })
	if len(atTop) > 0 {
		slices.Sort(atTop)
		return nil, nil, fmt.Errorf("http must not be mixed with settings of the HTTP client at the top level: move %s into http", strings.Join(atTop, ", "))
	}
	under, err := conf.Sub("http")
	if err != nil {
		return nil, nil, fmt.Errorf("http must be a block of settings: %w", err)
	}
	top.Delete("http")
	return top, http, http.Merge(under)
}

// httpKeys returns the keys of the HTTP client's settings.
func httpKeys() []string {
	var keys []string
	t := reflect.TypeFor[confighttp.ClientConfig]()
	for field := range t.Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}
