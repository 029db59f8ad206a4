package tenants

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// freezes are the annotations by which the owner of a Gateway freezes its load balancer.
func freezes() map[string]string {
	return map[string]string{"ownership": "observed", "approved-plan": "none", "dry-run": "true"}
}

// freeze has the owner of Gateway shop/web set an annotation.
func freeze(l *lab.Lab, annotation, value string) {
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	if g.Annotations == nil {
		g.Annotations = map[string]string{}
	}
	g.Annotations["gateway.k8s.aws/"+annotation] = value
	l.Must(l.Client.Update(l.Context(), g))
	l.SettleWeb()
}

// TestFrozenGatewayEndsWithdrawnGrant has namespace mal withdraw its ReferenceGrant while the Gateway of the route that
// uses it is frozen by its owner, before or after an edit of the route.
func TestFrozenGatewayEndsWithdrawnGrant(t *testing.T) {
	t.Parallel()
	edits := map[string]string{"as it was": "", "another path": mixedRoute("/second", ""),
		"other backends": strings.Replace(mixedRoute("/first", ""), "namespace: mal, ", "", 1)}
	for name, value := range freezes() {
		for edited, edit := range edits {
			for _, restarted := range []bool{false, true} {
				t.Run(name+", "+edited+map[bool]string{true: ", restarted"}[restarted], func(t *testing.T) {
					t.Parallel()
					l := lab.NewGateway(t, sharedGateway+grantToTeam+mixedRoute("/first", ""))
					l.SettleWeb()
					freeze(l, name, value)
					if edit != "" {
						l.Apply(edit)
						l.SettleWeb()
					}
					if got := l.Answers("/theirs"); !strings.Contains(got, "mal-web") {
						t.Fatalf("with the grant, /theirs is answered by %s", got)
					}
					if restarted {
						l.Restart()
						l.SettleWeb()
					}
					for _, o := range lab.GatewayObjects(t, strings.TrimSpace(grantToTeam)) {
						change := objects.ChangeOf(objects.ReferenceGrant, o, nil)
						if key := l.WebKeys()[0]; !slices.Contains(l.ReconcilerOf(key).Index.Affected(change), key) {
							t.Error("the end of the ReferenceGrant begins no pass")
						}
					}
					l.Discard(grantToTeam)
					l.SettleWeb()
					if got := l.Answers("/theirs"); strings.Contains(got, "mal-web") {
						t.Errorf("without the grant, /theirs is answered by %s\n%s", got, strings.Join(l.Events, "\n"))
					}
					if got := l.Answers("/first"); !strings.Contains(got, "team-web") {
						t.Errorf("/first is answered by %s", got)
					}
					if got := l.Answers("/second"); strings.Contains(got, "team-web") {
						t.Errorf("the edit of a frozen Gateway's route is deployed: %s", got)
					}
				})
			}
		}
	}
}

// TestFrozenNetworkGatewayEndsWithdrawnGrant is the same for the port of a network load balancer, which keeps its other
// target groups, and ends without any.
func TestFrozenNetworkGatewayEndsWithdrawnGrant(t *testing.T) {
	t.Parallel()
	tcp := strings.NewReplacer("HTTPRoute", "TCPRoute", "gatewayClassName: alb", "gatewayClassName: nlb", "protocol: HTTP",
		"protocol: TCP")
	for name, value := range freezes() {
		for _, own := range []string{"", "{name: web, port: 80}, "} {
			l := lab.NewGateway(t, tcp.Replace(sharedGateway+grantToTeam)+
				"\nTCPRoute team/mixed {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: ["+own+
				"{name: web, namespace: mal, port: 80}]}]}}")
			l.SettleWeb()
			freeze(l, name, value)
			if got := l.Answers("/"); !strings.Contains(got, "mal-web") {
				t.Fatalf("%s: with the grant, the port is answered by %s", name, got)
			}
			l.Discard(tcp.Replace(grantToTeam))
			l.SettleWeb()
			if got := l.Answers("/"); strings.Contains(got, "mal-web") || strings.Contains(got, "team-web") != (own != "") {
				t.Errorf("%s: without the grant, the port is answered by %s\n%s", name, got, strings.Join(l.Events, "\n"))
			}
		}
	}
}

