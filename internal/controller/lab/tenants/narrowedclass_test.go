package tenants

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// classWith are an IngressClass and its parameters.
func classWith(name string, spec v1beta1.IngressClassParamsSpec) []client.Object {
	return []client.Object{
		&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec},
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressClassSpec{
			Controller: "ingress.k8s.aws/alb", Parameters: &networkingv1.IngressClassParametersReference{
				APIGroup: ptr.To("elbv2.k8s.aws"), Kind: "IngressClassParams", Name: name}}},
	}
}

// openWeb is an Ingress of class alb that chooses all that class parameters can choose, with a certificate.
func openWeb(certificate string) *networkingv1.Ingress {
	return lab.Ingress("web", map[string]string{"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`,
		"certificate-arn": certificate, "tags": "team=mine", "inbound-cidrs": "0.0.0.0/0",
		"load-balancer-attributes":    "idle_timeout.timeout_seconds=100",
		"listener-attributes.HTTP-80": "routing.http.response.server.enabled=true",
		"ssl-policy":                  "ELBSecurityPolicy-TLS13-1-1-2021-06", "wafv2-acl-name": "none"}, "a")
}

// narrow is what an administrator sets later.
func narrow(certificate, webACL string, subnets ...v1beta1.SubnetID) v1beta1.IngressClassParamsSpec {
	attribute := func(key, value string) []v1beta1.Attribute { return []v1beta1.Attribute{{Key: key, Value: value}} }
	return v1beta1.IngressClassParamsSpec{InboundCIDRs: []string{"10.0.0.0/8"}, CertificateArn: []string{certificate},
		Tags: []v1beta1.Tag{{Key: "team", Value: "theirs"}}, SSLPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
		LoadBalancerAttributes: attribute("idle_timeout.timeout_seconds", "70"), WAFv2ACLArn: webACL,
		Listeners: []v1beta1.Listener{{Protocol: "HTTP", Port: 80,
			ListenerAttributes: attribute("routing.http.response.server.enabled", "false")}},
		Subnets: &v1beta1.SubnetSelector{IDs: subnets}, SSLRedirectPort: "443"}
}

// choices is what of all that shows in AWS, with the ARNs of the account's resources.
func choices(l *lab.Lab) string {
	r := l.Sim.Resources()
	lb := r.LoadBalancers[0]
	var subnets, ports, acls, peers []string
	for _, z := range lb.Zones {
		subnets = append(subnets, z.Subnet)
	}
	for _, p := range lb.Listeners {
		last := p.Rules[len(p.Rules)-1]
		ports = append(ports, fmt.Sprintln(p.Port, p.Certificates, p.SSLPolicy, last.Actions[0].Type,
			p.Attributes["routing.http.response.server.enabled"]))
	}
	slices.Sort(ports)
	for _, acl := range r.WebACLs {
		if len(acl.LoadBalancers) > 0 {
			acls = append(acls, acl.ARN)
		}
	}
	for _, sg := range r.SecurityGroups {
		for _, rule := range sg.Ingress {
			if strings.HasPrefix(sg.Name, "k8s-shop") {
				peers = append(peers, rule.Peer)
			}
		}
	}
	slices.Sort(peers)
	return fmt.Sprintln("subnets", subnets, "\nports", ports, "\nweb ACLs", acls, "\npeers", slices.Compact(peers),
		"\ntag", lb.Tags["team"], "\nidle", lb.Attributes["idle_timeout.timeout_seconds"])
}

