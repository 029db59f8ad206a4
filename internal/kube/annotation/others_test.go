package annotation

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestKeysWithoutEffectHaveARemedy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		on         Scope
		key, value string
		code       diag.Code // empty = no finding
		remedy     string
	}{
		{OnIngress, nginxPrefix + "whitelist-source-range", "10.0.0.0/8", diag.GuardNotApplied, string(InboundCIDRs)},
		{OnIngress, nginxPrefix + "whitelist-source-range", "0.0.0.0/0,::/0", "", ""},
		{OnIngress, nginxPrefix + "force-ssl-redirect", "true", diag.GuardNotApplied, string(SSLRedirect)},
		{OnIngress, nginxPrefix + "ssl-redirect", "false", "", ""},
		{OnIngress, nginxPrefix + "rewrite-target", "/$1", diag.ForeignAnnotation, string(Transforms)},
		{OnIngress, nginxPrefix + "proxy-buffering", "on", diag.ForeignAnnotation, "no equal"},
		{OnIngress, nginxPrefix + "not-in-the-table", "x", diag.ForeignAnnotation, "no equal"},
		{OnIngress, nginxPrefix + "global-rate-limit", "100", diag.GuardNotApplied, "rate-based rule"},
		{OnIngress, nginxPrefix + "global-rate-limit-window", "1m", diag.ForeignAnnotation, "no equal"},
		{OnIngress, nginxPrefix + "auth-snippet", "deny all;", diag.GuardNotApplied, "no equal"},
		{OnIngress, nginxPrefix + "auth-cache-key", "$remote_user", diag.ForeignAnnotation, "no equal"},
		{OnIngress, nginxPrefix + "new-ip-allowlist", "10.0.0.0/8", diag.GuardNotApplied, "no equal"},
		{OnIngress, nginxPrefix + "new-ip-allowlist", "", diag.ForeignAnnotation, "no equal"},
		{OnIngress, nginxPrefix + "new-snippet", "deny all;", diag.GuardNotApplied, "no equal"},
		{OnIngress, "k8s.apisix.apache.org/blocklist-source-range", "10.0.0.0/8", diag.GuardNotApplied, "its equal"},
		{OnIngress, "haproxy-ingress.github.io/limit-rps", "5", diag.GuardNotApplied, "its equal"},
		{OnIngress, "nginx.org/limit-req-rate", "5r/s", diag.GuardNotApplied, "its equal"},
		{OnIngress, "k8s.apisix.apache.org/http-to-https", "true", diag.GuardNotApplied, "its equal"},
		{OnIngress, "networking.gke.io/v1beta1.FrontendConfig", "tls", diag.GuardNotApplied, "its equal"},
		{OnIngress, "zalando.org/skipper-filter", "oauthTokeninfoAllScope()", diag.GuardNotApplied, "its equal"},
		{OnBoth, "cloud.google.com/armor-config", "{}", diag.GuardNotApplied, "its equal"},
		{OnService, ServicePrefix + "azure-allowed-service-tags", "AzureCloud", diag.GuardNotApplied, "its equal"},
		{OnService, ServicePrefix + "do-loadbalancer-deny-rules", "cidr:0.0.0.0/0", diag.GuardNotApplied, "its equal"},
		{OnIngress, "traefik.ingress.kubernetes.io/router.tls", "true", diag.ForeignAnnotation, "its equal"},
		{OnIngress, "traefik.ingress.kubernetes.io/router.middlewares", "shop-login@kubernetescrd", diag.GuardNotApplied,
			"its equal"},
		{OnIngress, "traefik.ingress.kubernetes.io/router.middlewares", "", diag.ForeignAnnotation, "its equal"},
		{OnIngress, "konghq.com/plugins", "login", diag.GuardNotApplied, "its equal"},
		{OnIngress, "nginx.org/policies", "shop/allowed", diag.GuardNotApplied, "its equal"},
		{OnIngress, "nginx.org/location-snippets", "deny all;", diag.GuardNotApplied, "its equal"},
		{OnBoth, "cloud.google.com/backend-config", "{}", diag.GuardNotApplied, "its equal"},
		{OnIngress, "cert-manager.io/cluster-issuer", "x", "", ""},
		{OnIngress, "external-dns.alpha.kubernetes.io/hostname", "x", "", ""},
		{OnIngress, string(ServiceScheme), "internal", diag.IgnoredSetting, string(Scheme)},
		{OnIngress, string(ServiceTargetType), "ip", diag.IgnoredSetting, string(TargetType)},
		{OnIngress, IngressPrefix + "outbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, "what leaves"},
		{OnIngress, IngressPrefix + "group", "a", diag.UnknownAnnotation, string(GroupName)},
		{OnIngress, IngressPrefix + "enable-zonal-shift", "true", diag.UnknownAnnotation, string(LoadBalancerAttributes) +
			": zonal_shift.config.enabled=true"},
		{OnService, string(serviceLoadBalancerPrefix) + "healthcheck-interval-seconds", "5", diag.UnknownAnnotation,
			string(ServiceHCInterval) + "?"},
		{OnService, string(Scheme), "internal", diag.IgnoredSetting, string(ServiceScheme)},
		{OnIngress, string(ServiceSourceRanges), "10.0.0.0/8", diag.GuardNotApplied, string(InboundCIDRs)},
		{OnIngress, string(ServiceSourceRanges), "0.0.0.0/0", diag.IgnoredSetting, string(InboundCIDRs)},
		{OnService, string(DryRun), "true", diag.IgnoredSetting, "remove it"},
		{OnGateway, string(AuthType), "none", diag.IgnoredSetting, "remove it"},
		{OnGateway, string(AuthType), "oidc", diag.GuardNotApplied, "remove it"},
		{OnService, string(HealthCheckPath), "/x", "", ""},
		{OnBoth, nginxPrefix + "whitelist-source-range", "10.0.0.0/8", diag.GuardNotApplied, string(InboundCIDRs)},
		{OnIngress, "Alb.Ingress.kubernetes.io/inbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, string(InboundCIDRs)},
		{OnIngress, "alb.ingress.k8s.io/inbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, string(InboundCIDRs)},
		{OnIngress, "alb.ingress.kubernetes.io.inbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, string(InboundCIDRs)},
		{OnIngress, "inbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, string(InboundCIDRs)},
		{OnIngress, "kubernetes.io/inbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, string(InboundCIDRs)},
		{OnIngress, "elbv2.k8s.aws/inbound-cidrs", "10.0.0.0/8", diag.UnknownAnnotation, string(InboundCIDRs)},
		{OnService, "service.alpha.kubernetes.io/aws-load-balancer-scheme", "internal", diag.UnknownAnnotation,
			string(ServiceScheme)},
		{OnService, "aws-load-balancer-scheme", "internal", diag.UnknownAnnotation, string(ServiceScheme)},
		{OnService, ServicePrefix + "aws-loadbalancer-scheme", "internal", diag.UnknownAnnotation, string(ServiceScheme)},
		{OnService, ServicePrefix + "azure-load-balancer-internal", "true", diag.ForeignAnnotation, "its equal"},
		{OnService, ServicePrefix + "azure-allowed-ip-ranges", "10.0.0.0/8", diag.GuardNotApplied, "its equal"},
		{OnService, "metallb.universe.tf/address-pool", "a", diag.ForeignAnnotation, "its equal"},
		{OnIngress, "haproxy.org/allow-list", "10.0.0.0/8", diag.GuardNotApplied, "its equal"},
		{OnIngress, "ingress.kubernetes.io/whitelist-source-range", "10.0.0.0/8", diag.GuardNotApplied, "its equal"},
		{OnIngress, "kubernetes.io/ingress.allow-http", "false", diag.GuardNotApplied, "its equal"},
		{OnIngress, "kubernetes.io/ingress.allow-http", "true", diag.ForeignAnnotation, "its equal"},
		{OnIngress, "azure/frontdoor-enabled", "true", diag.ForeignAnnotation, "its equal"},
		{OnIngress, "kubernetes.io/ingress.class", "alb", "", ""},
		{OnIngress, "kubernetes.io/tls-acme", "true", "", ""},
		{OnIngress, "argocd.argoproj.io/sync-wave", "1", "", ""},
		{OnGateway, "traefik.ingress.kubernetes.io/router.tls", "true", diag.ForeignAnnotation, "its equal"},
	} {
		var f Findings
		Check(&f, diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}, tc.on, map[string]string{tc.key: tc.value})
		found := f.List()
		switch {
		case tc.code == "" && len(found) == 0:
		case len(found) != 1 || found[0].Code != tc.code || !strings.Contains(found[0].Remedy, tc.remedy):
			t.Errorf("%s: %q on %s: %v, want %s with %q", tc.key, tc.value, tc.on, found, tc.code, tc.remedy)
		}
	}
}

// TestEachKeyIsReportedOnTheWrongKindOfObject goes over the tables: each key is read on a kind of object, or reported
// there.
func TestEachKeyIsReportedOnTheWrongKindOfObject(t *testing.T) {
	t.Parallel()
	for _, e := range Entries() {
		key := string(e.Key)
		if e.Family != "" {
			key += "x"
		}
		if e.Scope != OnService || !strings.HasPrefix(key, serviceLoadBalancerPrefix) {
			continue
		}
		var f Findings
		Check(&f, diag.Object{Kind: "Ingress"}, OnIngress, map[string]string{key: e.Example})
		CheckWithoutLoadBalancer(&f, diag.Object{Kind: "Service"}, map[string]string{key: e.Example})
		if len(f.List()) != 2 {
			t.Errorf("%s on an Ingress and on a Service without a load balancer: %v", key, f.List())
		}
	}
}

func TestEqualsOfOtherControllersExist(t *testing.T) {
	t.Parallel()
	for name, e := range nginx {
		for word := range strings.FieldsSeq(e.write) {
			key := strings.TrimLeft(strings.TrimRight(word, `:,;)"`), "(")
			key, _, _ = strings.Cut(key, "<")
			if !strings.HasPrefix(key, IngressPrefix) {
				continue
			}
			if strings.HasSuffix(key, ".") {
				key += "x"
			}
			if _, known := Lookup(Key(key)); !known {
				t.Errorf("the remedy for %s names the unknown annotation %s", name, key)
			}
		}
	}
}

func TestMapsWithCommasSayHowToEscapeThem(t *testing.T) {
	t.Parallel()
	k := ListenerAttributes.For("HTTP-80")
	for _, value := range []string{`a.header_value="GET,POST,OPTIONS"`, `a.header_value=GET,POST,OPTIONS`,
		`a.header_value=GET\,POST,OPTIONS`} {
		var f Findings
		NewReader(&f, diag.Object{Kind: "Ingress"}, map[string]string{string(k): value}).Map(k)
		if found := f.List(); len(found) != 1 || !strings.HasSuffix(found[0].Remedy, `a.header_value=GET\,POST\,OPTIONS`) {
			t.Errorf("%s: %v", value, found)
		}
	}
}
