package front

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	ofALB = "alb.ingress.kubernetes.io/"
	ofNLB = "service.beta.kubernetes.io/"
)

// beside are annotations that an annotation has an effect beside only, by its key without the prefix.
func beside(key string) map[string]string {
	secure := map[string]string{"listen-ports": `[{"HTTPS":443}]`, "certificate-arn": accountCertificate}
	login := maps.Clone(secure)
	login["auth-type"] = "oidc"
	cognito := maps.Clone(secure)
	cognito["auth-type"], cognito["auth-idp-cognito"] = "cognito", exampleOf(ofALB+"auth-idp-cognito")
	switch {
	case key == "ssl-redirect":
		return map[string]string{"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "certificate-arn": accountCertificate}
	case key == "listen-ports":
		return map[string]string{"certificate-arn": accountCertificate}
	case key == "listener-attributes.HTTP-80", key == "certificate-arn":
		return map[string]string{"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`}
	case slices.Contains([]string{"ssl-policy", "mutual-authentication", "auth-type", "jwt-validation",
		"backend-protocol-version"}, key):
		return secure
	case key == "auth-idp-cognito":
		delete(cognito, "auth-idp-cognito")
		return cognito
	case key == "auth-idp-oidc":
		return login
	case strings.HasPrefix(key, "auth-"):
		return cognito
	case strings.HasPrefix(key, "frontend-nlb-"):
		return map[string]string{"enable-frontend-nlb": "true"}
	case key == "aws-load-balancer-ssl-ports", key == "aws-load-balancer-ssl-negotiation-policy",
		key == "aws-load-balancer-alpn-policy":
		return map[string]string{"aws-load-balancer-ssl-cert": accountCertificate}
	case strings.HasPrefix(key, "aws-load-balancer-access-log-s3"):
		return map[string]string{"aws-load-balancer-access-log-enabled": "true"}
	case key == "aws-load-balancer-healthcheck-path", key == "aws-load-balancer-healthcheck-success-codes":
		return map[string]string{"aws-load-balancer-healthcheck-protocol": "http"}
	case key == "aws-load-balancer-source-nat-ipv6-prefixes", key == "aws-load-balancer-ipv6-addresses",
		key == "aws-load-balancer-enable-prefix-for-ipv6-source-nat":
		return map[string]string{"aws-load-balancer-ip-address-type": "dualstack"}
	}
	return nil
}

// instead are values that differ from what holds without the annotation, where the example of the table does not.
var instead = map[string]string{
	"certificate-arn": accountCertificate + "2", "aws-load-balancer-ssl-cert": accountCertificate,
	"subnets": "subnet-a, subnet-c", "aws-load-balancer-subnets": "subnet-a, subnet-c",
	"target-type": "instance", "healthcheck-interval-seconds": "20", "healthcheck-timeout-seconds": "6",
	"healthy-threshold-count": "3", "unhealthy-threshold-count": "3", "healthcheck-protocol": "HTTPS",
	"success-codes": "201", "auth-session-timeout": "60", "auth-session-cookie": "mine", "auth-scope": "email",
	"manage-backend-security-group-rules":    "false",
	"aws-load-balancer-healthcheck-interval": "20", "aws-load-balancer-healthcheck-timeout": "6",
	"aws-load-balancer-healthcheck-healthy-threshold": "5", "aws-load-balancer-healthcheck-unhealthy-threshold": "5",
	"aws-load-balancer-healthcheck-success-codes": "201", "aws-load-balancer-nlb-target-type": "instance",
	"aws-load-balancer-internal": "false", "aws-load-balancer-manage-backend-security-group-rules": "false",
	"aws-load-balancer-ssl-ports": "81", "aws-load-balancer-alpn-policy": "HTTP2Only",
	"frontend-nlb-healthcheck-port": "81", "frontend-nlb-healthcheck-interval-seconds": "20",
	"frontend-nlb-healthcheck-timeout-seconds": "7", "frontend-nlb-healthcheck-healthy-threshold-count": "4",
	"frontend-nlb-healthcheck-unhealthy-threshold-count": "4", "frontend-nlb-listener-port-mapping": "80=81",
	"frontend-nlb-subnets": "subnet-a, subnet-c", "aws-load-balancer-quic-enabled-ports": "80",
	"aws-load-balancer-type": "nlb", "target-control-port.web.http": "3000",
	"aws-load-balancer-listener-attributes.TCP-80": "tcp.idle_timeout.seconds=400",
	"aws-load-balancer-enable-tcp-udp-listener":    "true", "group.order": "10",
}

// unseenHere are annotations whose effect is not in what is compiled, and the tests that show it.
var unseenHere = map[string]string{
	"group.order":   "TestGroupsAreInOrder: it decides among members of a group",
	"approved-plan": "approval_test.go", "aws-load-balancer-approved-plan": "approval_test.go",
	"allow-deletion": "deletionbrake_test.go", "aws-load-balancer-allow-deletion": "deletionbrake_test.go",
	"delete-duplicates": "duplicate_test.go", "aws-load-balancer-delete-duplicates": "duplicate_test.go",
	"deletion-policy": "deletionpolicy_test.go", "aws-load-balancer-deletion-policy": "deletionpolicy_test.go",
	"ownership":                   "ownership_test.go: it decides about writes",
	"aws-load-balancer-ownership": "ownership_test.go: it decides about writes",
	"aws-load-balancer-type":      "front_test.go: spec.loadBalancerClass decides here",
}

func exampleOf(key string) string {
	e, _ := annotation.Lookup(annotation.Key(key))
	return e.Example
}

// effectCase is an annotation with a value, on an object.
type effectCase struct{ key, value, on string }

// effectCases are all annotations of Ingresses and Services.
func effectCases() (out []effectCase) {
	for _, e := range annotation.Entries() {
		full := string(e.Key)
		switch {
		case !strings.HasSuffix(full, "."):
		case strings.HasSuffix(full, "listener-attributes.") && strings.HasPrefix(full, ofALB):
			full += "HTTP-80"
		case strings.HasSuffix(full, "-attributes.") && !strings.Contains(full, "target-group"), full == ofNLB+"actions.":
			full += "TCP-80"
		case strings.HasSuffix(full, "target-group-attributes."):
			full += "80"
		case strings.HasSuffix(full, "target-control-port."):
			full += "web.http"
		case full == ofALB+"actions.":
			full += "extra"
		default:
			full += "web"
		}
		_, key, _ := strings.Cut(full, "/")
		value := e.Example
		if v, ok := instead[key]; ok {
			value = v
		}
		for _, on := range map[annotation.Scope][]string{annotation.OnIngress: {"Ingress"}, annotation.OnService: {"NLB"},
			annotation.OnBoth: {"Ingress", "Service"}}[e.Scope] {
			out = append(out, effectCase{full, value, on})
		}
	}
	return out
}

// effectOf is what is made of an Ingress or Service with annotations, and the findings.
func effectOf(t *testing.T, on string, annotations, ofService map[string]string) (string, diag.List) {
	t.Helper()
	e := effectAfter(t, on, annotations, ofService, nil)
	return e.all, e.found
}

// effect is what a pass makes of annotations: all as text, and the part that an edit must not lose.
type effect struct {
	all, kept string
	built     bool
	found     diag.List
	memory    *compile.Memory
}

// effectAfter is the effect of annotations after a pass that remembered before.
func effectAfter(t *testing.T, on string, annotations, ofService map[string]string, before *compile.Memory,
	params ...*v1beta1.IngressClassParams) effect {
	t.Helper()
	web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: ofService},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{
				{Name: "http", Port: 80, NodePort: 30080, Protocol: corev1.ProtocolTCP}}}}
	objs := []metav1.Object{web}
	var f Loader = Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb",
		DefaultTargetType: stack.TargetIP}}
	var declares metav1.Object = web
	if on == "NLB" {
		class := "service.k8s.aws/nlb"
		web.Spec.Type, web.Spec.LoadBalancerClass, web.Annotations = corev1.ServiceTypeLoadBalancer, &class, annotations
		web.Spec.Ports = append(web.Spec.Ports, corev1.ServicePort{Name: "more", Port: 81, NodePort: 30081,
			Protocol: corev1.ProtocolTCP})
	} else {
		kind := networkingv1.PathTypePrefix
		path := func(of, name, port string) networkingv1.HTTPIngressPath {
			p := networkingv1.HTTPIngressPath{Path: of, PathType: &kind, Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Name: port}}}}
			return p
		}
		paths := []networkingv1.HTTPIngressPath{path("/web", "web", "http")}
		if annotations[ofALB+"actions.extra"] != "" {
			paths = append(paths, path("/extra", "extra", "use-annotation"))
		}
		if annotations[ofALB+"use-regex-path-match"] != "" {
			specific := networkingv1.PathTypeImplementationSpecific
			paths[0].Path, paths[0].PathType = "/web/[0-9]+", &specific
		}
		class := "alb"
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "i", Annotations: annotations},
			Spec: networkingv1.IngressSpec{IngressClassName: &class,
				Rules: []networkingv1.IngressRule{{Host: "a.example.com", IngressRuleValue: networkingv1.IngressRuleValue{
					HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}}}}}}
		of := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
			Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}}
		for _, p := range params {
			of.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &v1beta1.GroupVersion.Group,
				Kind: "IngressClassParams", Name: p.Name}
			objs = append(objs, p)
		}
		objs = append(objs, ing, of)
		f, declares = Ingress{Config: ingress.Config{IngressClass: "alb", DefaultTargetType: stack.TargetIP}}, ing
	}
	v := objects.FromObjects(objs)
	id, ok, d := f.Declared(v, declares)
	key := stack.Key{Owner: f.Owner(), ID: id}
	c := pass(t, f, key, objs, before)
	found := slices.Concat(c.Findings, c.Diagnostics)
	if d != nil {
		found = append(found, *d)
	}
	text, err := json.Marshal(struct {
		Key     string
		Managed bool
		Stack   *stack.Stack
		Keep    stack.Keep
		Needs   string
		Policy  string
		DryRun  bool
		Options string
		Drift   string
	}{fmt.Sprint(key), ok, c.Stack, c.Keep, fmt.Sprint(c.Needs), fmt.Sprint(c.ReplacementPolicy), c.DryRun != nil,
		fmt.Sprint(c.Protected), fmt.Sprint(c.DriftPolicy)})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal([]any{c.Stack, c.DryRun != nil, fmt.Sprint(c.ReplacementPolicy), fmt.Sprint(c.DriftPolicy)})
	if err != nil {
		t.Fatal(err)
	}
	return effect{all: string(text), kept: string(kept), built: c.Stack != nil, found: found, memory: c.Memory}
}