// TestNarrowedClassBindsEveryField has an administrator restrict a class, while an Ingress of it is invalid in some
// way, or has gone to another class with a mistake.
func TestNarrowedClassBindsEveryField(t *testing.T) {
	t.Parallel()
	wrong := func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/healthcheck-interval-seconds"] = "soon"
	}
	named := func(class string) func(*networkingv1.Ingress) {
		return func(i *networkingv1.Ingress) { i.Spec.IngressClassName = &class }
	}
	for name, invalid := range map[string]func(*networkingv1.Ingress){
		"a mistake": wrong, "no such class": named("none"), "no such parameters": named("hollow"),
		"another class": func(i *networkingv1.Ingress) { named("other")(i); wrong(i) },
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", restarted"}[restarted], func(t *testing.T) {
				t.Parallel()
				hollow := classWith("hollow", v1beta1.IngressClassParamsSpec{})[1]
				l := lab.NewKeeper(t, append(slices.Concat(classWith("alb", v1beta1.IngressClassParamsSpec{}),
					classWith("other", v1beta1.IngressClassParamsSpec{})), hollow, lab.Service("a"))...)
				l.GuardAccount()
				first, second := l.Certify("web.example.com"), l.Certify("www.example.com")
				l.Create(openWeb(first))
				l.Settle(lab.Key("web"))
				before := l.Sim.Resources()
				var subnets []v1beta1.SubnetID
				for _, z := range before.LoadBalancers[0].Zones[:2] {
					subnets = append(subnets, v1beta1.SubnetID(z.Subnet))
				}
				l.EditWeb(invalid)
				l.Settle(lab.Key("web"))
				open := choices(l)
				params := &v1beta1.IngressClassParams{}
				l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "alb"}, params))
				params.Spec = narrow(second, before.WebACLs[0].ARN, subnets...)
				if restarted {
					l.End()
				}
				l.Must(l.Client.Update(t.Context(), params))
				if restarted {
					l.Restart()
				}
				l.Settle(lab.Key("web"))
				want := fmt.Sprintln("subnets", subnets, "\nports", []string{
					"443 [" + second + "] ELBSecurityPolicy-TLS13-1-2-2021-06 fixed-response true\n", "80 []  redirect false\n"},
					"\nweb ACLs",
					[]string{before.WebACLs[0].ARN}, "\npeers", []string{"10.0.0.0/8"}, "\ntag", "theirs", "\nidle", "70")
				if got := choices(l); got != want {
					t.Errorf("before:\n%sgot:\n%swant:\n%s%s", open, got, want, strings.Join(l.Events, "\n"))
				}
				l.EditWeb(func(i *networkingv1.Ingress) {
					named("alb")(i)
					delete(i.Annotations, "alb.ingress.kubernetes.io/healthcheck-interval-seconds")
				})
				l.Settle(lab.Key("web"))
				if got := choices(l); got != want {
					t.Errorf("corrected:\n%swant:\n%s%s", got, want, strings.Join(l.Events, "\n"))
				}
			})
		}
	}
}

// TestUnfitClassBindsTheRest has an administrator restrict a class to a subnet that does not exist, and to ranges,
// while an Ingress of it is invalid: the ranges count, and nothing else changes.
func TestUnfitClassBindsTheRest(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, append(classWith("alb", v1beta1.IngressClassParamsSpec{}), lab.Service("a"),
		lab.Ingress("web", map[string]string{"inbound-cidrs": "0.0.0.0/0"}, "a"))...)
	l.Settle(lab.Key("web"))
	l.Annotate("web", "healthcheck-interval-seconds", "soon")
	params := &v1beta1.IngressClassParams{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "alb"}, params))
	params.Spec = v1beta1.IngressClassParamsSpec{InboundCIDRs: []string{"10.0.0.0/8"}, SSLRedirectPort: "443",
		Subnets: &v1beta1.SubnetSelector{IDs: []v1beta1.SubnetID{"subnet-0a1de00000000dead"}}}
	before := choices(l)
	l.Must(l.Client.Update(t.Context(), params))
	l.Settle(lab.Key("web"))
	if got, want := choices(l), strings.Replace(before, "0.0.0.0/0", "10.0.0.0/8", 1); got != want || got == before {
		t.Errorf("got:\n%swant:\n%s%s", got, want, strings.Join(l.Events, "\n"))
	}
}

