package webserver

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func TestAnAnswerThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	began := make(chan struct{})
	l := listen(t)
	s := Start(&http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})}, l, func(err error) { t.Error(err) })
	asked := make(chan error, 1)
	go func() {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + l.Addr().String())
		if err == nil {
			_ = resp.Body.Close()
		}
		asked <- err
	}()
	<-began
	s.Stop(t.Context())
	require.Error(t, <-asked, "it was broken off")
	_, err := net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
}

func TestAServerThatEndsByItselfIsTold(t *testing.T) {
	l := listen(t)
	failed := make(chan error, 1)
	s := Start(&http.Server{}, l, func(err error) { failed <- err })
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-failed, net.ErrClosed)
	s.Stop(t.Context())
}
