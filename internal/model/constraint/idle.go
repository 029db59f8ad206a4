package constraint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Idle is attributes that AWS accepts, and that have no effect while another setting switches them off.
type Idle struct {
	Kind Kind
	Name string // by which package example knows the row
	Keys []string
	// without names the settings that are missing; empty = the attributes have an effect.
	without func(*reading) string
}

const (
	lbCookie  = "stickiness.lb_cookie.duration_seconds"
	appCookie = "stickiness.app_cookie.duration_seconds"
	mutualOf  = in + "x_amzn_mtls_clientcert"
	tlsFacts  = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
	xffPort   = "routing.http.xff_client_port.enabled"
	xffMode   = "routing.http.xff_header_processing.mode"
	denyIPv6  = "ipv6.deny_all_igw_traffic"
	http2On   = "routing.http2.enabled"
	accessLog = "access_logs.s3."
	isOn      = "=true"
)

// Idles are the attributes that another setting of the resource, or of its load balancer, switches off.
var Idles = slices.Concat(idleOfBalancers, idleOfGroups, idleOfListeners)

var idleOfBalancers = []Idle{
	idleLogs(accessLog), idleLogs("connection_logs.s3."), idleLogs("health_check_logs.s3."),
	// AWS writes access logs of network load balancers about TLS connections only
	{LoadBalancer, "access logs without TLS", []string{accessLog + "enabled"}, func(r *reading) string {
		if r.Type == stack.Network && r.All[accessLog+"enabled"] == "true" {
			return r.listener(tls)
		}
		return ""
	}},
	{LoadBalancer, "HTTP/2 without HTTPS", []string{http2On}, func(r *reading) string {
		if r.All[http2On] == "false" {
			return r.listener(https)
		}
		return ""
	}},
	{LoadBalancer, "facts of TLS without HTTPS", []string{tlsFacts}, func(r *reading) string {
		if r.All[tlsFacts] == "true" {
			return r.listener(https)
		}
		return ""
	}},
	{LoadBalancer, "port of clients in a header that is not written", []string{xffPort}, func(r *reading) string {
		if r.meets(is(xffPort, "true"), isNot(xffMode, "append")) {
			return xffMode + "=append"
		}
		return ""
	}},
	{LoadBalancer, "internet gateways without IPv6", []string{denyIPv6}, func(r *reading) string {
		if r.IPAddressType == stack.IPv4 {
			return "IP address type dualstack"
		}
		return ""
	}},
}

var idleOfGroups = []Idle{
	{TargetGroup, "type of stickiness", []string{stickyType}, sticky("")},
	{TargetGroup, "cookie of the load balancer", []string{lbCookie}, sticky("lb_cookie")},
	{TargetGroup, "cookie of the application", []string{cookieName, appCookie}, sticky("app_cookie")},
}

var idleOfListeners = []Idle{
	{Listener, "names of headers with verified certificates", []string{
		mutualOf + "_serial_number.header_name", mutualOf + "_issuer.header_name", mutualOf + "_subject.header_name",
		mutualOf + "_validity.header_name", mutualOf + "_leaf.header_name"}, mutual(stack.MutualVerify)},
	{Listener, "name of the header with a certificate", []string{mutualOf + ".header_name"},
		mutual(stack.MutualPassthrough)},
	{Listener, "names of headers with facts of TLS", []string{in + "x_amzn_tls_version.header_name",
		in + "x_amzn_tls_cipher_suite.header_name"}, func(r *reading) string {
		if r.Balancer == nil {
			return ""
		}
		of := &reading{AttributeSet: *r.Balancer}
		on := of.meets(is(tlsFacts, "true"))
		if r.unknown = of.unknown; on {
			return ""
		}
		return "the load balancer attribute " + tlsFacts + isOn
	}},
}

// idleLogs needs logs for the place where AWS writes them.
func idleLogs(family string) Idle {
	return Idle{LoadBalancer, "place of " + family + "*", []string{family + "bucket", family + "prefix"},
		func(r *reading) string {
			if r.meets(is(family+"enabled", "true")) {
				return ""
			}
			return family + "enabled" + isOn
		}}
}

// listener needs a listener with a protocol.
func (r *reading) listener(protocol string) (without string) {
	if r.Listens == nil {
		return ""
	}
	listens, known := r.Listens(protocol)
	if r.unknown = r.unknown || !known; listens {
		return ""
	}
	return "a listener with protocol " + protocol
}

// sticky requires stickiness, of a type if that is not empty.
func sticky(kind string) func(*reading) string {
	return func(r *reading) string {
		var missing []string
		if !r.meets(is(stickyOn, "true")) {
			missing = append(missing, stickyOn+isOn)
		}
		if kind != "" && r.value(stickyType, "lb_cookie") != kind {
			missing = append(missing, stickyType+"="+kind)
		}
		return strings.Join(missing, " and ")
	}
}

func mutual(mode string) func(*reading) string {
	return func(r *reading) string {
		if r.Mutual == nil {
			return ""
		}
		have, known := r.Mutual()
		if r.unknown = !known; have == mode {
			return ""
		}
		return "mutual authentication with mode " + mode
	}
}

// NoEffect says why an attribute has no effect.
type NoEffect struct{ Key, Problem, Remedy string }

// WithoutEffect returns the attributes of a resource that other settings switch off. An empty value only resets its
// attribute.
func WithoutEffect(s AttributeSet) (out []NoEffect) {
	for i := range Idles {
		row := &Idles[i]
		if row.Kind != s.Kind {
			continue
		}
		for _, key := range row.Keys {
			if s.All[key] == "" {
				continue
			}
			if missing, _ := s.find(row.without); missing != "" {
				out = append(out, NoEffect{key, fmt.Sprintf("attribute %s has no effect without %s", key, missing),
					fmt.Sprintf("add %s, or remove %s", missing, key)})
			}
		}
	}
	return out
}
