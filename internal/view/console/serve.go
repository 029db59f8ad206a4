package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	// readHeaderTimeout is how long a client may take for the headers of a request.
	readHeaderTimeout = 10 * time.Second
	// readTimeout is how long a client may take for a whole request. Requests of the console have no body.
	readTimeout = 20 * time.Second
	// writeTimeout is how long an answer may take, its transport included. It may wait for AWS and the API server.
	writeTimeout = 2 * time.Minute
	// idleTimeout is how long a connection without a request stays open.
	idleTimeout = 90 * time.Second
	// maxHeader bounds the headers of a request, its URL included.
	maxHeader = 64 << 10
	// shutdownTimeout is how long answers may still take once the context of Serve has ended.
	shutdownTimeout = 2 * time.Second
)

// newServer makes a server that waits for no client for ever.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}
}

// Serve answers requests until the context ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := newServer(h)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
