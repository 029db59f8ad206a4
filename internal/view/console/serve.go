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
	// shutdownTimeout is how long answers may still take once the context of Serve has ended.
	shutdownTimeout = 2 * time.Second
)

// Serve answers requests until the context ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: readHeaderTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
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