// overruling are class parameters by the annotation that each overrides. Their values differ from the examples'.
func overruling() map[string]v1beta1.IngressClassParams {
	of := func(change func(*v1beta1.IngressClassParamsSpec)) v1beta1.IngressClassParams {
		p := v1beta1.IngressClassParams{}
		change(&p.Spec)
		return p
	}
	type spec = v1beta1.IngressClassParamsSpec
	annotated := func(k annotation.Key, value string) v1beta1.IngressClassParams {
		return v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{string(k): value}}}
	}
	scheme, family, imports := v1beta1.LoadBalancerScheme("internal"), v1beta1.LoadBalancerIPAddressType("ipv4"), false
	pool := "ipam-pool-of-class"
	return map[string]v1beta1.IngressClassParams{
		"group.name":                  of(func(s *spec) { s.Group = &v1beta1.IngressGroup{Name: "of-class"} }),
		"load-balancer-name":          of(func(s *spec) { s.LoadBalancerName = "of-class" }),
		"scheme":                      of(func(s *spec) { s.Scheme = &scheme }),
		"ip-address-type":             of(func(s *spec) { s.IPAddressType = &family }),
		"certificate-arn":             of(func(s *spec) { s.CertificateArn = []string{accountCertificate + "3"} }),
		"ssl-policy":                  of(func(s *spec) { s.SSLPolicy = "ELBSecurityPolicy-2016-08" }),
		"ssl-redirect":                of(func(s *spec) { s.SSLRedirectPort = "8443" }),
		"inbound-cidrs":               of(func(s *spec) { s.InboundCIDRs = []string{"198.51.100.0/24"} }),
		"security-group-prefix-lists": of(func(s *spec) { s.PrefixListsIDs = []string{"pl-of-class"} }),
		"target-type":                 of(func(s *spec) { s.TargetType = "ip" }),
		"subnets": of(func(s *spec) {
			s.Subnets = &v1beta1.SubnetSelector{IDs: []v1beta1.SubnetID{"subnet-a", "subnet-b"}}
		}),
		"tags": of(func(s *spec) { s.Tags = []v1beta1.Tag{{Key: "Key", Value: "of class"}} }),
		"load-balancer-attributes": of(func(s *spec) {
			s.LoadBalancerAttributes = []v1beta1.Attribute{{Key: "idle_timeout.timeout_seconds", Value: "61"}}
		}),
		"listener-attributes.HTTP-80": of(func(s *spec) {
			s.Listeners = []v1beta1.Listener{{Protocol: "HTTP", Port: 80, ListenerAttributes: []v1beta1.Attribute{
				{Key: "routing.http.response.server.enabled", Value: "true"}}}}
		}),
		"minimum-load-balancer-capacity": of(func(s *spec) {
			s.MinimumLoadBalancerCapacity = &v1beta1.MinimumLoadBalancerCapacity{CapacityUnits: 777}
		}),
		"ipam-ipv4-pool-id":  of(func(s *spec) { s.IPAMConfiguration = &v1beta1.IPAMConfiguration{IPv4IPAMPoolId: &pool} }),
		"wafv2-acl-name":     of(func(s *spec) { s.WAFv2ACLName = "of-class" }),
		"wafv2-acl-arn":      of(func(s *spec) { s.WAFv2ACLArn = "arn:aws:wafv2:us-west-2:1:regional/webacl/of-class/1" }),
		"drift-policy":       annotated(annotation.ClassDriftPolicy, "ignore"),
		"replacement-policy": annotated(annotation.ClassReplacementPolicy, "refuse"),
		"import-tls-secrets": of(func(s *spec) { s.ImportTLSSecrets = &imports }),
	}
}

