package lab

import (
	"fmt"
	"strings"
)

// What tests of several subjects name in the simulated account.
const (
	// example.com, *.example.com
	ExampleCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	WildcardHost       = "api.example.org"
)

// Parts are the things in the account that serve requests, each as one text that is the same in every lab.
func (l *Lab) Parts() map[string]bool {
	out := map[string]bool{}
	r := l.Sim.Resources()
	names := map[string]string{}
	for _, lb := range r.LoadBalancers {
		names[lb.ARN] = lb.Name
	}
	for _, g := range r.SecurityGroups {
		names[g.ID] = g.Name
	}
	certificates := map[string]string{} // those that the controller makes have no ARN that is the same in every lab
	for _, c := range r.Certificates {
		if certificates[c.ARN] = c.ARN; !strings.Contains(c.ARN, "/0a1de") {
			certificates[c.ARN] = "for " + strings.Join(c.Names, ",")
		}
	}
	for _, lb := range r.LoadBalancers {
		out["load balancer "+lb.Name] = true
		for _, z := range lb.Zones {
			out[lb.Name+" has subnet "+z.Subnet] = true
		}
		for _, g := range lb.SecurityGroups {
			out[lb.Name+" has group "+names[g]] = true
		}
		for _, li := range lb.Listeners {
			at := fmt.Sprintf("%s:%d ", lb.Name, li.Port)
			out[at+li.Protocol] = true
			for _, c := range li.Certificates {
				out[at+"certificate "+certificates[c]] = true
			}
			for _, rule := range li.Rules {
				out[at+rule.Text] = true
			}
		}
	}
	for _, tg := range r.TargetGroups {
		for id := range RegisteredIn(tg) {
			if at := strings.LastIndex(id, ":"); names[id[:at]] != "" { // its ARN is not the same in every lab
				id = names[id[:at]] + id[at:]
			}
			out["target group "+tg.Name+" has "+id] = true
		}
	}
	l.guards(r, out)
	l.settings(out)
	for _, g := range r.SecurityGroups {
		for _, p := range g.Ingress {
			out[fmt.Sprintf("group %s admits %s %d-%d %s", g.Name, p.Protocol, p.From, p.To, names[p.Peer]+
				p.Peer[:strings.IndexAny(p.Peer+"-", "-")])] = true
		}
	}
	return out
}
