package kubernetes

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newServer(t *testing.T) *Server {
	s, err := NewServer()
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func pod(name, node, app string) Object {
	return Object{
		"kind": "Pod", "apiVersion": "v1",
		"metadata": Object{"name": name, "namespace": "store", "labels": Object{"app": app}},
		"spec":     Object{"nodeName": node},
	}
}

func get(t *testing.T, s *Server, path string) (int, io.Reader) {
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, resp.Body.Close())
	})
	return resp.StatusCode, resp.Body
}

func TestListHasWhatTheSelectorsSelect(t *testing.T) {
	s := newServer(t)
	for _, o := range []Object{pod("a", "n1", "shop"), pod("b", "n2", "shop"), pod("c", "n1", "cart"), pod("d", "n1", "shop")} {
		require.NoError(t, s.Put(o))
	}
	require.NoError(t, s.Delete(pod("d", "n1", "shop")))
	for path, want := range map[string][]string{
		"/api/v1/pods": {"a", "b", "c"},
		"/api/v1/pods?fieldSelector=spec.nodeName%3Dn1":             {"a", "c"},
		"/api/v1/namespaces/store/pods?labelSelector=app%3Dshop":    {"a", "b"},
		"/api/v1/namespaces/other/pods":                             nil,
		"/apis/discovery.k8s.io/v1/namespaces/store/endpointslices": nil,
	} {
		code, body := get(t, s, path)
		require.Equal(t, http.StatusOK, code, path)
		var list struct {
			Kind  string
			Items []struct{ Metadata struct{ Name string } }
		}
		require.NoError(t, json.NewDecoder(body).Decode(&list), path)
		assert.Contains(t, list.Kind, "List")
		var names []string
		for _, item := range list.Items {
			names = append(names, item.Metadata.Name)
		}
		assert.Equal(t, want, names, path)
	}
	assert.Contains(t, s.Asked(), "/api/v1/pods fieldSelector spec.nodeName=n1")
}

func TestWhatItDoesNotKnowIsRefused(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]int{
		"/api/v1/nodes": http.StatusNotFound,
		"/version":      http.StatusNotFound,
		"/api/v1/pods?fieldSelector=spec.nodeName%21%3Dn1": http.StatusBadRequest,
		"/api/v1/pods?labelSelector=app":                   http.StatusBadRequest,
	} {
		code, _ := get(t, s, path)
		assert.Equal(t, want, code, path)
	}
	require.Error(t, s.Put(Object{"kind": "Node", "apiVersion": "v1", "metadata": Object{"name": "n", "namespace": "x"}}))
	require.Error(t, s.Put(Object{"kind": "Pod", "apiVersion": "v1", "metadata": Object{"name": "n"}}))
}

func TestWatchTellsWhatIsThereAndWhatChanges(t *testing.T) {
	s := newServer(t)
	require.NoError(t, s.Put(pod("a", "n1", "shop")))
	require.NoError(t, s.Put(pod("a", "n1", "cart")))
	_, initial := get(t, s, "/api/v1/pods?watch=true&sendInitialEvents=true&fieldSelector=spec.nodeName%3Dn1")
	_, since := get(t, s, "/api/v1/pods?watch=1&resourceVersion=1")
	require.NoError(t, s.Put(pod("b", "n2", "shop")))
	require.NoError(t, s.Put(pod("c", "n1", "shop")))
	require.NoError(t, s.Delete(pod("a", "n1", "cart")))

	assert.Equal(t, []string{"ADDED a 2", "BOOKMARK  2", "ADDED c 4", "DELETED a 5"}, events(t, initial, 4))
	assert.Equal(t, []string{"MODIFIED a 2", "ADDED b 3", "ADDED c 4", "DELETED a 5"}, events(t, since, 4))
}

func events(t *testing.T, body io.Reader, n int) []string {
	t.Helper()
	var got []string
	for lines := bufio.NewScanner(body); len(got) < n && lines.Scan(); {
		var e struct {
			Type   string
			Object struct {
				Metadata struct{ Name, ResourceVersion string }
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		got = append(got, e.Type+" "+e.Object.Metadata.Name+" "+e.Object.Metadata.ResourceVersion)
	}
	return got
}
