package annotation

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// nginxPrefix is the prefix of the keys of ingress-nginx.
const nginxPrefix = "nginx.ingress.kubernetes.io/"

// equal is what to write for a key of another controller.
type equal struct {
	write  string // empty = a load balancer has nothing like it
	guards bool   // the key restricts or protects: without it, requests get through
	idle   string // the value that asks for nothing
}

// nginx are the keys of ingress-nginx by their names behind the prefix.
var nginx = map[string]equal{
	"whitelist-source-range": {write: string(InboundCIDRs) + ", or a source-ip condition in " +
		string(Conditions) + "<service>", guards: true},
	"allowlist-source-range": {write: string(InboundCIDRs) + ", or a source-ip condition in " +
		string(Conditions) + "<service>", guards: true},
	"denylist-source-range": {write: "a web ACL with an IP set (" + string(WebACLARN) + ")", guards: true},
	"auth-type": {
		write: string(AuthType) + ": oidc or cognito; passwords of a Secret are not supported", guards: true},
	"auth-secret": {
		write: string(AuthType) + ": oidc or cognito; passwords of a Secret are not supported", guards: true},
	"auth-secret-type": {},
	"auth-realm":       {},
	"auth-snippet":     {guards: true},

	"auth-cache-key": {}, "auth-cache-duration": {}, "auth-keepalive": {}, "auth-keepalive-requests": {},
	"auth-keepalive-timeout": {}, "auth-keepalive-share-vars": {}, "auth-always-set-cookie": {},
	"auth-proxy-set-headers": {}, "auth-signin-redirect-param": {}, "auth-request-redirect": {}, "satisfy": {},

	"global-rate-limit": {write: "a rate-based rule of a web ACL (" + string(WebACLARN) + ")", guards: true,
		idle: "0"},
	"global-rate-limit-window": {}, "global-rate-limit-key": {}, "global-rate-limit-ignored-cidrs": {},

	"auth-url": {write: string(AuthType) + ": oidc with " + string(AuthIDPOIDC) + ", or " +
		string(JWTValidation), guards: true},
	"auth-signin":            {write: string(AuthType) + ": oidc with " + string(AuthIDPOIDC), guards: true},
	"auth-method":            {},
	"auth-response-headers":  {},
	"enable-global-auth":     {write: string(AuthType), idle: "false", guards: true},
	"auth-tls-secret":        {write: string(MutualAuthentication) + " with a trust store", guards: true},
	"auth-tls-verify-client": {write: string(MutualAuthentication) + " with mode verify", idle: "off", guards: true},
	"auth-tls-verify-depth":  {},
	"auth-tls-match-cn":      {guards: true},
	"auth-tls-pass-certificate-to-upstream": {write: string(MutualAuthentication) +
		", which passes the certificate in headers"},
	"auth-tls-error-page": {},
	"enable-modsecurity":  {write: "a web ACL (" + string(WebACLARN) + ")", idle: "false", guards: true},
	"enable-owasp-core-rules": {write: "a web ACL with AWSManagedRulesCommonRuleSet (" + string(WebACLARN) +
		")", idle: "false", guards: true},
	"modsecurity-snippet":    {write: "a web ACL (" + string(WebACLARN) + ")", guards: true},
	"limit-rps":              {write: "a rate-based rule of a web ACL (" + string(WebACLARN) + ")", guards: true},
	"limit-rpm":              {write: "a rate-based rule of a web ACL (" + string(WebACLARN) + ")", guards: true},
	"limit-connections":      {guards: true},
	"limit-whitelist":        {write: "a rule of a web ACL (" + string(WebACLARN) + ")"},
	"limit-rate":             {},
	"limit-rate-after":       {},
	"limit-burst-multiplier": {},
	"limit-req-status-code":  {},
	"ssl-redirect": {write: string(SSLRedirect) + `: "443", and both ports in ` +
		string(ListenPorts), idle: "false", guards: true},
	"force-ssl-redirect": {write: string(SSLRedirect) + `: "443", and both ports in ` +
		string(ListenPorts), idle: "false", guards: true},
	"preserve-trailing-slash": {},
	"ssl-passthrough": {
		write: "a Service of type LoadBalancer with a TCP port (network load balancer)", idle: "false"},
	"ssl-ciphers":               {write: string(SSLPolicy), guards: true},
	"ssl-prefer-server-ciphers": {write: string(SSLPolicy)},
	"hsts": {write: string(ListenerAttributes) +
		"HTTPS-443: routing.http.response.strict_transport_security.header_value=…"},
	"rewrite-target":          {write: string(Transforms) + "<service> with type url-rewrite"},
	"app-root":                {write: "an action of type redirect for path / (" + string(Actions) + "<name>)"},
	"use-regex":               {write: string(RegexPathMatch) + ": \"true\", and paths that begin with /^", idle: "false"},
	"permanent-redirect":      {write: "an action of type redirect with HTTP_301 (" + string(Actions) + "<name>)"},
	"permanent-redirect-code": {write: "statusCode HTTP_301 or HTTP_302 of an action of type redirect"},
	"temporal-redirect":       {write: "an action of type redirect with HTTP_302 (" + string(Actions) + "<name>)"},
	"from-to-www-redirect": {write: "an action of type redirect with a host (" + string(Actions) +
		"<name>)", idle: "false"},
	"backend-protocol": {write: string(BackendProtocol) + ", and " + string(BackendProtocolVersion) +
		" for HTTP2 and GRPC"},
	"affinity":      {write: string(TargetGroupAttributes) + ": stickiness.enabled=true,stickiness.type=lb_cookie"},
	"affinity-mode": {},
	"session-cookie-name": {write: string(TargetGroupAttributes) +
		": stickiness.type=app_cookie,stickiness.app_cookie.cookie_name=…"},
	"session-cookie-max-age": {write: string(TargetGroupAttributes) + ": stickiness.lb_cookie.duration_seconds=…"},
	"session-cookie-expires": {write: string(TargetGroupAttributes) + ": stickiness.lb_cookie.duration_seconds=…"},
	"load-balance":           {write: string(TargetGroupAttributes) + ": load_balancing.algorithm.type=…"},
	"upstream-hash-by":       {},
	"proxy-read-timeout": {write: string(LoadBalancerAttributes) +
		": idle_timeout.timeout_seconds=… (applies to the whole load balancer)"},
	"proxy-send-timeout": {write: string(LoadBalancerAttributes) +
		": idle_timeout.timeout_seconds=… (applies to the whole load balancer)"},
	"proxy-connect-timeout": {},
	"proxy-body-size": {write: "a size constraint rule of a web ACL (" + string(WebACLARN) + ")", guards: true,
		idle: "0"},
	"proxy-buffering":      {},
	"proxy-buffer-size":    {},
	"proxy-buffers-number": {},
	"proxy-http-version":   {write: string(BackendProtocolVersion)},
	"proxy-next-upstream":  {},
	"proxy-redirect-from":  {},
	"proxy-redirect-to":    {},
	"proxy-ssl-secret":     {},
	"proxy-ssl-verify":     {guards: true, idle: "off"},
	"upstream-vhost":       {write: string(Transforms) + "<service> with type host-header-rewrite"},
	"server-alias":         {write: "a rule for each host in spec.rules"},
	"canary": {write: "weights in an action of type forward (" + string(Actions) + "<name>)",
		idle: "false"},
	"canary-weight":            {write: "weights in an action of type forward (" + string(Actions) + "<name>)"},
	"canary-weight-total":      {write: "weights in an action of type forward (" + string(Actions) + "<name>)"},
	"canary-by-header":         {write: "an http-header condition (" + string(Conditions) + "<service>)"},
	"canary-by-header-value":   {write: "an http-header condition (" + string(Conditions) + "<service>)"},
	"canary-by-header-pattern": {write: "an http-header condition (" + string(Conditions) + "<service>)"},
	"canary-by-cookie":         {write: "an http-header condition on Cookie (" + string(Conditions) + "<service>)"},
	"enable-cors": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_allow_origin.header_value=…", idle: "false"},
	"cors-allow-origin": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_allow_origin.header_value=…"},
	"cors-allow-methods": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_allow_methods.header_value=…"},
	"cors-allow-headers": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_allow_headers.header_value=…"},
	"cors-expose-headers": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_expose_headers.header_value=…"},
	"cors-allow-credentials": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_allow_credentials.header_value=…"},
	"cors-max-age": {write: string(ListenerAttributes) +
		"<protocol>-<port>: routing.http.response.access_control_max_age.header_value=…"},
	"configuration-snippet":   {guards: true},
	"server-snippet":          {guards: true},
	"stream-snippet":          {},
	"custom-headers":          {},
	"custom-http-errors":      {},
	"default-backend":         {write: "spec.defaultBackend"},
	"mirror-target":           {},
	"mirror-request-body":     {},
	"mirror-host":             {},
	"service-upstream":        {},
	"enable-access-log":       {write: string(LoadBalancerAttributes) + ": access_logs.s3.enabled=…"},
	"enable-rewrite-log":      {},
	"enable-opentelemetry":    {},
	"x-forwarded-prefix":      {},
	"connection-proxy-header": {},
	"client-body-buffer-size": {},
}

