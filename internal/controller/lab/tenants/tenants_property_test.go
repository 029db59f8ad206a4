package tenants

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// neighbours is a lab with a tenant of namespace shop, who has an Ingress in group front, a Service in group shared,
// and a binding of a target group that was made by hand. The tenant of namespace mal comes later, or does not come.
type neighbours struct {
	*lab.Lab
	theirs string // ARN of the target group that was made by hand
}

const (
	precedingTarget = "10.0.1.77:80"
	herPods         = "10.0.128.5" // the beginning of the addresses of shop's pods
)

// openGate is Gateway gate of namespace shop, to which all namespaces may attach routes.
const openGate = "Gateway shop/gate {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP, " +
	"allowedRoutes: {namespaces: {from: All}}}]}}"

// hersAtGate is the HTTPRoute of the tenant of shop at this Gateway.
func hersAtGate(path string) string {
	return "HTTPRoute shop/gated {spec: {parentRefs: [{name: gate}], hostnames: [hers.example.com], rules: [{matches: [" +
		"{path: {type: PathPrefix, value: " + path + "}}], backendRefs: [{name: web, port: 80}]}]}}"
}

// gated adds Gateway gate, and the route of the tenant of shop.
func (n neighbours) gated() neighbours {
	n.Helper()
	for _, o := range lab.GatewayObjects(n, lab.GatewayClasses+"\n"+openGate+"\n"+hersAtGate("/")+
		"\nTargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}}") {
		o.SetCreationTimestamp(metav1.Unix(1_700_000_000, 0))
		n.Create(o)
	}
	n.calm()
	return n
}

func newNeighbours(t *testing.T, checkpointed bool) neighbours {
	t.Helper()
	return neighboursOf(t, checkpointed, nil)
}