// TestAnnotationsUnderClassParametersAreTold has a class parameter override each annotation: it has no effect, and a
// finding says so. One with the same value has none.
func TestAnnotationsUnderClassParametersAreTold(t *testing.T) {
	t.Parallel()
	values := map[string]string{"tags": "Key=own", "load-balancer-attributes": "idle_timeout.timeout_seconds=62",
		"listener-attributes.HTTP-80": "routing.http.response.server.enabled=false", "import-tls-secrets": "true",
		"scheme": "internet-facing", "ip-address-type": "dualstack", "drift-policy": "report",
		"minimum-load-balancer-capacity": "CapacityUnits=778", "replacement-policy": "allow"}
	for key, params := range overruling() {
		params.Name = "of"
		base := map[string]string{}
		for k, v := range beside(key) {
			base[ofALB+k] = v
		}
		full := ofALB + key
		delete(base, full)
		value := cmp.Or(values[key], instead[key], exampleOf(full))
		without := effectAfter(t, "Ingress", maps.Clone(base), nil, nil, &params)
		base[full] = value
		now := effectAfter(t, "Ingress", base, nil, nil, &params)
		if told := slices.ContainsFunc(now.found, func(d diag.Diagnostic) bool {
			return strings.Contains(d.Text, full) && strings.Contains(d.Text, "IngressClassParams of")
		}); now.kept != without.kept || !told {
			t.Errorf("%s=%q: the same %t, told %t: %v", key, value, now.kept == without.kept, told, now.found)
		}
	}
}

