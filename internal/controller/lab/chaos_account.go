package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Account describes what the account holds of load balancers, a line for each thing, without what differs between two
// accounts that serve the same objects: ids, priorities as numbers, and the order of creation.
func (l *Lab) Account() string {
	r := l.Sim.Resources()
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
		add("load balancer %s: %s %s %s, groups %v, attributes %v, tags %v", lb.Name, lb.Type, lb.Scheme, lb.IPAddressType,
			lb.SecurityGroups, lb.Attributes, lb.Tags)
		for _, li := range lb.Listeners {
			add("listener %s:%d: %s %v %s %v %v", lb.Name, li.Port, li.Protocol, li.Certificates, li.SSLPolicy,
				li.Attributes, li.Tags)
			for i, rule := range li.Rules {
				add("listener %s:%d: rule %03d: %s", lb.Name, li.Port, i, rule.Text)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		add("target group %s: %s %s %s %d, check %s, of %s, attributes %v, tags %v", tg.Name, tg.TargetType, tg.Protocol,
			tg.ProtocolVersion, tg.Port,
			tg.HealthCheck, tg.LoadBalancer, tg.Attributes, tg.Tags)
		for id := range RegisteredIn(tg) {
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
	out = append(out, l.Owned()...)
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// RegisteredIn are the targets of a group that do not drain: "ID:PORT".
func RegisteredIn(tg simclient.TargetGroup) map[string]bool {
	out := map[string]bool{}
	for _, t := range tg.Targets {
		if t.State != string(elbtypes.TargetHealthStateEnumDraining) {
			out[fmt.Sprintf("%s:%d", t.ID, t.Port)] = true
		}
	}
	return out
}

// ChaosEndpoints are the pods of a Service on a node, with their slice.
func ChaosEndpoints(service, node string, addresses ...string) []client.Object {
	out := Pods(node, addresses...)
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

// LinesApart lists the lines of two texts that the other has not, or not so often.
func LinesApart(got, want string) string {
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
