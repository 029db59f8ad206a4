// Package console is the web console: a page of static files, and the JSON that it reads, about load balancers, their
// rules, targets, findings and plans. It reads nothing itself: a Source has the data. It writes nothing, has no
// login, and answers only for a loopback name.
package console

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/view/explain"
)

//go:embed index.html style.css app.js
var files embed.FS

// policy lets the page load its own files, talk to its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ErrNotFound is the error of a Source for something that does not exist; the wrapping error names it.
var ErrNotFound = errors.New("not found")

// ErrInvalid is the error of a Source for an invalid question; the wrapping error says why.
var ErrInvalid = errors.New("invalid")

// Source is where the data comes from. Its methods may be called at the same time.
type Source interface {
	// Overview is all load balancers. With fresh set, cluster and account are read again, if the source reads them itself.
	Overview(ctx context.Context, fresh bool) (Overview, error)
	// LoadBalancer is one of them with the health of its targets as it is now.
	LoadBalancer(ctx context.Context, key string) (Detail, error)
	// Ask is the way of a request through a load balancer.
	Ask(ctx context.Context, q Question) (explain.Walk, error)
	// Plans are the plan annotations of Gateways and Ingresses.
	Plans(ctx context.Context) ([]Planned, error)
}

// Handler serves the page and its data.
func Handler(s Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/overview", answer(func(r *http.Request) (any, error) {
		return s.Overview(r.Context(), r.FormValue("fresh") == "true")
	}))
	mux.HandleFunc("GET /api/loadbalancer", answer(func(r *http.Request) (any, error) {
		key, err := required(r, "key")
		if err != nil {
			return nil, err
		}
		return s.LoadBalancer(r.Context(), key)
	}))
	mux.HandleFunc("GET /api/request", answer(func(r *http.Request) (any, error) {
		q := Question{Headers: r.Form["header"], Follow: r.FormValue("follow") == "true"}
		var err error
		for name, into := range map[string]*string{"key": &q.Key, "request": &q.Request, "from": &q.From} {
			if *into, err = required(r, name); err != nil {
				return nil, err
			}
		}
		return s.Ask(r.Context(), q)
	}))
	migrationRoutes(mux, s)
	for _, name := range []string{"index.html", "style.css", "app.js"} {
		at := "/" + name
		if name == "index.html" {
			at = "/{$}"
		}
		mux.HandleFunc("GET "+at, func(w http.ResponseWriter, r *http.Request) { file(w, r, name) })
	}
	return guard(mux)
}

func file(w http.ResponseWriter, r *http.Request, name string) {
	text, err := files.ReadFile(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(text))
}

// guard lets only requests pass that read, and that come from a page of the console or from no page. A page of another
// site can make a browser send requests here: its name in Host shows one that has pointed its own name at this address,
// Origin and Sec-Fetch-Site the others.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "the console only reads: use GET or HEAD")
		case !IsLoopback(r.Host):
			fail(w, http.StatusForbidden, fmt.Sprintf("Host %q is not a name of this machine: open the console as "+
				"localhost or 127.0.0.1", r.Host))
		case !sameOrigin(r):
			fail(w, http.StatusForbidden, "a page of another site asks: open the console itself")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// IsLoopback reports whether a host, with or without a port, is localhost or a loopback address.
func IsLoopback(host string) bool {
	if h, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "" { // no browser sends such a Host
			return false
		}
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}

func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// required is a parameter that must be there once.
func required(r *http.Request, name string) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if v := r.FormValue(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("parameter %s is missing: %w", name, ErrInvalid)
}

// answer writes what a function returns as JSON.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		v, err := f(r)
		switch {
		case errors.Is(err, ErrNotFound):
			fail(w, http.StatusNotFound, err.Error())
		case errors.Is(err, ErrInvalid):
			fail(w, http.StatusBadRequest, err.Error())
		case err != nil:
			fail(w, http.StatusInternalServerError, err.Error())
		default:
			reply(w, http.StatusOK, v)
		}
	}
}

func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"error": text})
}

func reply(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that is gone needs no answer
}
