package equality

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// settings compares everything but the rules.
func settings(a, b side) (out []Difference) {
	x, y := a.settings(), b.settings()
	missing := "" // one side has nothing of what begins so
	for _, k := range slices.Sorted(maps.Keys(joined(x, y))) {
		if missing != "" && strings.HasPrefix(k, missing) {
			continue
		}
		if x[k] != y[k] {
			if strings.HasPrefix(k, "target group of ") && (x[k] == "present" || y[k] == "present") {
				missing = k + " "
			}
			out = append(out, Difference{What: k, Before: orNothing(x[k]), After: orNothing(y[k])})
		}
	}
	return out
}

func orNothing(s string) string {
	if s == "" {
		return "(not set)"
	}
	return s
}

func joined(x, y map[string]string) map[string]bool {
	out := map[string]bool{}
	for k := range x {
		out[k] = true
	}
	for k := range y {
		out[k] = true
	}
	return out
}

// settings are the settings of a load balancer by their names, without names and tags of controllers.
func (s side) settings() map[string]string {
	out := map[string]string{}
	for _, lb := range s.LoadBalancers {
		if lb.ID != stack.LoadBalancerIdentity {
			out["load balancer "+lb.ID] = "present"
			continue
		}
		balancerSettings(out, &lb)
	}
	var rules []string
	for _, g := range s.SecurityGroups {
		if g.Shared { // by all load balancers, without rules of their own
			continue
		}
		for _, r := range g.Ingress {
			rules = append(rules, fmt.Sprint(r))
		}
	}
	slices.Sort(rules)
	out["inbound rules"] = strings.Join(rules, " ")
	for _, l := range s.Listeners {
		if l.LoadBalancer.ID != stack.LoadBalancerIdentity {
			continue
		}
		listenerSettings(out, &l)
	}
	s.targetGroups(out)
	return out
}

func balancerSettings(out map[string]string, lb *stack.LoadBalancer) {
	out["scheme"], out["IP address type"] = lb.Scheme, lb.IPAddressType
	var subnets, addresses []string
	for _, m := range lb.Subnets {
		subnets = append(subnets, m.Subnet)
		if m.Fixed() {
			addresses = append(addresses, strings.Join(strings.Fields(m.AllocationID+" "+m.PrivateIPv4+" "+m.IPv6), " ")+
				" in "+m.Subnet)
		}
	}
	slices.Sort(subnets)
	slices.Sort(addresses)
	out["subnets"], out["addresses"] = strings.Join(subnets, " "), strings.Join(addresses, ", ")
	out["source NAT"], out["inbound rules for PrivateLink"] = lb.NetworkSourceNAT, lb.PrivateLinkRules
	out["customer-owned pool"], out["IPAM pool"] = lb.CustomerOwnedPool, lb.IPAMPool
	out["web ACL"], out["capacity"], out["shield protection"] = addOn(lb.WebACL), addOn(lb.Capacity), addOn(lb.Shield)
	add(out, "attribute", lb.Attributes)
	add(out, "tag", userTags(lb.Tags))
	var groups []string
	for _, g := range lb.SecurityGroups {
		if g.Literal != "" {
			groups = append(groups, g.Literal)
		}
	}
	slices.Sort(groups)
	out["security groups"] = strings.Join(groups, " ")
}

func listenerSettings(out map[string]string, l *stack.Listener) {
	at := fmt.Sprintf("listener %d ", l.Port)
	out[at+"protocol"], out[at+"TLS policy"], out[at+"ALPN policy"] = l.Protocol, l.SSLPolicy, l.ALPN
	if len(l.Certificates) > 0 {
		out[at+"default certificate"] = l.Certificates[0]
	}
	all := append(slices.Clone(l.Certificates), l.SNI...)
	slices.Sort(all)
	out[at+"certificates"] = strings.Join(slices.Compact(all), " ")
	if l.Mutual != nil && l.Mutual.Mode != "off" {
		out[at+"client certificates"] = fmt.Sprint(*l.Mutual)
	}
	add(out, at+"attribute", l.Attributes)
}

// addOn is the value of an add-on; empty also for one that is turned off, as a new load balancer has it.
func addOn[T comparable](v *T) string {
	var off T
	if v == nil || *v == off {
		return ""
	}
	return fmt.Sprint(*v)
}

func add(out map[string]string, what string, m map[string]string) {
	for k, v := range m {
		out[what+" "+k] = v
	}
}

// controllers are the beginnings of the tags by which controllers find what is theirs.
var controllers = []string{"elbv2.k8s.aws/", "ingress.k8s.aws/", "service.k8s.aws/", "gateway.k8s.aws"}

// userTags are tags without those of controllers.
func userTags(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	maps.DeleteFunc(out, func(k, _ string) bool {
		return slices.ContainsFunc(controllers, func(prefix string) bool { return strings.HasPrefix(k, prefix) })
	})
	return out
}

// targetGroups describes the target groups of each port of a Service. Several for one port have one description each.
func (s side) targetGroups(out map[string]string) {
	described := map[string]map[string]string{}
	for _, g := range s.TargetGroups {
		name, ok := s.service(stack.Ref{Kind: stack.KindTargetGroup, ID: g.ID})
		if !ok || !s.used[name] {
			continue
		}
		d := map[string]string{
			"type": g.TargetType, "protocol": g.Protocol + " " + g.ProtocolVersion, "control port": fmt.Sprint(g.ControlPort),
			"address type": g.IPAddressType,
			"check": fmt.Sprintf("%s port %s path %s codes %s every %d s timeout %d s thresholds %d %d", g.HealthCheck.Protocol,
				g.HealthCheck.Port, g.HealthCheck.Path, g.HealthCheck.Matcher,
				g.HealthCheck.IntervalSeconds, g.HealthCheck.TimeoutSeconds, g.HealthCheck.HealthyThreshold,
				g.HealthCheck.UnhealthyThreshold),
		}
		add(d, "attribute", g.Attributes)
		add(d, "tag", userTags(g.Tags))
		for _, b := range s.Bindings {
			if b.ID == g.ID {
				d["nodes"], d["several clusters"] = fmt.Sprint(b.NodeLabels), fmt.Sprint(b.MultiCluster)
			}
		}
		if described[name] == nil {
			described[name] = map[string]string{}
		}
		for k, v := range d {
			parts := append(strings.Split(described[name][k], " | "), v)
			parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
			slices.Sort(parts)
			described[name][k] = strings.Join(slices.Compact(parts), " | ")
		}
	}
	for name, d := range described {
		out["target group of "+name] = "present"
		for k, v := range d {
			out["target group of "+name+" "+k] = v
		}
	}
}