// admitsAll reports whether a list of ranges, or one of it, admits every address of IPv4.
func admitsAll(ranges string) bool {
	for r := range strings.SplitSeq(ranges, ",") {
		if p, err := netip.ParsePrefix(strings.TrimSpace(r)); err == nil && p.Bits() == 0 && p.Addr().Is4() {
			return true
		}
	}
	return false
}

// alike are keys of one prefix whose counterparts of the other have another name.
var alike = map[Key]Key{
	ServiceTargetType: TargetType, ServiceName: LoadBalancerName, ServiceCertificates: CertificateARN,
	ServiceSSLPolicy: SSLPolicy,
	ServiceTags:      Tags, ServiceAttributes: LoadBalancerAttributes, ServiceSourceRanges: InboundCIDRs,
	ServiceGroupName:   GroupName,
	ServicePrefixLists: PrefixLists, ServiceInternal: Scheme, ServiceHCInterval: HealthCheckInterval,
	ServiceHCTimeout: HealthCheckTimeout,
	ServiceHCHealthy: HealthyThreshold, ServiceHCUnhealthy: UnhealthyThreshold, ServiceHCSuccessCodes: SuccessCodes,
}

// counterpart is the key with which the other kind of object sets the same; empty = there is none.
func counterpart(k Key) Key {
	other := Key(IngressPrefix + strings.TrimPrefix(string(k), serviceLoadBalancerPrefix))
	if strings.HasPrefix(string(k), IngressPrefix) {
		other = Key(serviceLoadBalancerPrefix + strings.TrimPrefix(string(k), IngressPrefix))
	}
	if e, ok := Lookup(other); ok && e.Scope != Written {
		return other
	}
	for service, ingress := range alike {
		if k == service {
			return ingress
		}
		if k == ingress {
			return service
		}
	}
	return ""
}

