package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// Object is an object of the API as JSON has it. It has apiVersion, kind, and metadata with at least name and namespace.
type Object map[string]any

// kinds are the collections that the server has. What is asked of any other is answered 404.
var kinds = map[string]struct{ kind, apiVersion string }{
	"/api/v1/pods": {"Pod", "v1"},
	"/apis/discovery.k8s.io/v1/endpointslices": {"EndpointSlice", "discovery.k8s.io/v1"},
}

// event is one change of one object.
type event struct {
	Type       string `json:"type"`
	Object     Object `json:"object"`
	collection string
	version    int
}

// Server is an API that knows how to list and to watch.
type Server struct {
	address string
	http    *http.Server

	mu      sync.Mutex // protects what follows
	events  []event
	changed chan struct{} // closed, and replaced, with each event
	asked   map[string]struct{}
}

// NewServer returns a server without objects that listens on a free port of 127.0.0.1.
func NewServer() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{address: l.Addr().String(), changed: make(chan struct{}), asked: map[string]struct{}{}}
	s.http = &http.Server{Handler: s}
	go func() {
		// Serve returns when Close is called, and has nothing else to say of a listener that works.
		_ = s.http.Serve(l)
	}()
	return s, nil
}

// Close ends the server and all watches.
func (s *Server) Close() { _ = s.http.Close() }

// Kubeconfig is a file by which clients find the server.
func (s *Server) Kubeconfig() string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: testbed,
clusters: [{name: testbed, cluster: {server: "http://%s"}}],
users: [{name: testbed, user: {}}],
contexts: [{name: testbed, context: {cluster: testbed, user: testbed}}]}
`, s.address)
}

// Put adds an object, or replaces the one of its kind, namespace and name.
func (s *Server) Put(o Object) error { return s.change(o, false) }

// Delete removes an object.
func (s *Server) Delete(o Object) error { return s.change(o, true) }

func (s *Server) change(o Object, deleted bool) error {
	collection := ""
	for path, k := range kinds {
		if k.kind == o["kind"] && k.apiVersion == o["apiVersion"] {
			collection = path
		}
	}
	if collection == "" || o.text("metadata", "name") == "" || o.text("metadata", "namespace") == "" {
		return fmt.Errorf("cannot take an object of kind %v, version %v, metadata %v", o["kind"], o["apiVersion"], o["metadata"])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := event{Type: "ADDED", Object: maps.Clone(o), collection: collection, version: len(s.events) + 1}
	for _, before := range s.current() {
		if before.collection == collection && before.Object.id() == o.id() {
			e.Type = "MODIFIED"
		}
	}
	if deleted {
		e.Type = "DELETED"
	}
	metadata, _ := o["metadata"].(Object)
	metadata = maps.Clone(metadata)
	metadata["resourceVersion"] = strconv.Itoa(e.version)
	e.Object["metadata"] = metadata
	s.events = append(s.events, e)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// current returns the last event of each object that is there.
func (s *Server) current() []event {
	last := map[string]event{}
	for _, e := range s.events {
		if e.Type == "DELETED" {
			delete(last, e.collection+e.Object.id())
		} else {
			last[e.collection+e.Object.id()] = e
		}
	}
	return slices.SortedFunc(maps.Values(last), func(a, b event) int { return a.version - b.version })
}

// Asked returns what was listed or watched so far: paths with their selectors, sorted, each once.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.asked))
}

var path = regexp.MustCompile(`^(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([^/]+)$`)

// ServeHTTP answers one list or watch.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	s.remember(req.URL.Path, query)
	parts := path.FindStringSubmatch(req.URL.Path)
	if parts == nil {
		http.NotFound(w, req)
		return
	}
	collection := parts[1] + "/" + parts[3]
	if _, ok := kinds[collection]; !ok || req.Method != http.MethodGet {
		http.NotFound(w, req)
		return
	}
	selects, err := newSelector(collection, parts[2], query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if query.Get("watch") == "true" || query.Get("watch") == "1" {
		s.watch(w, req, selects)
	} else {
		s.list(w, selects)
	}
}

func (s *Server) remember(path string, query url.Values) {
	for _, selector := range []string{"fieldSelector", "labelSelector"} {
		if v := query.Get(selector); v != "" {
			path += " " + selector + " " + v
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[path] = struct{}{}
}

func (s *Server) list(w http.ResponseWriter, selects selector) {
	s.mu.Lock()
	items := []Object{}
	for _, e := range s.current() {
		if selects.event(e) {
			items = append(items, e.Object)
		}
	}
	version := len(s.events)
	s.mu.Unlock()
	k := kinds[selects.collection]
	// An error means that the client has gone.
	_ = json.NewEncoder(w).Encode(Object{
		"kind": k.kind + "List", "apiVersion": k.apiVersion, "items": items,
		"metadata": Object{"resourceVersion": strconv.Itoa(version)},
	})
}
