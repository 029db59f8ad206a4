package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// attributed is an Ingress with attributes of its load balancer.
func attributed(pairs ...string) intent.Member {
	return ingress("shop", "a", func(m *intent.Member) {
		m.Settings.Attributes = map[string]intent.Field[string]{}
		for i := 0; i < len(pairs); i += 2 {
			m.Settings.Attributes[pairs[i]] = set(m, "load-balancer-attributes", pairs[i+1])
		}
	})
}

// TestLogsWithoutBucketAreLeftOutAlone has a load balancer that is new, or that has attributes in AWS.
func TestLogsWithoutBucketAreLeftOutAlone(t *testing.T) {
	t.Parallel()
	const enabled, bucket = "access_logs.s3.enabled", "access_logs.s3.bucket"
	for name, c := range map[string]struct {
		declared []string
		existing map[string]string // nil = the load balancer is new
		want     string
		told     string
	}{
		"new": {[]string{enabled, "true", "routing.http2.enabled", "false"}, nil, "map[routing.http2.enabled:false]",
			enabled},
		"new, both": {[]string{enabled, "true", bucket, "logs"}, nil, "map[" + bucket + ":logs " + enabled + ":true]", ""},
		"a prefix": {[]string{"connection_logs.s3.enabled", "true", "connection_logs.s3.prefix", "web"}, nil,
			"map[connection_logs.s3.prefix:web]", "connection_logs.s3.enabled"},
		"existing without logs": {[]string{enabled, "true"}, map[string]string{enabled: "false", bucket: ""},
			"map[]", enabled},
		"existing with bucket": {[]string{enabled, "true"}, map[string]string{enabled: "true", bucket: "logs"},
			"map[" + enabled + ":true]", ""},
		"bucket taken from logs": {[]string{enabled, "true", bucket, ""}, map[string]string{enabled: "true", bucket: "logs"},
			"map[" + enabled + ":true]", bucket},
		"zones": {[]string{"load_balancing.cross_zone.enabled", "false"}, nil, "map[]", "load_balancing.cross_zone.enabled"},
	} {
		f := account()
		if c.existing != nil {
			f = standingWith(f, stack.Application, stack.IPv4)
			f.Details = &facts.LoadBalancerDetails{Attributes: c.existing}
		}
		r := Compile(loadBalancer(attributed(c.declared...)), f, config(), nil)
		same(t, name, []string{fmt.Sprint(mustBuild(t, r).LoadBalancers[0].Attributes)}, []string{c.want})
		if c.told == "" && len(r.Diagnostics) == 0 {
			continue
		}
		if d := r.Diagnostics; len(d) != 1 || d[0].Code != diag.InvalidAnnotation || !strings.HasPrefix(d[0].Text,
			"attribute "+c.told+" cannot be ") || !strings.HasSuffix(d[0].Text, "all other settings take effect") {
			t.Errorf("%s: %v", name, told(d))
		}
	}
}

// TestSwitchedOffAttributeHasNote has attributes of each kind of resource that another one switches off.
func TestSwitchedOffAttributeHasNote(t *testing.T) {
	t.Parallel()
	group := func(all map[string]string) intent.Member {
		return ingress("shop", "a", func(m *intent.Member) {
			g := m.Routes[0].Actions[0].Backends[0].TargetGroup
			g.Attributes = all
			g.AttributesSource = intent.At(m.Object, "metadata.annotations[alb.ingress.kubernetes.io/target-group-attributes]")
		})
	}
	listener := func(key string, balancer ...string) intent.Member {
		m := attributed(balancer...)
		https(certificate1)(&m)
		for i := range m.Listeners {
			if m.Listeners[i].Protocol == "HTTPS" {
				m.Listeners[i].Attributes = map[string]intent.Field[string]{
					key: set(&m, "listener-attributes.HTTPS-443", "X-Name")}
			}
		}
		return m
	}
	const of, version = "routing.http.request.x_amzn_", "routing.http.request.x_amzn_tls_version.header_name"
	const facts = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
	for name, c := range map[string]struct {
		member  intent.Member
		setting string
		without []string // by key, KEY without SETTING
	}{
		"prefix of logs": {attributed("access_logs.s3.prefix", "web"), "load-balancer-attributes",
			[]string{"access_logs.s3.prefix has no effect without access_logs.s3.enabled=true"}},
		"logs that are off": {attributed("connection_logs.s3.enabled", "false", "connection_logs.s3.bucket", "logs"),
			"load-balancer-attributes", []string{
				"connection_logs.s3.bucket has no effect without connection_logs.s3.enabled=true"}},
		"reset bucket": {attributed("access_logs.s3.enabled", "false", "access_logs.s3.bucket", ""), "", nil},
		"complete logs": {attributed("access_logs.s3.enabled", "true", "access_logs.s3.bucket", "logs",
			"access_logs.s3.prefix", "web"), "", nil},
		"duration": {group(map[string]string{"stickiness.lb_cookie.duration_seconds": "60"}), "target-group-attributes",
			[]string{"stickiness.lb_cookie.duration_seconds has no effect without stickiness.enabled=true"}},
		"cookie of application": {group(map[string]string{"stickiness.app_cookie.duration_seconds": "60"}),
			"target-group-attributes", []string{"stickiness.app_cookie.duration_seconds has no effect without " +
				"stickiness.enabled=true and stickiness.type=app_cookie"}},
		"sticky group": {group(map[string]string{"stickiness.lb_cookie.duration_seconds": "60", "stickiness.enabled": "true"}),
			"", nil},
		"client certificate": {listener(of + "mtls_clientcert_issuer.header_name"), "listener-attributes.HTTPS-443",
			[]string{of + "mtls_clientcert_issuer.header_name has no effect without mutual authentication with mode verify"}},
		"version": {listener(version), "listener-attributes.HTTPS-443", []string{version + " has no effect without the " +
			"load balancer attribute " + facts + "=true"}},
		"version that is sent": {listener(version, facts, "true"), "", nil},
	} {
		r := Compile(loadBalancer(c.member), account(), config(), nil)
		mustBuild(t, r)
		var got []string
		for _, d := range r.Diagnostics {
			if d.Code != diag.IgnoredSetting || d.Path != "metadata.annotations[alb.ingress.kubernetes.io/"+c.setting+"]" {
				t.Errorf("%s: %s %s", name, d.Code, d.Path)
			}
			got = append(got, strings.TrimPrefix(d.Text, "attribute "))
		}
		slices.Sort(got)
		same(t, name, got, c.without)
	}
}