// otherPrefix is the finding about a key of load balancers of Services on an object without one.
func otherPrefix(o diag.Object, k Key, annotations map[string]string) diag.Diagnostic {
	remedy, read := "remove it", "Services with a network load balancer"
	if c := counterpart(k); c != "" {
		remedy = "write " + string(c) + ", or remove it"
	}
	if e, _ := Lookup(k); e.Scope == OnPod {
		read = "Pods"
	}
	return withoutEffect(o, k, annotations, unread(k, read), remedy)
}

// CheckWithoutLoadBalancer reports the keys of load balancers on a Service that has none.
func CheckWithoutLoadBalancer(f *Findings, o diag.Object, annotations map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		if ofBalancer(Key(k)) {
			d := otherPrefix(o, Key(k), annotations)
			if c := counterpart(Key(k)); c == "" || !onBackend(c) {
				d.Remedy = "remove it, or give the Service type LoadBalancer"
			}
			f.Add(d)
		}
	}
}

// onBackend reports whether a key is read on backend Services.
func onBackend(k Key) bool {
	e, _ := Lookup(k)
	return e.Scope == OnBoth
}

// meantAttribute are words of unknown keys that stand for an attribute.
var meantAttribute = []struct{ words, attribute string }{
	{"zonal-shift", "zonal_shift.config.enabled=true"},
	{"idle-timeout", "idle_timeout.timeout_seconds=60"},
	{"deletion-protection", "deletion_protection.enabled=true"},
	{"cross-zone", "load_balancing.cross_zone.enabled=true"},
	{"access-log", "access_logs.s3.enabled=true,access_logs.s3.bucket=…"},
	{"http2", "routing.http2.enabled=true"},
}

