package coverage

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// class is what kind of thing a call goes to, as far as its span tells.
type class uint8

const (
	// classUnknown: nothing tells, or only an address that names nothing: an IP's, or that of this very host.
	classUnknown class = iota
	// classService: a service of one's own, which could be heard from.
	classService
	// classDatastore and classBroker are not expected to send spans.
	classDatastore
	classBroker
	// classExternal: a name of the public DNS.
	classExternal

	classes
)

var classNames = [classes]string{"unknown", "service", "datastore", "broker", "external"}

// peerKey is whom a call goes to.
type peerKey struct {
	class class
	name  string
}

// peerSlots are where the attributes of a call are that tell whom it goes to: current names and those before them, of which
// the first counts that has a text.
type peerSlots struct {
	service, datastore, database, broker, topic, host, url []spanview.SpanSlot
}

func (s *peerSlots) bind(schema *spanview.Schema) error {
	for _, want := range []struct {
		slots *[]spanview.SpanSlot
		keys  []string
	}{
		{&s.service, []string{"service.peer.name", "peer.service"}},
		{&s.datastore, []string{"db.system.name", "db.system", "db.type"}},
		{&s.database, []string{"db.namespace", "db.name", "db.instance"}},
		{&s.broker, []string{"messaging.system"}},
		{&s.topic, []string{"messaging.destination.name", "messaging.destination"}},
		{&s.host, []string{"server.address", "net.peer.name", "http.host"}},
		{&s.url, []string{"url.full", "http.url"}},
	} {
		for _, key := range want.keys {
			slot, err := schema.SpanSlot(key)
			if err != nil {
				return err
			}
			*want.slots = append(*want.slots, slot)
		}
	}
	return nil
}

// resolve returns whom a call with these attributes goes to.
func (s *peerSlots) resolve(values []spanview.Value) peerKey {
	key := s.read(values)
	key.name = strings.ToValidUTF8(key.name[:min(len(key.name), textMax)], "\uFFFD")
	return key
}

func (s *peerSlots) read(values []spanview.Value) peerKey {
	text := func(slots []spanview.SpanSlot) string {
		for _, slot := range slots {
			if v := &values[slot]; v.Type == spanview.String && v.Str != "" {
				return v.Str
			}
		}
		return ""
	}
	service, host := text(s.service), hostOf(text(s.host), text(s.url))
	if system := text(s.datastore); system != "" {
		return peerKey{classDatastore, firstOf(service, joined(system, text(s.database), host))}
	}
	if system := text(s.broker); system != "" {
		return peerKey{classBroker, firstOf(service, joined(system, text(s.topic), ""))}
	}
	if service != "" {
		return peerKey{classService, service}
	}
	return classify(host)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// joined returns e.g. mysql/orders@db-1.
func joined(system, part, host string) string {
	if part != "" {
		system += "/" + part
	}
	if host != "" {
		system += "@" + host
	}
	return system
}

// hostOf returns the host's name, of an address or else of a URL, in lower case and without a port; "" where it is none:
// an IP address, a socket, a target of gRPC's with a scheme.
func hostOf(address, fullURL string) string {
	if address == "" && fullURL != "" {
		u, err := url.Parse(fullURL)
		if err != nil {
			return ""
		}
		address = u.Hostname()
	}
	if address == "" || strings.ContainsAny(address, "/[") || strings.HasPrefix(address, "unix:") || isIP(address) {
		return ""
	}
	host, _, _ := strings.Cut(address, ":")
	if isIP(host) {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isIP(text string) bool {
	if text == "" || text[0] > '9' && !strings.Contains(text, ":") { // of names, the most
		return false
	}
	_, err := netip.ParseAddr(text)
	return err == nil
}

// insideDomains end names that a network gives out itself.
var insideDomains = []string{".svc", ".local", ".internal", ".intranet", ".lan", ".corp", ".home.arpa", ".consul"}

// classify says what a host is by its name.
func classify(host string) peerKey {
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return peerKey{}
	}
	if !strings.Contains(host, ".") {
		return peerKey{classService, host}
	}
	if before, _, ok := strings.Cut(host+".", ".svc."); ok {
		return peerKey{classService, kubernetesService(before)}
	}
	for _, domain := range insideDomains {
		if strings.HasSuffix(host, domain) {
			return peerKey{classService, host}
		}
	}
	return peerKey{classExternal, host}
}

// kubernetesService returns the service of "service.namespace" or "pod.service.namespace".
func kubernetesService(name string) string {
	labels := strings.Split(name, ".")
	return labels[max(len(labels)-2, 0)]
}

func firstLabel(host string) string {
	label, _, _ := strings.Cut(host, ".")
	return label
}
