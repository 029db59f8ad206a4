package topology

import (
	"crypto/tls"
	"crypto/x509"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Listener is one listener. Target groups in actions are named by their ARN in Ref.Literal.
type Listener struct {
	ARN          string
	Port         int32
	Protocol     string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	Certificates []Certificate
	Clients      ClientAuth // HTTPS: mutual TLS
	SSLPolicy    string
	ALPN         string // TLS: HTTP1Only, HTTP2Only, HTTP2Optional, HTTP2Preferred, None
	Attributes   map[string]string
	Default      []stack.Action
	Rules        []stack.Rule // in any order; Order is the priority, ID names the rule in Stats (its ARN)
	// Identify holds the actions that come before routing actions, by Rule.ID; "" is the default actions'.
	Identify map[string]Identification
}

// Secure reports whether clients speak TLS to the listener.
func (l *Listener) Secure() bool { return l.Protocol == "HTTPS" || l.Protocol == "TLS" }

// TargetGroups yields the ARN of every target group that the listener names, some of them several times.
func (l *Listener) TargetGroups() iter.Seq[string] {
	return func(yield func(string) bool) {
		in := func(actions []stack.Action) bool {
			for _, a := range actions {
				if a.Forward == nil {
					continue
				}
				for _, w := range a.Forward.TargetGroups {
					if !yield(w.TargetGroup.Literal) {
						return false
					}
				}
			}
			return true
		}
		if !in(l.Default) {
			return
		}
		for i := range l.Rules {
			if !in(l.Rules[i].Actions) {
				return
			}
		}
	}
}

// Carries reports whether listeners of the protocol listen on the network, "tcp" or "udp".
func Carries(protocol, network string) bool {
	switch protocol {
	case "UDP", "QUIC":
		return network == "udp"
	case "TCP_UDP", "TCP_QUIC":
		return true
	}
	return network == "tcp"
}

// RequestHeader is the name of a request header about the client's TLS, which a listener attribute may change.
func (l *Listener) RequestHeader(name string) string {
	key := "routing.http.request." + strings.ReplaceAll(strings.ToLower(name), "-", "_") + ".header_name"
	return http.CanonicalHeaderKey(attributes(l.Attributes).text(key, name))
}

// Settings reads the attributes of the listener.
func (l *Listener) Settings() ListenerSettings {
	a := attributes(l.Attributes)
	s := ListenerSettings{
		ServerHeader:   a.flag("routing.http.response.server.enabled", true),
		TCPIdleTimeout: a.seconds("tcp.idle_timeout.seconds", 350),
	}
	for key, header := range responseHeaders {
		if value := a[key]; value != "" {
			if s.ResponseHeaders == nil {
				s.ResponseHeaders = map[string]string{}
			}
			s.ResponseHeaders[header] = value
		}
	}
	return s
}

// ListenerSettings are the attributes of a listener that the data plane acts on, with AWS's defaults.
type ListenerSettings struct {
	ResponseHeaders map[string]string // response headers
	ServerHeader    bool              // generated answers carry a Server header
	TCPIdleTimeout  time.Duration     // NLB TCP flows
}

// responseHeaders are the listener attributes that set a header on every response.
var responseHeaders = map[string]string{
	"routing.http.response.strict_transport_security.header_value":        "Strict-Transport-Security",
	"routing.http.response.access_control_allow_origin.header_value":      "Access-Control-Allow-Origin",
	"routing.http.response.access_control_allow_methods.header_value":     "Access-Control-Allow-Methods",
	"routing.http.response.access_control_allow_headers.header_value":     "Access-Control-Allow-Headers",
	"routing.http.response.access_control_allow_credentials.header_value": "Access-Control-Allow-Credentials",
	"routing.http.response.access_control_expose_headers.header_value":    "Access-Control-Expose-Headers",
	"routing.http.response.access_control_max_age.header_value":           "Access-Control-Max-Age",
	"routing.http.response.content_security_policy.header_value":          "Content-Security-Policy",
	"routing.http.response.x_content_type_options.header_value":           "X-Content-Type-Options",
	"routing.http.response.x_frame_options.header_value":                  "X-Frame-Options",
}

// Certificate is one certificate of a listener; the first of a listener is its default.
type Certificate struct {
	ARN string
	TLS tls.Certificate
}

// ClientAuth is how a listener authenticates its clients by certificates.
type ClientAuth struct {
	Mode         string // off (or empty), passthrough, verify
	Authorities  []*x509.Certificate
	Revoked      func(*x509.Certificate) bool // nil: none; called concurrently
	IgnoreExpiry bool
	Advertise    bool // name the authorities in the handshake
}

// Identification is the action of a rule that comes before the one which answers. At most one field is set.
type Identification struct {
	OIDC *authn.OIDC // authenticate-oidc and authenticate-cognito
	JWT  *authn.JWT  // jwt-validation
}
