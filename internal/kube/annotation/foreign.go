package annotation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// otherControllers are the beginnings of keys of further controllers of Ingresses and load balancers. Keys with
// "ingress" or "load-balancer" in their domain are theirs, too.
var otherControllers = []string{
	"nginx.org/", "nginx.com/", "haproxy.org/", "haproxy.com/", "haproxy-ingress.github.io/", "konghq.com/",
	"projectcontour.io/", "networking.gke.io/", "cloud.google.com/", "kubernetes.io/ingress.allow-http",
	"kubernetes.io/ingress.global-static-ip-name", "kubernetes.io/ingress.regional-static-ip-name", "getambassador.io/",
	"apisix.apache.org/", "k8s.apisix.apache.org/", "higress.io/", "zalando.org/", "alb.networking.azure.io/",
	"metallb.io/", "metallb.universe.tf/", "tailscale.com/", "kubernetes.digitalocean.com/", "azure/frontdoor",
}

// othersOfAWS are the parts before k8s.aws of the domains of further controllers and parts of EKS. Some have the same
// names behind the slash, such as the deletion-policy of services, which are AWS Controllers for Kubernetes.
var othersOfAWS = []string{"services", "karpenter", "vpc", "vpcresources", "networking", "application-networking"}

// guardWords are parts of keys of other controllers that restrict or protect.
var guardWords = []string{
	"whitelist", "allowlist", "allow-list", "denylist", "deny-list", "blacklist", "block-list", "allowed-ip", "auth",
	"waf", "jwt", "ssl-redirect", "ratelimit", "rate-limit", "ipallow", "blocklist", "source-range", "deny-all",
	"deny-rule", "allow-rule", "limit-rps", "limit-rpm", "limit-req", "limit-connections", "http-to-https", "armor",
	"allowed-service-tags",
}

// mayGuardWords are parts of keys of other controllers that name something which may restrict or protect: a middleware
// of Traefik, a plugin of Kong or APISIX, a policy or snippet of NGINX or HAProxy, a BackendConfig or FrontendConfig of
// GKE, a filter of Skipper.
var mayGuardWords = []string{"middleware", "plugin", "/policies", "snippet", "backend-config", "backendconfig",
	"frontendconfig", "skipper-filter"}

// restrictionWords are words of unknown keys with a prefix of this controller that stand for a restriction, in order.
var restrictionWords = []struct {
	word             string
	ingress, service Key
}{
	{"source-range", InboundCIDRs, ServiceSourceRanges}, {"sourcerange", InboundCIDRs, ServiceSourceRanges},
	{"cidr", InboundCIDRs, ServiceSourceRanges}, {"whitelist", InboundCIDRs, ServiceSourceRanges},
	{"allowlist", InboundCIDRs, ServiceSourceRanges}, {"allow-list", InboundCIDRs, ServiceSourceRanges},
	{"allowed-ip", InboundCIDRs, ServiceSourceRanges}, {"denylist", InboundCIDRs, ServiceSourceRanges},
	{"deny-list", InboundCIDRs, ServiceSourceRanges}, {"blacklist", InboundCIDRs, ServiceSourceRanges},
	{"block-list", InboundCIDRs, ServiceSourceRanges}, {"waf", WebACLARN, ""}, {"webacl", WebACLARN, ""},
	{"web-acl", WebACLARN, ""}, {"mtls", MutualAuthentication, ""}, {"client-cert", MutualAuthentication, ""},
	{"jwt", JWTValidation, ""}, {"conditions", Conditions + "SERVICE", ""},
}

// restriction is the known key that an unknown one with a prefix of this controller stands for if one of its words
// names a restriction; empty if none does.
func restriction(k Key) Key {
	name := strings.ToLower(suffix(k))
	if len(name) > longestName || strings.HasPrefix(name, "frontend-nlb-") {
		return ""
	}
	ingress := prefix(k) == IngressPrefix
	service := prefix(k) == ServicePrefix && hasPrefix(name, []string{"aws-", "load-balancer", "loadbalancer"})
	if ingress && (name == "auth" || name == "authentication" || name == "login") {
		return AuthType
	}
	for _, w := range restrictionWords {
		switch {
		case !strings.Contains(name, w.word):
		case ingress:
			return w.ingress
		case service:
			return w.service
		}
	}
	return ""
}

