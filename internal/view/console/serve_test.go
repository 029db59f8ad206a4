package console

import (
	"net/http"
	"testing"
)

func TestConsoleWaitsForNoClientForEver(t *testing.T) {
	t.Parallel()
	if s := newServer(http.NotFoundHandler()); s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 ||
		s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("%+v", s)
	}
}
