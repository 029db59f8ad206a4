// Package page is the simulator's web page: three static files that show in a browser what the administration paths
// answer. It holds no data and reads nothing but those paths, so that it works offline. It imports only the standard
// library.
package page

import (
	"embed"
	"net/http"
	"strings"
)

//go:embed index.html style.css app.js
var files embed.FS

// policy lets the page load its own files, talk to its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at "/", with its files beside it.
func Handler() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // the files of another version may have the same names
		server.ServeHTTP(w, r)
	})
}

// Front sends browsers that ask for "/" to the page and leaves every other request to next: clients of AWS sign their
// requests and do not ask for HTML.
func Front(page string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/" && r.URL.RawQuery == "" && r.Header.Get("Authorization") == "" &&
			strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, page, http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}
