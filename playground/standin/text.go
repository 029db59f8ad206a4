package standin

import (
	"io"
	"net"
	"net/http"
)

// ServeText answers every HTTP request with 200 and a text.
func ServeText(l net.Listener, text string) Server {
	return serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !delay(r) {
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, text) // a client that left is no concern
	}))
}