// TestFrozenGatewayKeepsPermittedForwards has routes of a frozen Gateway deleted, and unrelated grants withdrawn: what
// is still permitted stays.
func TestFrozenGatewayKeepsPermittedForwards(t *testing.T) {
	t.Parallel()
	const unrelated = "\nReferenceGrant mal/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, " +
		"namespace: shop}], to: [{group: \"\", kind: Service}]}}"
	for name, value := range freezes() {
		l := lab.NewGateway(t, sharedGateway+grantToTeam+unrelated+mixedRoute("/first", ""))
		l.SettleWeb()
		freeze(l, name, value)
		l.Discard(unrelated)
		l.SettleWeb()
		l.Discard(mixedRoute("/first", ""))
		l.SettleWeb()
		if theirs, own := l.Answers("/theirs"), l.Answers("/first"); !strings.Contains(theirs, "mal-web") ||
			!strings.Contains(own, "team-web") {
			t.Errorf("%s: /theirs is answered by %s, /first by %s", name, theirs, own)
		}
		l.Discard(grantToTeam)
		l.SettleWeb()
		if theirs, own := l.Answers("/theirs"), l.Answers("/first"); strings.Contains(theirs, "mal-web") ||
			!strings.Contains(own, "team-web") {
			t.Errorf("%s: without the grant, /theirs is answered by %s, /first by %s", name, theirs, own)
		}
	}
}

// TestAdministratorsFreezeEndsNoForward has an administrator freeze a Gateway, by a hold or by its class, while
// namespace mal withdraws its ReferenceGrant.
func TestAdministratorsFreezeEndsNoForward(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"hold", "class", "own configuration"} {
		const controller = "controllerName: gateway.k8s.aws/alb"
		classes := strings.Replace(sharedGateway, controller, controller+
			", parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: kube-system, name: class}", 1)
		classes = strings.Replace(classes, "gatewayClassName: alb", "gatewayClassName: alb, infrastructure: {parametersRef: "+
			"{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: own}}", 1)
		l := lab.NewGateway(t, classes+"\nLoadBalancerConfiguration kube-system/class {spec: {}}\n"+
			"LoadBalancerConfiguration shop/own {spec: {}}"+grantToTeam+mixedRoute("/first", ""))
		l.Holds = hold.NewBook(l.Clock.Now)
		l.Holds.Set(nil)
		l.Restart()
		l.SettleWeb()
		configuration := func(namespace, name string) {
			c := &configv1.LoadBalancerConfiguration{}
			l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, c))
			c.Annotations = map[string]string{"elbv2.k8s.aws/ownership": "observed"}
			l.Must(l.Client.Update(t.Context(), c))
		}
		switch by {
		case "hold":
			freeze(l, "ownership", "observed")
			l.Holds.Set(map[string]string{"all": hold.Hold{Until: l.Clock.Now().Add(time.Hour), Reason: "x"}.Value()})
		case "class":
			freeze(l, "ownership", "observed")
			configuration("kube-system", "class")
		default:
			configuration("shop", "own")
		}
		l.SettleWeb()
		l.Discard(grantToTeam)
		l.SettleWeb()
		if got := l.Answers("/theirs"); strings.Contains(got, "mal-web") != (by != "own configuration") {
			t.Errorf("frozen by %s, /theirs is answered by %s\n%s", by, got, strings.Join(l.Events, "\n"))
		}
	}
}

// TestFrozenIngressEndsForwardsThatFlagsForbid narrows the flags about target groups while an Ingress that names one of
// another owner is frozen, before or after an edit that no longer names it.
func TestFrozenIngressEndsForwardsThatFlagsForbid(t *testing.T) {
	t.Parallel()
	for _, frozen := range []string{"ownership: observed", "approved-plan: none", "dry-run: true"} {
		for flag, tags := range map[string]map[string]string{"--external-target-groups": nil,
			"--cross-namespace-target-groups": {"elbv2.k8s.aws/cluster": "demo-cluster",
				"ingress.k8s.aws/stack": "vic/app", "ingress.k8s.aws/resource": "vic/app-app:80"}} {
			for _, edited := range []bool{false, true} {
				name := frozen + ", " + flag + map[bool]string{true: ", edited"}[edited]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("a"))
					group := l.TargetGroup(elbtypes.TargetTypeEnumIp)
					add := &elbv2.AddTagsInput{ResourceArns: []string{group}}
					for k, v := range tags {
						add.Tags = append(add.Tags, elbtypes.Tag{Key: &k, Value: &v})
					}
					if len(tags) > 0 {
						_, err := l.Sim.Balancing.AddTags(t.Context(), add)
						l.Must(err)
					}
					l.Checkpointed = true
					l.Flags(flag + "=shop=*")
					i := lab.Ingress("web", map[string]string{
						"actions.split": `{"type":"forward","targetGroupName":"theirs"}`}, "a", "split")
					i.Spec.Rules[0].HTTP.Paths[1].Backend.Service.Port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
					l.Create(i)
					l.Settle(lab.Key("web"))
					forwards := func() int {
						text, err := json.Marshal(l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules)
						l.Must(err)
						return strings.Count(string(text), group)
					}
					key, value, _ := strings.Cut(frozen, ": ")
					l.Annotate("web", key, value)
					l.Settle(lab.Key("web"))
					if edited {
						l.Annotate("web", "actions.split", `{"type":"fixed-response","fixedResponseConfig":{"statusCode":"200"}}`)
						l.Settle(lab.Key("web"))
					}
					if forwards() == 0 {
						t.Fatalf("the rule does not forward\n%s", strings.Join(l.Events, "\n"))
					}
					rules := len(l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules)
					l.Flags(flag + "=other=*")
					l.Settle(lab.Key("web"))
					if forwards() > 0 || len(l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules) != rules {
						t.Errorf("the rule still forwards\n%s", strings.Join(l.Events, "\n"))
					}
				})
			}
		}
	}
}