// neighboursOf are those of which the tenant of shop has annotations on the Ingress.
func neighboursOf(t *testing.T, checkpointed bool, annotations map[string]string) neighbours {
	t.Helper()
	internetFacing := v1beta1.LoadBalancerScheme("internet-facing")
	other := classWith("other", v1beta1.IngressClassParamsSpec{Scheme: &internetFacing,
		InboundCIDRs: []string{"0.0.0.0/0"}, Tags: []v1beta1.Tag{{Key: "team", Value: "theirs"}}})
	l := lab.New(t, account.Profile{}, append(slices.Concat(lab.GroupMember("shop", "web", 0, annotations), other),
		lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	l.Checkpointed = checkpointed
	l.Restart()
	n := neighbours{l, l.TargetGroup(elbtypes.TargetTypeEnumIp)}
	_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &n.theirs,
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.77"), Port: aws.Int32(80)}}})
	l.Must(err)
	db := lab.Sharing("web", 5432)
	db.Name, db.UID, db.CreationTimestamp = "db", "uid-db", metav1.Unix(1_700_000_000, 0)
	bound := lab.Binding(n.theirs, v1beta1.TargetTypeIP)
	bound.CreationTimestamp = metav1.Unix(1_700_000_000, 0)
	l.Create(append(lab.Pods("a", "10.0.128.50"), db, bound)...)
	n.calm()
	return n
}

// calm makes passes until they write nothing. What is refused may be tried for ever, so that passes may fail.
func (n neighbours) calm() {
	n.Helper()
	for i, quiet := 0, time.Duration(0); i < 60 && quiet < 12*time.Minute; i++ { // longer than new targets are awaited
		mark := n.Mark()
		wait, _ := n.Round(lab.FrontGroup, lab.SharedServices, ofEvil, lab.GatewayKey(stack.GatewayALB, "gate"))
		wait = min(max(wait, 10*time.Second), 2*time.Minute)
		if quiet += wait; len(n.Writes(mark)) > 0 {
			quiet = 0
		}
		n.Clock.Advance(wait)
	}
}

// picture is what the tenant of shop has in AWS and in Kubernetes, a line for each thing.
func (n neighbours) picture() string {
	n.Helper()
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	names := map[string]string{} // of her target groups, by ARN
	r := n.Sim.Resources()
	for _, g := range r.TargetGroups {
		if strings.HasPrefix(g.Name, "k8s-shop-") {
			names[g.ARN] = g.Name
			add("target group %s: %v, %s", g.Name, n.Targets(g.ARN), g.HealthCheck)
		} else if g.ARN != n.theirs && strings.Contains(fmt.Sprint(n.Targets(g.ARN)), herPods) {
			add("target group %s of others reaches her pods", g.Name)
		}
	}
	hers := slices.DeleteFunc(n.Targets(n.theirs), func(target string) bool {
		return !strings.HasPrefix(target, herPods) && target != precedingTarget
	})
	add("target group by hand: %v", hers)
	for _, lb := range r.LoadBalancers {
		for _, l := range lb.Listeners {
			for _, rule := range l.Rules {
				for arn, name := range names {
					// without the priority
					if _, does, _ := strings.Cut(rule.Text, " "); strings.Contains(does, arn) || strings.Contains(does, name) {
						add("load balancer %s: %s %s", lb.Name, lb.Type, lb.Scheme) // others may be in her groups, too
						add("listener %s:%d %s: %s", lb.Name, l.Port, l.Protocol, strings.ReplaceAll(does, arn, name))
					}
				}
			}
		}
	}
	for _, b := range n.AllBindings() {
		if b.Namespace == "shop" {
			add("binding %s: %v, leaves %t", b.Name, b.Spec.ServiceRef, b.DeletionTimestamp != nil)
		}
	}
	if n.Get(&v1beta1.TargetGroupBinding{}, "bound") {
		add("rules of nodes for pods: %t", strings.Contains(fmt.Sprint(n.Admitted(lab.NodeGroup)), "8080-8080"))
	}
	web := &networkingv1.Ingress{}
	add("Ingress: %t %v %d", n.Get(web, "web"), web.Finalizers, len(web.Status.LoadBalancer.Ingress))
	host, ports := "", []int32(nil)
	if n.Get(lab.Sharing("db"), "db") {
		host, ports = n.Shows("db")
	}
	add("Service: %t %v", host != "", ports)
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "\n")
}

// life are the steps of the tenant of shop, of which the last delete objects in an order. between is called after each.
func (n neighbours) life(restarts bool, order []int, between func(step int)) (pictures []string) {
	n.Helper()
	gone := []client.Object{lab.Ingress("web", nil), lab.Sharing("db"), lab.Binding(n.theirs, v1beta1.TargetTypeIP)}
	gone[1].SetName("db")
	gone = append(gone, lab.GatewayObjects(n, hersAtGate("/"))...)
	deletes := func(i int) func() { return func() { n.Must(n.Client.Delete(n.Context(), gone[order[i]])) } }
	for step, act := range []func(){
		func() {},
		func() {
			n.Edit("web", func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/edited" })
			n.Apply(hersAtGate("/edited"))
		},
		func() {
			for _, o := range lab.Pods("a", "10.0.128.50") {
				n.Must(n.Client.Delete(n.Context(), o))
			}
			n.Create(lab.Pods("a", "10.0.128.51")...)
		},
		func() {
			if restarts {
				n.Restart()
			}
		},
		deletes(0), deletes(1), deletes(2), deletes(3),
	} {
		act()
		between(step)
		n.calm()
		pictures = append(pictures, n.picture())
	}
	return pictures
}

// TestNeighbourChangesNothingOfTenant compares what a tenant has in AWS, over edits, new pods, a restart and deletions,
// with and without another tenant, who declares what he likes.
func TestNeighbourChangesNothingOfTenant(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(1, 24)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 32))
			checkpointed, restarts, order := r.IntN(2) == 0, r.IntN(2) == 0, r.Perm(4)
			hers := map[string]string{"multi-cluster-target-group": fmt.Sprint(r.IntN(2) == 0)}
			alone := neighboursOf(t, checkpointed, hers).gated().life(restarts, order, func(int) {})
			if !strings.Contains(alone[0], "load balancer k8s-shop-gate") || !strings.Contains(alone[0], "k8s-shop-gated") {
				t.Fatalf("the Gateway serves nothing:\n%s", alone[0])
			}
			n := neighboursOf(t, checkpointed, hers).gated()
			e := &evil{Rand: r, n: n}
			for step, got := range n.life(restarts, order, e.acts) {
				if got != alone[step] {
					t.Fatalf("step %d:\n%s\nwithout the other tenant:\n%s\nwhose objects are:\n%s\nevents:\n%s", step, got,
						alone[step], strings.Join(e.said, "\n"), strings.Join(n.Events, "\n"))
				}
			}
		})
	}
}
