package controller

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// account describes what the account holds of load balancers, a line for each thing, without what differs between two accounts
// that serve the same objects: ids, priorities as numbers, and the order of creation.
func (l *lab) account() string {
	r := l.sim.Resources()
	var ids []string
	for _, lb := range r.LoadBalancers {
		ids = append(ids, lb.ARN, lb.Name)
	}
	for _, tg := range r.TargetGroups {
		ids = append(ids, tg.ARN, tg.Name)
	}
	for _, g := range r.SecurityGroups {
		ids = append(ids, g.ID, g.Name)
	}
	for _, c := range r.Certificates {
		ids = append(ids, c.ARN, "certificate "+strings.Join(c.Names, ","))
	}
	var out []string
	add := func(format string, args ...any) {
		out = append(out, strings.NewReplacer(ids...).Replace(fmt.Sprintf(format, args...)))
	}
	for _, lb := range r.LoadBalancers {
		add("load balancer %s: %s %s %s, groups %v, attributes %v, tags %v", lb.Name, lb.Type, lb.Scheme, lb.IPAddressType, lb.SecurityGroups, lb.Attributes, lb.Tags)
		for _, li := range lb.Listeners {
			add("listener %s:%d: %s %v %s %v %v", lb.Name, li.Port, li.Protocol, li.Certificates, li.SSLPolicy, li.Attributes, li.Tags)
			for i, rule := range li.Rules {
				add("listener %s:%d: rule %03d: %s", lb.Name, li.Port, i, rule.Text)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		add("target group %s: %s %s %s %d, check %s, of %s, attributes %v, tags %v", tg.Name, tg.TargetType, tg.Protocol, tg.ProtocolVersion, tg.Port,
			tg.HealthCheck, tg.LoadBalancer, tg.Attributes, tg.Tags)
		for id := range registeredIn(tg) {
			add("target group %s: target %s", tg.Name, id)
		}
	}
	for _, g := range r.SecurityGroups {
		add("security group %s: tags %v", g.Name, g.Tags)
		for direction, permissions := range map[string][]simclient.Permission{"in": g.Ingress, "out": g.Egress} {
			for _, p := range permissions {
				add("security group %s: %s %s %d-%d %s %s", g.Name, direction, p.Protocol, p.From, p.To, p.Peer, p.Description)
			}
		}
	}
	for _, w := range r.WebACLs {
		for _, lb := range w.LoadBalancers {
			add("web ACL %s of %s", w.Name, lb)
		}
	}
	for _, p := range r.Protections {
		add("protection of %s", p.Resource)
	}
	out = append(out, l.owned()...)
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// registeredIn are the targets of a group that do not drain: "ID:PORT".
func registeredIn(tg simclient.TargetGroup) map[string]bool {
	out := map[string]bool{}
	for _, t := range tg.Targets {
		if t.State != string(elbtypes.TargetHealthStateEnumDraining) {
			out[fmt.Sprintf("%s:%d", t.ID, t.Port)] = true
		}
	}
	return out
}

// uncontrolled returns the objects that users and Kubernetes made, as they would be in a cluster where no controller has run.
func (l *lab) uncontrolled() []client.Object {
	l.Helper()
	var out []client.Object
	for _, list := range []client.ObjectList{
		&networkingv1.IngressClassList{}, &networkingv1.IngressList{}, &corev1.ServiceList{}, &discoveryv1.EndpointSliceList{}, &corev1.PodList{}, &corev1.NodeList{},
	} {
		l.must(l.client.List(l.Context(), list))
		switch list := list.(type) {
		case *networkingv1.IngressClassList:
			out = appendAll(out, list.Items)
		case *networkingv1.IngressList:
			for i := range list.Items {
				list.Items[i].Status = networkingv1.IngressStatus{}
			}
			out = appendAll(out, list.Items)
		case *corev1.ServiceList:
			for i := range list.Items {
				list.Items[i].Status = corev1.ServiceStatus{}
			}
			out = appendAll(out, list.Items)
		case *discoveryv1.EndpointSliceList:
			out = appendAll(out, list.Items)
		case *corev1.PodList:
			out = appendAll(out, list.Items)
		case *corev1.NodeList:
			out = appendAll(out, list.Items)
		}
	}
	for _, o := range out {
		o.SetResourceVersion("")
		o.SetFinalizers(nil)
	}
	return out
}

func appendAll[T any, P interface {
	*T
	client.Object
}](out []client.Object, items []T) []client.Object {
	for i := range items {
		out = append(out, P(&items[i]))
	}
	return out
}

// answer is where the load balancer of an Ingress sends a request for a host and path: the tag of the target group that names
// its backend, and the targets that are registered there. It is "" and nil if there is no such load balancer, or if it does not forward.
func answer(r simclient.Resources, i *networkingv1.Ingress, host, path string) (backend string, targets map[string]bool) {
	if len(i.Status.LoadBalancer.Ingress) == 0 {
		return "", nil
	}
	for _, lb := range r.LoadBalancers {
		if lb.DNSName != i.Status.LoadBalancer.Ingress[0].Hostname {
			continue
		}
		for _, li := range lb.Listeners {
			if li.Port != 80 {
				continue
			}
			var rules []stack.Rule
			var defaults []stack.Action
			for n, rule := range li.Rules {
				if rule.Priority == "default" {
					defaults = rule.Actions
					continue
				}
				rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions, Transforms: rule.Transforms})
			}
			d := traffic.Match(rules, defaults, traffic.Request{Scheme: "http", Host: host, Port: 80, Method: "GET", Path: path, SourceIP: netip.MustParseAddr("198.51.100.7")})
			action, _ := d.Routing()
			for _, tg := range r.TargetGroups {
				if action.Forward != nil && len(action.Forward.TargetGroups) == 1 && action.Forward.TargetGroups[0].TargetGroup.Literal == tg.ARN {
					return tg.Tags["ingress.k8s.aws/resource"], registeredIn(tg)
				}
			}
		}
	}
	return "", nil
}

// chaosEndpoints are the pods of a Service on a node, with their slice.
func chaosEndpoints(service, node string, addresses ...string) []client.Object {
	out := labPods(node, addresses...)
	for _, o := range out {
		o.SetName(service + strings.TrimPrefix(o.GetName(), "web"))
	}
	slice, _ := out[0].(*discoveryv1.EndpointSlice)
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	for n := range slice.Endpoints {
		slice.Endpoints[n].TargetRef.Name = out[n+1].GetName()
	}
	return out
}

// linesApart lists the lines of two texts that the other has not, or not so often.
func linesApart(got, want string) string {
	lines := func(s string) map[string]int {
		out := map[string]int{}
		for line := range strings.SplitSeq(s, "\n") {
			out[line]++
		}
		return out
	}
	g, w := lines(got), lines(want)
	var out []string
	for _, line := range slices.Sorted(maps.Keys(g)) {
		for range g[line] - w[line] {
			out = append(out, "+ "+line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(w)) {
		for range w[line] - g[line] {
			out = append(out, "- "+line)
		}
	}
	return strings.Join(out, "\n")
}
