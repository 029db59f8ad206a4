package constraint

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Idle is attributes that AWS accepts, and that have no effect while another setting switches them off.
type Idle struct {
	Kind Kind
	Name string // by which package example knows the row
	Keys []string
	// without names the settings that are missing; empty = the attributes have an effect.
	without func(AttributeSet) string
}

const (
	lbCookie  = "stickiness.lb_cookie.duration_seconds"
	appCookie = "stickiness.app_cookie.duration_seconds"
	mutualOf  = in + "x_amzn_mtls_clientcert"
	tlsFacts  = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
	isOn      = "=true"
)

// Idles are the attributes that another setting of the resource, or of its load balancer, switches off.
var Idles = []Idle{
	idleLogs("access_logs.s3."), idleLogs("connection_logs.s3."), idleLogs("health_check_logs.s3."),
	{TargetGroup, "type of stickiness", []string{stickyType}, sticky("")},
	{TargetGroup, "cookie of the load balancer", []string{lbCookie}, sticky("lb_cookie")},
	{TargetGroup, "cookie of the application", []string{cookieName, appCookie}, sticky("app_cookie")},
	{Listener, "names of headers with verified certificates", []string{
		mutualOf + "_serial_number.header_name", mutualOf + "_issuer.header_name", mutualOf + "_subject.header_name",
		mutualOf + "_validity.header_name", mutualOf + "_leaf.header_name"}, mutual(stack.MutualVerify)},
	{Listener, "name of the header with a certificate", []string{mutualOf + ".header_name"},
		mutual(stack.MutualPassthrough)},
	{Listener, "names of headers with facts of TLS", []string{in + "x_amzn_tls_version.header_name",
		in + "x_amzn_tls_cipher_suite.header_name"}, func(s AttributeSet) string {
		if s.Balancer == nil || s.Balancer[tlsFacts] == "true" {
			return ""
		}
		return "the load balancer attribute " + tlsFacts + isOn
	}},
}

func idleLogs(family string) Idle {
	return Idle{LoadBalancer, "place of " + family + "*", []string{family + "bucket", family + "prefix"},
		func(s AttributeSet) string {
			if s.value(family+"enabled", "false") == "true" {
				return ""
			}
			return family + "enabled" + isOn
		}}
}

// sticky requires stickiness, of a type if that is not empty.
func sticky(kind string) func(AttributeSet) string {
	return func(s AttributeSet) string {
		var missing []string
		if s.value(stickyOn, "false") != "true" {
			missing = append(missing, stickyOn+isOn)
		}
		if kind != "" && s.value(stickyType, "lb_cookie") != kind {
			missing = append(missing, stickyType+"="+kind)
		}
		return strings.Join(missing, " and ")
	}
}

func mutual(mode string) func(AttributeSet) string {
	return func(s AttributeSet) string {
		if s.Mutual == mode {
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
			if missing := row.without(s); missing != "" {
				out = append(out, NoEffect{key, fmt.Sprintf("attribute %s has no effect without %s", key, missing),
					fmt.Sprintf("add %s, or remove %s", missing, key)})
			}
		}
	}
	return out
}
