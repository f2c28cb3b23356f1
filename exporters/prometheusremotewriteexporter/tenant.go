package prometheusremotewriteexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"golang.org/x/net/http/httpguts"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

// TenantConfig is how requests tell whose metrics they have.
type TenantConfig struct {
	// ResourceAttribute is the key of the resource attribute whose value goes into the header. Empty, the default: none.
	ResourceAttribute string `mapstructure:"resource_attribute"`
	// Header is the header's name. Default X-Scope-OrgID.
	Header string `mapstructure:"header"`
	// Default is what the header says for resources without the attribute. Empty, the default: they are sent without it.
	Default string `mapstructure:"default"`
	// Max is the most tenants of which something is queued, with those that include_metadata_keys tell apart. Metrics of
	// others are left out. Default 100.
	Max int `mapstructure:"max"`
}

// connectionHeaders are none that a value of somebody else's may go into.
var connectionHeaders = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection"}

func defaultTenant() TenantConfig { return TenantConfig{Header: "X-Scope-OrgID", Max: 100} }

// Validate returns all that is wrong with it.
func (c *TenantConfig) Validate() error {
	var errs []error
	if c.Header == "" {
		errs = append(errs, errors.New("header must be set: X-Scope-OrgID is the default"))
	}
	if c.Max < 1 {
		errs = append(errs, fmt.Errorf("max must be at least 1 (got %d): each tenant takes memory", c.Max))
	}
	return errors.Join(errs...)
}

// validateTenant returns what is wrong between the headers of tenants and others.
func (c *Config) validateTenant() error {
	var errs []error
	names := map[string]string{}
	for _, key := range c.IncludeMetadataKeys {
		names[key] = "include_metadata_keys"
	}
	if c.Tenant.ResourceAttribute != "" {
		names[c.Tenant.Header] = "tenant.header"
	}
	for name, key := range names {
		canonical := http.CanonicalHeaderKey(name)
		if !httpguts.ValidHeaderFieldName(name) {
			errs = append(errs, fmt.Errorf("%s must be names of headers (got %q): letters, digits and hyphens", key, name))
		}
		if slices.ContainsFunc(append(connectionHeaders, reservedRequestHeaders...), func(h string) bool { return http.CanonicalHeaderKey(h) == canonical }) {
			errs = append(errs, fmt.Errorf("%s must not have %q: the protocol sets it, remove it", key, name))
		}
		for header := range c.HTTP.Headers.Iter {
			if http.CanonicalHeaderKey(header) == canonical {
				errs = append(errs, fmt.Errorf("headers must not set %q: %s does, remove the one", header, key))
			}
		}
	}
	return errors.Join(errs...)
}

// tenants returns how many different headers requests may have.
func (c *Config) tenants() int {
	if c.Tenant.ResourceAttribute == "" && len(c.IncludeMetadataKeys) == 0 {
		return 1
	}
	return c.Tenant.Max
}

// share is what of a payload belongs to a tenant.
type share struct {
	headers remotewrite.Headers
	translate.Share
}

// shares parts a payload by tenant. There are at most as many as there may be tenants: refused are the data points of the
// others.
func (c *Config) shares(ctx context.Context, md pmetric.Metrics) (out []share, refused int) {
	common := c.metadataHeaders(ctx)
	if c.Tenant.ResourceAttribute == "" {
		headers := remotewrite.MakeHeaders(common...)
		return []share{{headers, translate.Share{Name: string(headers)}}}, 0
	}
	known := map[string]int{} // tenant -> place in out
	for i, rm := range md.ResourceMetrics().All() {
		tenant := c.Tenant.of(rm.Resource())
		at, ok := known[tenant]
		if !ok && len(out) >= c.Tenant.Max {
			refused += translate.DataPoints(rm)
			continue
		}
		if !ok {
			at, known[tenant] = len(out), len(out)
			headers := remotewrite.MakeHeaders(append(slices.Clip(common), remotewrite.Header{Name: c.Tenant.Header, Value: tenant})...)
			out = append(out, share{headers, translate.Share{Name: string(headers)}})
		}
		out[at].Resources = append(out[at].Resources, i)
	}
	return out, refused
}

// of returns the tenant of a resource.
func (c *TenantConfig) of(r pcommon.Resource) string {
	if v, ok := r.Attributes().Get(c.ResourceAttribute); ok {
		if text := v.AsString(); text != "" {
			return text
		}
	}
	return c.Default
}

func (c *Config) metadataHeaders(ctx context.Context) []remotewrite.Header {
	if len(c.IncludeMetadataKeys) == 0 {
		return nil
	}
	var out []remotewrite.Header
	metadata := client.FromContext(ctx).Metadata
	for _, key := range c.IncludeMetadataKeys {
		for _, value := range metadata.Get(key) {
			out = append(out, remotewrite.Header{Name: http.CanonicalHeaderKey(key), Value: value})
		}
	}
	return out
}