// typed are a key with two letters of its fixed part swapped, and one with a misspelt domain.
func typed(key string) []string {
	e, _ := annotation.Lookup(annotation.Key(key))
	at := len(strings.TrimSuffix(string(e.Key), ".")) - 2
	for ; key[at] == key[at+1]; at-- {
	}
	return []string{key[:at] + key[at+1:at+2] + key[at:at+1] + key[at+2:],
		strings.NewReplacer(ofALB, "alb.ingress.kuberentes.io/", ofNLB, "service.bta.kubernetes.io/").Replace(key)}
}

// TestMisspeltKeysChangeNothing misspells the key of each annotation that has an effect: what serves does not change,
// twice in a row, and a finding says so.
func TestMisspeltKeysChangeNothing(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, c := range effectCases() {
		prefix, key, _ := strings.Cut(c.key, "/")
		after := func(key string, before *compile.Memory) effect {
			own, ofService := map[string]string{}, map[string]string{}
			for k, v := range beside(strings.TrimPrefix(c.key, prefix+"/")) {
				own[prefix+"/"+k] = v
			}
			if c.on == "Service" {
				ofService[key] = c.value
			} else {
				own[key] = c.value
			}
			delete(own, "")
			delete(ofService, "")
			return effectAfter(t, c.on, own, ofService, before)
		}
		old := after(c.key, nil)
		serves := old.built && !slices.ContainsFunc(old.found, func(d diag.Diagnostic) bool {
			return d.Class != diag.Note
		})
		group := key == "group.name" || key == "aws-load-balancer-group-name"
		if !serves || group || old.kept == after("", old.memory).kept {
			continue
		}
		tried++
		for _, wrong := range typed(c.key) {
			memory := old.memory
			for range 2 {
				now := after(wrong, memory)
				told := slices.ContainsFunc(now.found, func(d diag.Diagnostic) bool {
					return d.Class != diag.Note && strings.Contains(d.Text, "keeps serving") && strings.Contains(d.Text, wrong)
				})
				if now.kept != old.kept || !told {
					t.Errorf("%s %s: stays %t, found %v", c.on, wrong, now.kept == old.kept, now.found)
				}
				memory = now.memory
			}
		}
	}
	if tried < 90 {
		t.Errorf("%d keys were misspelt", tried)
	}
}

