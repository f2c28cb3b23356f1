package webserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is one that serves until it is stopped.
type Server struct {
	server  *http.Server
	address net.Addr
	serving sync.WaitGroup
}

// Start serves what comes to the listener. failed is called where serving ends by itself.
func Start(server *http.Server, listener net.Listener, failed func(error)) *Server {
	s := &Server{server: server, address: listener.Addr()}
	s.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	})
	return s
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.address }

// stopTimeout is how long answers that have begun may take at the end; then they are broken off.
const stopTimeout = 3 * time.Second

// Stop ends it, and closes the listener. That answers were broken off is no error: a connection on which no request came yet
// counts for 5 seconds as one that is busy.
func (s *Server) Stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close()
	}
	s.serving.Wait()
}
