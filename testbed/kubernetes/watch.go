package kubernetes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// watch streams events until the client goes. One that has no version yet is told first what is there; one that asks for
// initial events, as client-go does in place of a list, is also told where they end.
func (s *Server) watch(w http.ResponseWriter, req *http.Request, selects selector) {
	query := req.URL.Query()
	seen, err := strconv.Atoi(query.Get("resourceVersion"))
	initial := query.Get("sendInitialEvents") == "true"
	var pending []event
	s.mu.Lock()
	if err != nil || seen == 0 || initial {
		for _, e := range s.current() {
			e.Type = "ADDED"
			pending = append(pending, e)
		}
		seen = len(s.events)
	}
	s.mu.Unlock()
	if initial {
		pending = append(pending, selects.endOfInitial(seen))
	}
	encoder := json.NewEncoder(w)
	for {
		for _, e := range pending {
			if selects.event(e) {
				// An error means that the client has gone, which ends the request.
				_ = encoder.Encode(e)
			}
		}
		_ = http.NewResponseController(w).Flush()
		s.mu.Lock()
		pending, seen = s.events[min(seen, len(s.events)):], len(s.events)
		changed := s.changed
		s.mu.Unlock()
		if len(pending) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-req.Context().Done():
			return
		}
	}
}

// selector is what a list or watch wants.
type selector struct {
	collection, namespace string
	fields, labels        map[string]string
}

func newSelector(collection, namespace string, query url.Values) (selector, error) {
	s := selector{collection: collection, namespace: namespace}
	var err error
	if s.fields, err = equalities(query.Get("fieldSelector")); err != nil {
		return s, err
	}
	s.labels, err = equalities(query.Get("labelSelector"))
	return s, err
}

// equalities parses "a=b,c=d"; selectors know more than that, but not this server.
func equalities(text string) (map[string]string, error) {
	out := map[string]string{}
	for term := range strings.SplitSeq(text, ",") {
		if term == "" {
			continue
		}
		key, value, ok := strings.Cut(term, "=")
		if !ok || strings.HasSuffix(key, "!") || strings.HasPrefix(value, "=") {
			return nil, fmt.Errorf("selector %q is more than equalities", text)
		}
		out[key] = value
	}
	return out, nil
}

func (s selector) event(e event) bool {
	if e.Type == "BOOKMARK" {
		return true
	}
	if e.collection != s.collection || s.namespace != "" && e.Object.text("metadata", "namespace") != s.namespace {
		return false
	}
	for key, want := range s.fields {
		if e.Object.text(strings.Split(key, ".")...) != want {
			return false
		}
	}
	for key, want := range s.labels {
		if e.Object.text("metadata", "labels", key) != want {
			return false
		}
	}
	return true
}

func (s selector) endOfInitial(version int) event {
	k := kinds[s.collection]
	return event{Type: "BOOKMARK", Object: Object{
		"kind": k.kind, "apiVersion": k.apiVersion,
		"metadata": Object{
			"resourceVersion": strconv.Itoa(version),
			"annotations":     Object{"k8s.io/initial-events-end": "true"},
		},
	}}
}

// text returns the string at a path, empty where there is none.
func (o Object) text(path ...string) string {
	var at any = o
	for _, key := range path {
		object, _ := at.(Object)
		at = object[key]
	}
	text, _ := at.(string)
	return text
}

func (o Object) id() string {
	return "/" + o.text("metadata", "namespace") + "/" + o.text("metadata", "name")
}