// TestFrozenIngressIsBoundByNarrowedClass narrows class parameters while an Ingress of the class is frozen.
func TestFrozenIngressIsBoundByNarrowedClass(t *testing.T) {
	t.Parallel()
	for _, frozen := range []string{"ownership: observed", "approved-plan: none", "dry-run: true"} {
		for _, edited := range []bool{false, true} {
			t.Run(frozen+map[bool]string{true: ", edited"}[edited], func(t *testing.T) {
				t.Parallel()
				l := lab.NewKeeper(t, append(classWith("alb", v1beta1.IngressClassParamsSpec{}), lab.Service("a"))...)
				l.GuardAccount()
				certificate := l.Certify("web.example.com")
				l.Create(openWeb(certificate))
				l.Settle(lab.Key("web"))
				key, value, _ := strings.Cut(frozen, ": ")
				l.Annotate("web", key, value)
				l.Settle(lab.Key("web"))
				if edited {
					l.Annotate("web", "listen-ports", `[{"HTTP":80},{"HTTPS":443},{"HTTP":8080}]`)
					l.Annotate("web", "load-balancer-attributes", "idle_timeout.timeout_seconds=200")
					l.Settle(lab.Key("web"))
				}
				before := l.Sim.Resources()
				params := &v1beta1.IngressClassParams{}
				l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "alb"}, params))
				params.Spec = v1beta1.IngressClassParamsSpec{InboundCIDRs: []string{"10.0.0.0/8"},
					SSLPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06", WAFv2ACLArn: before.WebACLs[0].ARN}
				want := strings.NewReplacer("0.0.0.0/0", "10.0.0.0/8", "TLS13-1-1-2021-06", "TLS13-1-2-2021-06", "web ACLs []",
					"web ACLs ["+before.WebACLs[0].ARN+"]").Replace(choices(l))
				l.Must(l.Client.Update(t.Context(), params))
				l.Settle(lab.Key("web"))
				if got := choices(l); got != want {
					t.Errorf("got:\n%swant:\n%s%s", got, want, strings.Join(l.Events, "\n"))
				}
				mark := l.Mark()
				l.Settle(lab.Key("web"))
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("the next pass writes %v", w)
				}
			})
		}
	}
}

// TestFrozenGatewayIsBoundByNarrowedClass narrows the configuration of a GatewayClass while a Gateway of it is frozen.
// What the administrator opens stays closed.
func TestFrozenGatewayIsBoundByNarrowedClass(t *testing.T) {
	t.Parallel()
	const class = "LoadBalancerConfiguration kube-system/class {spec: {sourceRanges: [%s]}}"
	for name, value := range freezes() {
		for ranges, want := range map[string][]string{"10.1.0.0/16": {"10.1.0.0/16"}, "0.0.0.0/0": {"10.0.0.0/8"}} {
			l := lab.NewGateway(t, "GatewayClass /ours {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: {group: "+
				"gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: kube-system, name: class}}}\n"+
				fmt.Sprintf(class, "10.0.0.0/8")+"\nGateway shop/web {spec: {gatewayClassName: ours, listeners: [{name: http, "+
				"port: 80, protocol: HTTP}]}}")
			l.SettleWeb()
			freeze(l, name, value)
			l.Apply(fmt.Sprintf(class, ranges))
			l.SettleWeb()
			var got []string
			for _, g := range l.Sim.Resources().SecurityGroups {
				for _, r := range g.Ingress {
					if strings.HasPrefix(g.Name, "k8s-shop") {
						got = append(got, r.Peer)
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v\n%s", name, ranges, got, want, strings.Join(l.Events, "\n"))
			}
		}
	}
}