// asksForNothing reports whether a value of a restriction restricts nothing.
func asksForNothing(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "off", "no", "none", "false":
		return true
	}
	return admitsAll(value)
}

// ofOther is the finding about a key of another controller; ok is false if it asks for nothing, or is of none.
func ofOther(o diag.Object, key, value string) (d diag.Diagnostic, ok bool) {
	name, of := strings.CutPrefix(key, nginxPrefix)
	e, known := nginx[name]
	switch {
	case !of && !ofOtherController(key), known && e.idle != "" && value == e.idle,
		strings.HasSuffix(name, "-source-range") && admitsAll(value):
		return d, false
	case !of:
		e.write = "its equal from the list of annotations, if there is one"
	}
	if !known {
		e.guards = guards(key, value)
	}
	code, text := diag.ForeignAnnotation, fmt.Sprintf("annotation %s belongs to another controller and has no effect", key)
	switch {
	case e.guards:
		code = diag.GuardNotApplied
		text += "; nothing else here restricts who may send requests"
	case !known && value != "" && hasWord(key, mayGuardWords):
		code = diag.GuardNotApplied
		text += "; if it is for a login or a list of allowed addresses, nothing else here restricts who may send requests"
	}
	remedy := "remove it; a load balancer has no equal"
	if e.write != "" {
		remedy = "write " + e.write
	}
	return diag.New(o, Key(key).Path(), code, text, remedy), true
}

// guards reports whether a key of another controller that is in no table restricts or protects.
func guards(key, value string) bool {
	switch strings.ToLower(value) {
	case "", "off", "no":
		return false
	case "false":
		return key == "kubernetes.io/ingress.allow-http"
	}
	return hasWord(key, guardWords)
}

// hasWord reports whether a key has one of some words.
func hasWord(key string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(key), w) })
}

func ofOtherController(key string) bool {
	domain := prefix(Key(key))
	if domain == ServicePrefix {
		return !strings.HasPrefix(key, ServicePrefix+"aws-") && !ofBalancer(Key(key))
	}
	return hasPrefix(key, otherControllers) || !ofOurs(domain) &&
		slices.ContainsFunc([]string{"ingress", "load-balancer", "loadbalancer"}, func(w string) bool {
			return strings.Contains(domain, w)
		})
}

// hasPrefix reports whether a text has one of some prefixes.
func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// ofOurs reports whether a domain is the one of a key of this controller, or so near to it that it is misspelt.
func ofOurs(domain string) bool {
	lower := strings.ToLower(domain)
	first, rest, _ := strings.Cut(lower, ".")
	switch {
	case slices.ContainsFunc(othersOfAWS, func(d string) bool { return strings.HasSuffix("."+lower, "."+d+".k8s.aws/") }):
		return false
	case strings.HasSuffix(strings.TrimSuffix(lower, "/"), "k8s.aws"),
		first == "service" && strings.HasSuffix(rest, "kubernetes.io/"):
		return true
	case first == "alb" || first == "alb-ingress":
		return strings.Contains(rest, "ingress") || strings.Contains(rest, "kubernetes")
	}
	return slices.ContainsFunc([]string{IngressPrefix, ServicePrefix, GatewayPrefix}, func(p string) bool {
		lengths := len(lower) - len(p) // a lower bound of the distance
		return max(lengths, -lengths) <= 2 && Distance(lower, p) <= 2
	})
}

// otherDomain is the known key of such objects that a key with another domain, or without one, most likely stands
// for; empty if there is none.
func otherDomain(on Scope, k Key) Key {
	domain, written := prefix(k), strings.TrimSpace(suffix(k))
	name := strings.ToLower(written)
	if len(name) > longestName || len(name) != len(written) ||
		domain != "" && !ofOurs(domain) && domain != "kubernetes.io/" {
		return ""
	}
	for _, p := range []string{IngressPrefix, ServicePrefix, GatewayPrefix} {
		candidate := Key(p + strings.TrimPrefix(name, strings.TrimSuffix(p, "/")+"."))
		if e, ok := Lookup(candidate); ok && candidate != k && applies(e.Scope, on) && e.Scope != Written {
			rest := len(candidate) - len(e.Key) // a name of the user, in its own case
			return candidate[:len(e.Key)] + Key(written[len(written)-rest:])
		}
	}
	return ""
}
