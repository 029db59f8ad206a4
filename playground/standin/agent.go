package standin

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// Agent describes the stand-in of a target control agent: it takes requests from a load balancer and gives the
// application at most so many at a time. As long as it holds the load balancer's connection to its control port open,
// it takes requests.
type Agent struct {
	Data, Control net.Listener
	// Dial connects to the application.
	Dial func(ctx context.Context) (net.Conn, error)
	// Concurrency is how many requests the application gets at a time. An agent with 0 takes none: it admits no control
	// connection.
	Concurrency int
	// HTTP2 has the application spoken to in HTTP/2 without TLS, as for gRPC.
	HTTP2 bool
}

// ServeAgent runs an agent.
func ServeAgent(a Agent) Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!a.HTTP2)
	protocols.SetUnencryptedHTTP2(a.HTTP2)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true, MaxIdleConnsPerHost: a.Concurrency,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return a.Dial(ctx) }}
	proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: "application"})
		r.Out.Host = r.In.Host
		// those of the load balancer
		for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
			if v, ok := r.In.Header[h]; ok {
				r.Out.Header[h] = v
			}
		}
	}}
	slots := make(chan struct{}, a.Concurrency)
	s := &agentServer{transport: transport}
	s.data = serve(a.Data, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Concurrency == 0 {
			http.Error(w, "this target takes no requests", http.StatusServiceUnavailable)
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			proxy.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	s.control = serveConnections(a.Control, func(c net.Conn) {
		if a.Concurrency > 0 {
			_, _ = io.Copy(io.Discard, c) // until the load balancer leaves
		}
	})
	return s
}

type agentServer struct {
	data, control Server
	transport     *http.Transport
}

// Shutdown implements Server: the control connection ends first, then requests in flight finish.
func (s *agentServer) Shutdown(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { s.control.Shutdown(ctx) })
	both.Go(func() { s.data.Shutdown(ctx) })
	both.Wait()
	s.transport.CloseIdleConnections()
}
