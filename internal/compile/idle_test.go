package compile

import (
	"errors"
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
		"new": {[]string{enabled, "true", "idle_timeout.timeout_seconds", "90"}, nil,
			"map[idle_timeout.timeout_seconds:90]", enabled},
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

const ofGroups = "metadata.annotations[alb.ingress.kubernetes.io/target-group-attributes]"

// grouped is an Ingress with attributes of its target group.
func grouped(pairs ...string) intent.Member {
	return ingress("shop", "a", func(m *intent.Member) {
		all := map[string]intent.Field[string]{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = intent.Of(pairs[i+1], intent.At(m.Object, ofGroups))
		}
		m.Routes[0].Actions[0].Backends[0].TargetGroup.SetAttributes(all)
	})
}

// listening443 is an Ingress with an attribute of its HTTPS listener, and attributes of its load balancer.
func listening443(key string, balancer ...string) intent.Member {
	m := attributed(balancer...)
	https(certificate1)(&m)
	m.Listeners[1].Attributes = map[string]intent.Field[string]{key: set(&m, "listener-attributes.HTTPS-443", "X-Name")}
	return m
}

const (
	mutualHeader  = "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name"
	versionHeader = "routing.http.request.x_amzn_tls_version.header_name"
	factsOfTLS    = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
	duration      = "stickiness.lb_cookie.duration_seconds"
)

// TestSwitchedOffAttributeHasNote has attributes of each kind of resource that another one switches off.
func TestSwitchedOffAttributeHasNote(t *testing.T) {
	t.Parallel()
	const balancer, group, listener = "load-balancer-attributes", "target-group-attributes", "listener-attributes.HTTPS-443"
	for name, c := range map[string]struct {
		member  intent.Member
		setting string
		without []string // by key, KEY without SETTING
	}{
		"prefix of logs": {attributed("access_logs.s3.prefix", "web"), balancer,
			[]string{"access_logs.s3.prefix has no effect without access_logs.s3.enabled=true"}},
		"logs that are off": {attributed("connection_logs.s3.enabled", "false", "connection_logs.s3.bucket", "logs"),
			balancer, []string{"connection_logs.s3.bucket has no effect without connection_logs.s3.enabled=true"}},
		"reset bucket": {attributed("access_logs.s3.enabled", "false", "access_logs.s3.bucket", ""), "", nil},
		"complete logs": {attributed("access_logs.s3.enabled", "true", "access_logs.s3.bucket", "logs",
			"access_logs.s3.prefix", "web"), "", nil},
		"HTTP/2": {attributed("routing.http2.enabled", "false"), balancer, []string{
			"routing.http2.enabled has no effect without a listener with protocol HTTPS"}},
		"HTTP/2 of HTTPS": {listening443("routing.http.response.x_frame_options.header_value", "routing.http2.enabled",
			"false"), "", nil},
		"port of clients": {attributed("routing.http.xff_client_port.enabled", "true",
			"routing.http.xff_header_processing.mode", "remove"), balancer, []string{"routing.http.xff_client_port.enabled " +
			"has no effect without routing.http.xff_header_processing.mode=append"}},
		"IPv6": {attributed("ipv6.deny_all_igw_traffic", "true"), balancer, []string{
			"ipv6.deny_all_igw_traffic has no effect without IP address type dualstack"}},
		"duration": {grouped(duration, "60"), group, []string{duration + " has no effect without stickiness.enabled=true"}},
		"cookie of application": {grouped("stickiness.app_cookie.duration_seconds", "60"), group, []string{
			"stickiness.app_cookie.duration_seconds has no effect without stickiness.enabled=true and " +
				"stickiness.type=app_cookie"}},
		"sticky group": {grouped(duration, "60", "stickiness.enabled", "true"), "", nil},
		"client certificate": {listening443(mutualHeader), listener, []string{
			mutualHeader + " has no effect without mutual authentication with mode verify"}},
		"version": {listening443(versionHeader), listener, []string{versionHeader + " has no effect without the load " +
			"balancer attribute " + factsOfTLS + "=true"}},
		"version that is sent": {listening443(versionHeader, factsOfTLS, "true"), "", nil},
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

// inAWS has the account hold an internal load balancer with listeners and one target group for HTTP, with attributes.
func inAWS(kind stack.LoadBalancerType, balancer, group map[string]string, listeners ...stack.Listener) facts.Facts {
	f := standingWith(account(), kind, stack.IPv4)
	id := targetGroup(ingress("shop", "a").Object, "a").ID
	f.Existing.Families = map[string][]string{id: {stack.IPv4}}
	f.Details = &facts.LoadBalancerDetails{Attributes: balancer, Listeners: map[int32]stack.Listener{},
		Groups:          map[string]facts.TargetGroupDetails{id: {Protocol: "HTTP", TargetType: "ip"}},
		GroupAttributes: map[string]map[string]string{id: group}}
	for _, l := range listeners {
		f.Details.Listeners[l.Port] = l
	}
	return f
}

// TestSwitchInAWSCounts has the switches on in AWS, where objects do not declare them, or off.
func TestSwitchInAWSCounts(t *testing.T) {
	t.Parallel()
	off := inAWS(stack.Application, map[string]string{"access_logs.s3.enabled": "false"}, map[string]string{
		"stickiness.enabled": "false"}, stack.Listener{Port: 443, Protocol: "HTTPS"})
	on := inAWS(stack.Application, map[string]string{"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs",
		factsOfTLS: "true"}, map[string]string{"stickiness.enabled": "true", "stickiness.type": "lb_cookie"},
		stack.Listener{Port: 443, Protocol: "HTTPS", Mutual: &stack.MutualAuthentication{Mode: stack.MutualVerify}})
	for name, m := range map[string]intent.Member{
		"prefix": attributed("access_logs.s3.prefix", "web"), "duration": grouped(duration, "60"),
		"client certificate": listening443(mutualHeader), "version": listening443(versionHeader),
	} {
		for what, f := range map[string]facts.Facts{"off": off, "on": on} {
			r := Compile(loadBalancer(m), f, config(), nil)
			mustBuild(t, r)
			if (len(r.Diagnostics) == 0) != (what == "on") {
				t.Errorf("%s, %s: %v", name, what, told(r.Diagnostics))
			}
		}
	}
	// a listener of others has the protocol
	m := attributed("routing.http2.enabled", "false")
	if r := Compile(loadBalancer(m), on, config(), nil); len(r.Diagnostics) > 0 {
		t.Error(told(r.Diagnostics))
	}
	// a listener of the stack has it, so AWS is not asked
	unread, secure := on, attributed("routing.http2.enabled", "false")
	unread.Details = nil
	https(certificate1)(&secure)
	if r := Compile(loadBalancer(secure), unread, config(), nil); len(r.Needs) > 0 {
		t.Error(r.Needs)
	}
	// the target group is replaced
	on.Details.Groups[targetGroup(m.Object, "a").ID] = facts.TargetGroupDetails{Protocol: "HTTPS", TargetType: "ip"}
	if r := Compile(loadBalancer(grouped(duration, "60")), on, config(), nil); len(r.Diagnostics) != 1 {
		t.Error(told(r.Diagnostics))
	}
}

// TestAttributeThatAWSRefusesBesideItsOwn declares one attribute alone, which AWS refuses for what it has.
func TestAttributeThatAWSRefusesBesideItsOwn(t *testing.T) {
	t.Parallel()
	const sticky, algorithm = "stickiness.enabled", "load_balancing.algorithm.type"
	f := inAWS(stack.Application, map[string]string{"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs"},
		map[string]string{algorithm: "weighted_random", sticky: "false"})
	for name, c := range map[string]struct {
		member intent.Member
		facts  facts.Facts
		key    string
	}{
		"bucket":     {attributed("access_logs.s3.bucket", ""), f, "access_logs.s3.bucket"},
		"stickiness": {grouped(sticky, "true"), f, sticky},
	} {
		r := Compile(loadBalancer(c.member), c.facts, config(), nil)
		s := mustBuild(t, r)
		if len(s.LoadBalancers[0].Attributes)+len(s.TargetGroups[0].Attributes) > 0 || len(r.Diagnostics) != 1 ||
			!strings.HasPrefix(r.Diagnostics[0].Text, "attribute "+c.key+" cannot be ") {
			t.Errorf("%s: %v", name, told(r.Diagnostics))
		}
	}
	e := service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.Attributes = map[string]intent.Field[string]{"secondary_ips.auto_assigned.per_subnet": set(m,
			"attributes", "1")}
	})
	f = inAWS(stack.Network, map[string]string{"secondary_ips.auto_assigned.per_subnet": "2"}, nil)
	if r := Compile(e, f, config(), nil); len(mustBuild(t, r).LoadBalancers[0].Attributes) > 0 || len(r.Diagnostics) != 1 {
		t.Error(told(r.Diagnostics))
	}
}

// TestUnreadAttributesFindNothing fails the look-up of what AWS has.
func TestUnreadAttributesFindNothing(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]intent.Member{
		"idle": attributed("access_logs.s3.prefix", "web"), "refused": attributed("access_logs.s3.enabled", "true"),
		"idle group": grouped(duration, "60"), "refused group": grouped("stickiness.enabled", "true"),
		"client certificate": listening443(mutualHeader), "version": listening443(versionHeader),
	} {
		f := inAWS(stack.Application, nil, nil)
		f.Details = nil
		e := loadBalancer(m)
		waiting := Compile(e, f, config(), nil)
		if waiting.Stack != nil || len(waiting.Needs) == 0 || len(waiting.Diagnostics) > 0 {
			t.Errorf("%s: %v %v", name, waiting.Needs, told(waiting.Diagnostics))
		}
		f.Errors = map[facts.Need]error{}
		for _, n := range waiting.Needs {
			if n.Kind != facts.NeedStackDetails {
				t.Errorf("%s needs %v", name, n)
			}
			f.Errors[n] = errors.New("throttled")
		}
		r := Compile(e, f, config(), nil)
		s := mustBuild(t, r)
		declared := len(m.Settings.Attributes) + len(m.Routes[0].Actions[0].Backends[0].TargetGroup.Attributes)
		if len(s.LoadBalancers[0].Attributes)+len(s.TargetGroups[0].Attributes) != declared || len(r.Diagnostics) > 0 {
			t.Errorf("%s: %v %v", name, s.LoadBalancers[0].Attributes, told(r.Diagnostics))
		}
	}
}