// TestClassOfAnotherSchemeMovesNoLoadBalancer has an administrator make a class internal, with subnets, while an Ingress
// of it is invalid.
func TestClassOfAnotherSchemeMovesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	spec := func(scheme v1beta1.LoadBalancerScheme, subnets ...v1beta1.SubnetID) v1beta1.IngressClassParamsSpec {
		return v1beta1.IngressClassParamsSpec{Scheme: &scheme, Subnets: &v1beta1.SubnetSelector{IDs: subnets}}
	}
	public, private := []v1beta1.SubnetID{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"},
		[]v1beta1.SubnetID{"subnet-0a1de0000000000a2", "subnet-0a1de0000000000b2"}
	l := lab.NewKeeper(t, append(classWith("alb", spec("internet-facing", public...)), lab.Service("a"),
		lab.Ingress("web", nil, "a"))...)
	l.Settle(lab.Key("web"))
	l.Annotate("web", "healthcheck-interval-seconds", "soon")
	before := choices(l)
	params := &v1beta1.IngressClassParams{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "alb"}, params))
	params.Spec = spec("internal", private...)
	l.Must(l.Client.Update(t.Context(), params))
	l.Settle(lab.Key("web"))
	if got := choices(l); got != before || !strings.Contains(before, string(public[0])) {
		t.Errorf("before:\n%sgot:\n%s%s", before, got, strings.Join(l.Events, "\n"))
	}
}

// TestRefusedSubnetsLeaveSecurityGroups has an administrator name security groups in the configuration of a
// GatewayClass, beside a subnet that does not exist, while a Gateway of it is invalid.
func TestRefusedSubnetsLeaveSecurityGroups(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, "GatewayClass /ours {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: {group: "+
		"gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: kube-system, name: class}}}\n"+
		"LoadBalancerConfiguration kube-system/class {spec: {}}\n"+
		"Gateway shop/web {spec: {gatewayClassName: ours, infrastructure: {parametersRef: {group: gateway.k8s.aws, "+
		"kind: LoadBalancerConfiguration, name: own}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}\n"+
		"LoadBalancerConfiguration shop/own {spec: {}}")
	group := l.SecurityGroup("named")
	l.SettleWeb()
	l.Apply("LoadBalancerConfiguration shop/own {spec: {sourceRanges: [10.0.0.0]}}")
	l.SettleWeb()
	l.Apply("LoadBalancerConfiguration kube-system/class {spec: {securityGroups: [" + group +
		"], loadBalancerSubnets: [{identifier: subnet-0a1de00000000dead}]}}")
	l.SettleWeb()
	if got := l.Sim.Resources().LoadBalancers[0].SecurityGroups; !slices.Equal(got, []string{group}) {
		t.Errorf("got %v, want %s\n%s", got, group, strings.Join(l.Events, "\n"))
	}
}

