package standin

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/websocket"
)

// EchoBasic describes a container of the image registry.k8s.io/gateway-api/echo-basic, which the Gateway API's
// conformance tests and many examples use.
type EchoBasic struct {
	Identity
	Ingress string // the environment variable INGRESS_NAME
	// Port and TLSPort are the ports that answers name; TLSPort is empty without a certificate.
	Port, TLSPort string
}

// TLSAnswer is what an answer contains about the TLS connection, as the client sees none of it through a load balancer.
type TLSAnswer struct {
	Version            string   `json:"version"`
	PeerCertificates   []string `json:"peerCertificates,omitempty"` // PEM
	ServerName         string   `json:"serverName"`
	NegotiatedProtocol string   `json:"negotiatedProtocol,omitempty"`
	CipherSuite        string   `json:"cipherSuite"`
}

// Handler answers like the function Handler, with the additions of the image: the path with its query, the
// connection's TLS, response headers that the header X-Echo-Set-Header names, a wait for the query parameter delay,
// and a WebSocket echo at /ws.
func (e EchoBasic) Handler() http.Handler {
	echo := handler(e.Identity, func(r *http.Request, a *Answer) {
		a.Path, a.HTTPPort, a.Ingress, a.TLS = r.RequestURI, e.Port, e.Ingress, tlsAnswer(r.TLS)
	})
	socket := websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) }) // until the client leaves
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			socket.ServeHTTP(w, r)
			return
		}
		if !pause(r, r.URL.Query().Get("delay")) {
			return
		}
		setHeaders(w.Header(), r.Header["X-Echo-Set-Header"])
		echo.ServeHTTP(w, r)
	})
}

// setHeaders adds headers of the form "name:value,name:value" in the spelling that they have there.
func setHeaders(to http.Header, wanted []string) {
	for _, list := range wanted {
		for item := range strings.SplitSeq(list, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(item), ":")
			if len(to[name]) == 0 {
				to[name] = []string{value}
			} else {
				to[name][0] += "," + strings.TrimSpace(value)
			}
		}
	}
}

func tlsAnswer(s *tls.ConnectionState) *TLSAnswer {
	if s == nil {
		return nil
	}
	a := &TLSAnswer{
		Version: strings.Replace(tls.VersionName(s.Version), "TLS ", "TLSv", 1), ServerName: s.ServerName,
		NegotiatedProtocol: s.NegotiatedProtocol, CipherSuite: tls.CipherSuiteName(s.CipherSuite),
	}
	for _, c := range s.PeerCertificates {
		a.PeerCertificates = append(a.PeerCertificates,
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	return a
}

// ServeHTTP serves the echo over HTTP/1.1 and HTTP/2 without TLS or, with a configuration, over both with TLS.
func (e EchoBasic) ServeHTTP(l net.Listener, config *tls.Config) Server {
	return serve(secured(l, config), e.Handler())
}

// ServeH2C serves the echo over HTTP/2 without TLS only.
func (e EchoBasic) ServeH2C(l net.Listener) Server {
	echo := e.Handler()
	return serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 && r.Header.Get("Upgrade") != "h2c" {
			http.Error(w, "Expected h2c request", http.StatusBadRequest)
			return
		}
		echo.ServeHTTP(w, r)
	}))
}

// secured is a listener whose connections are of TLS, if there is a configuration.
func secured(l net.Listener, config *tls.Config) net.Listener {
	if config == nil {
		return l
	}
	config = config.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	return tls.NewListener(l, config)
}