// TestEachAnnotationHasAnEffectOrAFinding sets each annotation of the table to a valid value: what is made differs from
// what is made without, or a finding names the annotation.
func TestEachAnnotationHasAnEffectOrAFinding(t *testing.T) {
	t.Parallel()
	effects, tests := 0, map[string]bool{}
	for _, c := range effectCases() {
		prefix, key, _ := strings.Cut(c.key, "/")
		with := map[string]string{}
		for k, v := range beside(key) {
			with[prefix+"/"+k] = v
		}
		var ofService map[string]string
		without, _ := effectOf(t, c.on, maps.Clone(with), nil)
		if c.on == "Service" {
			ofService = map[string]string{c.key: c.value}
		} else {
			with[c.key] = c.value
		}
		now, found := effectOf(t, c.on, with, ofService)
		told := slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return strings.Contains(d.Path+d.Text, c.key) })
		if now != without {
			effects++
		} else if _, elsewhere := unseenHere[key]; elsewhere {
			tests[key] = true
		} else if !told {
			t.Errorf("%s %s: %q has no effect and no finding: %v", c.on, c.key, c.value, found)
		}
	}
	if effects < 120 {
		t.Errorf("%d annotations have an effect", effects)
	}
	for key := range unseenHere {
		if !tests[key] {
			t.Errorf("%s has an effect here", key)
		}
	}
}

// TestKeysThatNoBackendNamesAreTold has annotations about actions and Services of which no path of the Ingress is.
func TestKeysThatNoBackendNamesAreTold(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"actions.other", "conditions.other", "transforms.other", "target-control-port.web.81",
		"target-control-port.other.80"} {
		full := ofALB + key
		value := exampleOf(full)
		without, _ := effectOf(t, "Ingress", nil, nil)
		now, found := effectOf(t, "Ingress", map[string]string{full: value}, nil)
		if now != without || !slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
			return (d.Code == diag.IgnoredSetting || d.Code == diag.GuardNotApplied) && strings.Contains(d.Path, full)
		}) {
			t.Errorf("%s: %v", key, found)
		}
	}
}