// TestNameTakesNoWebACL has a member of namespace mal name a web ACL, or none, beside the ARN of an older member, after
// a start without checkpoints.
func TestNameTakesNoWebACL(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"none", lab.GuardACL + "-2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class())
			l.GuardAccount()
			_, err := l.Sim.Firewall.CreateWebACL(t.Context(), &wafv2.CreateWebACLInput{Name: ptr.To(lab.GuardACL + "-2"),
				Scope:            waftypes.ScopeRegional,
				DefaultAction:    &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
				VisibilityConfig: &waftypes.VisibilityConfig{MetricName: ptr.To("x")}})
			l.Must(err)
			at := slices.IndexFunc(l.Sim.Resources().WebACLs, func(w simclient.WebACL) bool { return w.Name == lab.GuardACL })
			acl := l.Sim.Resources().WebACLs[at].ARN
			l.Create(lab.GroupMember("shop", "web", 0, map[string]string{"wafv2-acl-arn": acl})...)
			l.Settle(lab.FrontGroup)
			l.Create(lab.GroupMember("mal", "evil", 9, map[string]string{"wafv2-acl-name": name})...)
			l.Settle(lab.FrontGroup)
			before := choices(l)
			l.Restart()
			l.Settle(lab.FrontGroup)
			l.Settle(lab.FrontGroup)
			if got := choices(l); got != before || !strings.Contains(got, acl) {
				t.Errorf("before:\n%safter:\n%s%s", before, got, strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestNarrowedClassBindsInvalidGateways has an administrator restrict the configuration of a GatewayClass, while a
// Gateway of it is invalid, or names a class that does not exist.
func TestNarrowedClassBindsInvalidGateways(t *testing.T) {
	t.Parallel()
	gateway := func(class, more string) string {
		return "Gateway shop/web {spec: {gatewayClassName: " + class + more +
			", listeners: [{name: http, port: 80, protocol: HTTP}]}}\n"
	}
	own := func(ranges string) string {
		return "LoadBalancerConfiguration shop/own {spec: {tags: {team: mine}, sourceRanges: [" + ranges + "]}}"
	}
	const (
		class = "GatewayClass /ours {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: {group: gateway.k8s.aws, " +
			"kind: LoadBalancerConfiguration, namespace: kube-system, name: class}}}\n"
		uses = ", infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: "
	)
	for name, invalid := range map[string]string{
		"no such configuration": gateway("ours", uses+"none}}"),
		"no such class":         gateway("none", uses+"own}}"),
		"a mistake":             own("10.0.0.0"),
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", restarted"}[restarted], func(t *testing.T) {
				t.Parallel()
				l := lab.NewGateway(t, class+"LoadBalancerConfiguration kube-system/class {spec: {}}\n"+
					gateway("ours", uses+"own}}")+own("0.0.0.0/0"))
				l.Checkpointed = true
				l.Restart()
				l.SettleWeb()
				l.Apply(strings.TrimSpace(invalid))
				l.SettleWeb()
				open := choices(l)
				if restarted {
					l.End()
				}
				l.Apply("LoadBalancerConfiguration kube-system/class {spec: {sourceRanges: [10.0.0.0/8], " +
					"tags: {team: theirs}, loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: \"70\"}]}}")
				if restarted {
					l.Restart()
				}
				l.SettleWeb()
				want := strings.NewReplacer("0.0.0.0/0", "10.0.0.0/8", "mine", "theirs", "idle 60", "idle 70").Replace(open)
				if got := choices(l); got != want || !strings.Contains(open, "0.0.0.0/0") || !strings.Contains(open, "mine") {
					t.Errorf("before:\n%sgot:\n%swant:\n%s%s", open, got, want, strings.Join(l.Events, "\n"))
				}
			})
		}
	}
}

// TestWithdrawnImportKeepsTheCertificate has an administrator withdraw the import of Secrets: a listener that has no
// other certificate keeps the imported one, as AWS has no HTTPS listener without.
func TestWithdrawnImportKeepsTheCertificate(t *testing.T) {
	t.Parallel()
	for _, flag := range []bool{false, true} {
		l := lab.NewKeeper(t, append(classWith("alb", v1beta1.IngressClassParamsSpec{ImportTLSSecrets: ptr.To(true)}),
			lab.Service("s0"), lab.Sealed("web", "tls"))...)
		l.OwnCertificates()
		l.Settle(lab.Key("web"))
		before := choices(l)
		if flag {
			l.Config.ImportTLSSecrets = false
			l.End()
			l.Restart()
		} else {
			params := &v1beta1.IngressClassParams{}
			l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "alb"}, params))
			params.Spec.ImportTLSSecrets = ptr.To(false)
			l.Must(l.Client.Update(t.Context(), params))
		}
		l.Settle(lab.Key("web"))
		if got := choices(l); got != before || !strings.Contains(got, "certificate/") {
			t.Errorf("flag %t: before:\n%safter:\n%s%s", flag, before, got, strings.Join(l.Events, "\n"))
		}
	}
}