// formerNames are keys of the ALB ingress controller v1, and before, and those named like a key of the other prefix,
// that stand for another one than the nearest.
var formerNames = map[Key]Key{
	IngressPrefix + "attributes":                   LoadBalancerAttributes,
	IngressPrefix + "security-group-inbound-cidrs": InboundCIDRs,
	IngressPrefix + "wafv2-acl-id":                 WebACLARN,
	IngressPrefix + "web-acl-arn":                  WebACLARN,
	serviceLoadBalancerPrefix + "tags":             ServiceTags,
	serviceLoadBalancerPrefix + "ssl-policy":       ServiceSSLPolicy,
}

// unlike are keys that resemble known ones and stand for something that the controller has no annotation for, with what
// to do about them.
var unlike = map[Key]string{
	IngressPrefix + "outbound-cidrs": "remove it; to restrict what leaves the load balancer, name security groups with " +
		"such rules in " + string(SecurityGroups),
}

// suggestion is what an unknown key probably stands for, as a remedy; empty if nothing is near. Unlike Nearest, it
// decides nothing.
func suggestion(k Key) string {
	if remedy := unlike[k]; remedy != "" {
		return remedy
	}
	if best := cmp.Or(formerNames[k], Nearest(k), restriction(k)); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	name := strings.TrimPrefix(suffix(k), "aws-load-balancer-")
	if len(name) > longestName {
		return ""
	}
	attributes := LoadBalancerAttributes
	if strings.HasPrefix(string(k), ServicePrefix) {
		attributes = ServiceAttributes
	}
	for _, m := range meantAttribute {
		if strings.Contains(name, m.words) {
			return fmt.Sprintf("did you mean %s: %s?", attributes, m.attribute)
		}
	}
	var best Key
	for _, e := range entries {
		if prefix(e.Key) != prefix(k) || e.Scope == Written {
			continue
		}
		known := strings.TrimPrefix(suffix(e.Key), "aws-load-balancer-")
		if partOf(name, known) || partOf(known, name) {
			if best == "" || distant(suffix(k), suffix(e.Key)) < distant(suffix(k), suffix(best)) {
				best = e.Key
			}
		}
	}
	if best == "" {
		return ""
	}
	e, _ := Lookup(best)
	return fmt.Sprintf("did you mean %s%s?", best, e.Family)
}

// partOf reports whether a name begins or ends with another one and a separator.
func partOf(name, part string) bool {
	rest, begins := strings.CutPrefix(name, part)
	front, ends := strings.CutSuffix(name, part)
	return part != "" && (begins && rest != "" && (rest[0] == '-' || rest[0] == '.') || ends && front != "" &&
		(front[len(front)-1] == '-' || front[len(front)-1] == '.'))
}

func distant(a, b string) int { return Distance(strings.ToLower(a), strings.ToLower(b)) }
