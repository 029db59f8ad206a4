// Package standin is what simulated containers run instead of their images: small servers that answer with the pod's
// name. HTTP and gRPC echo, a TCP server, a UDP server, and the image of the Gateway API's conformance tests. It has no
// Kubernetes and no network; it is given listeners. It imports the standard library and a WebSocket server.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Identity is what the answers of a server contain about it.
type Identity struct {
	Namespace string
	Pod       string
	Node      string
	Service   string // the container's environment variable SERVICE_NAME
}

// Answer is the body of the HTTP echo.
type Answer struct {
	Path       string      `json:"path"` // as sent, without the query; of an EchoBasic with it
	Query      string      `json:"query,omitempty"`
	Host       string      `json:"host"`
	Method     string      `json:"method"`
	Proto      string      `json:"proto"`
	Headers    http.Header `json:"headers"`
	Namespace  string      `json:"namespace"`
	Service    string      `json:"service"`
	Pod        string      `json:"pod"`
	Node       string      `json:"node"`
	RemoteAddr string      `json:"remoteAddr"`

	// The rest is there if an EchoBasic answers.
	HTTPPort string     `json:"httpPort,omitempty"`
	Ingress  string     `json:"ingress,omitempty"`
	TLS      *TLSAnswer `json:"tls,omitempty"`
}

// maxDelay bounds what a request may ask for, so that no test leaves a sleeping handler behind.
const maxDelay = 5 * time.Minute

// Handler answers any path with 200 and an Answer, /health with "OK", and /status/NNN with that status (200–599). The
// header X-Delay, a Go duration of at most five minutes, holds the answer back. gRPC calls of any method get their
// messages back.
func Handler(id Identity) http.Handler { return handler(id, func(*http.Request, *Answer) {}) }

// handler is Handler with answers that complete changes.
func handler(id Identity, complete func(*http.Request, *Answer)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isGRPC(r) {
			serveGRPC(w, r, id)
			return
		}
		if !delay(r) {
			return
		}
		status := http.StatusOK
		if r.URL.Path == "/health" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("OK")) // a client that left is no concern
			return
		}
		if code, ok := strings.CutPrefix(r.URL.Path, "/status/"); ok {
			n, err := strconv.Atoi(code)
			if err != nil || n < 200 || n > 599 {
				http.Error(w, "write a status from 200 to 599: /status/503", http.StatusBadRequest)
				return
			}
			status = n
		}
		answer := Answer{
			Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Method: r.Method, Proto: r.Proto, Headers: r.Header,
			Namespace: id.Namespace, Service: id.Service, Pod: id.Pod, Node: id.Node, RemoteAddr: r.RemoteAddr,
		}
		complete(r, &answer)
		body, err := json.MarshalIndent(answer, "", "  ")
		if err != nil { // strings and a map of strings always encode
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = w.Write(append(body, '\n'))
		}
	})
}

// delay waits for X-Delay and reports whether the client is still there.
func delay(r *http.Request) bool { return pause(r, r.Header.Get("X-Delay")) }

// pause waits for a duration, at most maxDelay, and reports whether the client is still there.
func pause(r *http.Request, duration string) bool {
	d, err := time.ParseDuration(duration)
	if err != nil || d <= 0 {
		return true
	}
	return sleep.For(r.Context(), min(d, maxDelay)) == nil
}

// Server is a running stand-in.
type Server interface {
	// Shutdown refuses new connections at once, lets requests in flight finish until ctx ends, and then closes what is
	// left.
	Shutdown(ctx context.Context)
}

// ServeHTTP serves the echo on l over HTTP/1.1 and, for clients with prior knowledge, HTTP/2 without TLS.
func ServeHTTP(l net.Listener, id Identity) Server { return serve(l, Handler(id)) }

// serve serves HTTP/1.1 and HTTP/2 on a listener, which may be one of TLS connections.
func serve(l net.Listener, h http.Handler) Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &httpServer{
		// A health check that only connects is an error of TLS each time.
		server: &http.Server{Handler: h, Protocols: protocols, ReadHeaderTimeout: time.Minute,
			ErrorLog: log.New(io.Discard, "", 0)},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			_ = s.server.Close() // the listener is gone with its address; connections go too
		}
	}()
	return s
}

type httpServer struct {
	server *http.Server
	done   chan struct{}
}

func (s *httpServer) Shutdown(ctx context.Context) {
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close()
	}
	<-s.done
}
