package impact

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// opening is one port, or kind of traffic, that is open to one source.
type opening struct {
	rule     stack.Permission // of the port alone
	internet bool             // the addresses are those of the internet; else those of the network
}

// unread begins the pseudo prefix list that stands for the rules of a security group that were not read.
const unread = "unread:"

// openingsOf is to whom the ports of a load balancer are open.
func (s *side) openingsOf(lb *awsop.LoadBalancer) (out []opening) {
	rules, listens := s.rulesOf(lb), false
	for _, l := range s.obs.Listeners {
		if l.LoadBalancer.Literal != lb.ARN {
			continue
		}
		listens = true
		for _, protocol := range transports(l.Protocol) {
			for _, r := range rules {
				if admits(r, protocol, l.Port) {
					r.Protocol, r.FromPort, r.ToPort = protocol, l.Port, l.Port
					out = append(out, opening{r, onInternet(lb, r)})
				}
			}
		}
	}
	for _, r := range rules {
		if listens && strings.HasPrefix(r.Protocol, "icmp") {
			out = append(out, opening{r, onInternet(lb, r)})
		}
	}
	return out
}

// onInternet reports whether clients with public addresses can use a rule: a load balancer may have public addresses of
// one family only.
func onInternet(lb *awsop.LoadBalancer, r stack.Permission) bool {
	return lb.Scheme == stack.InternetFacing && (r.CIDR == "" || publicIPv4(lb))
}

// transports are the protocols of packets for the protocol of a listener.
func transports(listener string) []string {
	switch listener {
	case "UDP", "QUIC":
		return []string{"udp"}
	case "TCP_UDP", "TCP_QUIC":
		return []string{"tcp", "udp"}
	}
	return []string{"tcp"}
}

func admits(r stack.Permission, protocol string, port int32) bool {
	return r.Protocol == "-1" || r.Protocol == protocol && r.FromPort <= port && port <= r.ToPort
}

// rulesOf are the rules that decide who reaches a load balancer. A network load balancer without security groups admits
// everyone. The rules of a group that was not read are one rule for all traffic.
func (s *side) rulesOf(lb *awsop.LoadBalancer) (out []stack.Permission) {
	all := func(p stack.Permission) stack.Permission { p.Protocol = "-1"; return p }
	if lb.Type == stack.Network && len(lb.SecurityGroups) == 0 {
		out = []stack.Permission{all(stack.Permission{CIDR: "0.0.0.0/0"}), all(stack.Permission{IPv6CIDR: "::/0"})}
	}
	for _, ref := range lb.SecurityGroups {
		id := ref.Literal
		i := slices.IndexFunc(s.obs.SecurityGroups, func(g awsop.SecurityGroup) bool { return g.GroupID == id })
		switch {
		case s.shared[id]: // the backend group admits nobody
		case i < 0:
			out = append(out, all(stack.Permission{PrefixList: unread + id}))
		case !s.obs.SecurityGroups[i].Shared:
			out = append(out, s.obs.SecurityGroups[i].Ingress...)
		}
	}
	return slices.DeleteFunc(out, func(p stack.Permission) bool {
		return p.IPv6CIDR != "" && lb.IPAddressType == stack.IPv4 || p.CIDR != "" && lb.IPAddressType == stack.IPv6
	})
}

// trafficOf is what openings admit: everything that the internet may send, the network may send, too.
func trafficOf(all []opening) (internet, network sgrules.Traffic) {
	var public, every []stack.Permission
	for _, o := range all {
		every = append(every, o.rule)
		if o.internet {
			public = append(public, o.rule)
		}
	}
	return sgrules.Of(public), sgrules.Of(every)
}

// beyond are the openings that others do not admit.
func beyond(all, others []opening) []opening {
	internet, network := trafficOf(others)
	var out []opening
	for _, o := range all {
		in := network
		if o.internet {
			in = internet
		}
		if !in.Admits(o.rule) {
			out = append(out, o)
		}
	}
	return out
}

// portChanges are the ports that open or close between two lists of openings.
func portChanges(of string, before, after []opening) (out []Change) {
	out = append(out, openedBy(Opens, of, beyond(after, before), before, after)...)
	return append(out, openedBy(Closes, of, beyond(before, after), before, after)...)
}

// nobody is the text of no sources.
const nobody = "nobody"

// openedBy has one change for each port among those that differ.
func openedBy(kind Kind, of string, differ, before, after []opening) (out []Change) {
	var ports []string
	for _, o := range differ {
		if p := portText(o.rule); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	for _, p := range ports {
		at := func(all []opening) string { return cmp.Or(strings.Join(sources(all, p), ", "), nobody) }
		out = append(out, Change{
			Kind: kind, Of: of, Where: p, To: sources(differ, p), Before: at(before), After: at(after),
		})
	}
	return out
}

// sources are the sources of a port, the nearest to everyone first.
func sources(all []opening, port string) (out []string) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b opening) int {
		return cmp.Or(nearness(a)-nearness(b), strings.Compare(sourceText(a), sourceText(b)))
	})
	for _, o := range all {
		if text := sourceText(o); portText(o.rule) == port && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// nearness orders openings by how near they are to everyone: 0 = anyone.
func nearness(o opening) int {
	r := o.rule
	switch {
	case strings.HasPrefix(r.PrefixList, unread):
		return 3
	case r.PrefixList != "":
		return 4
	case r.CIDR == "" && r.IPv6CIDR == "":
		return 5
	}
	if p, err := netip.ParsePrefix(r.CIDR + r.IPv6CIDR); err == nil && p.Bits() == 0 {
		return 0
	}
	return 2
}

// sourceText describes a source.
func sourceText(o opening) string {
	r := o.rule
	where := " within the network"
	if o.internet {
		where = ""
	}
	switch nearness(o) {
	case 0:
		if o.internet {
			where = " on the internet"
		}
		return r.CIDR + r.IPv6CIDR + " (anyone" + where + ")"
	case 3:
		id := strings.TrimPrefix(r.PrefixList, unread)
		return "whoever security group " + id + " admits (its rules were not read)" + where
	case 4:
		return "prefix list " + r.PrefixList + where
	case 5:
		return "members of security group " + cmp.Or(r.Group.ID, r.Group.Literal)
	}
	return r.CIDR + r.IPv6CIDR + where
}

// portText describes the traffic of a rule.
func portText(r stack.Permission) string {
	switch {
	case r.Protocol == "-1":
		return "all traffic"
	case strings.HasPrefix(r.Protocol, "icmp"):
		return fmt.Sprintf("%s %d:%d", r.Protocol, r.FromPort, r.ToPort)
	case r.FromPort != r.ToPort:
		return fmt.Sprintf("%s %d-%d", r.Protocol, r.FromPort, r.ToPort)
	}
	return fmt.Sprintf("%s %d", r.Protocol, r.FromPort)
}

// targetOpenings are the ranges from which bindings admit traffic to targets. Security groups are left out: load
// balancers have them.
func (s *side) targetOpenings() map[string][]opening {
	out := map[string][]opening{}
	for _, b := range s.obs.Bindings {
		if b.Deleting {
			continue
		}
		for _, rule := range b.Networking {
			for _, cidr := range rule.FromCIDRs {
				for _, port := range rule.Ports {
					at := b.Namespace + "/" + b.ServiceName + " port " + port.Port
					out[at] = append(out[at], opening{rangeRule(strings.ToLower(port.Protocol), cidr), true})
				}
			}
		}
	}
	return out
}

// rangeRule is a rule without a port for a range.
func rangeRule(protocol, cidr string) stack.Permission {
	p := stack.Permission{Protocol: protocol, CIDR: cidr}
	if strings.Contains(cidr, ":") {
		p.CIDR, p.IPv6CIDR = "", cidr
	}
	return p
}

// ruleChanges are the rules of security groups of pods and nodes that a plan opens and closes. What else their groups
// admit is not known here.
func ruleChanges(p *plan.Plan) (out []Change) {
	for _, s := range carriedOut(*p) {
		var group stack.Ref
		var rules []stack.Permission
		kind := Opens
		switch op := s.Op.(type) {
		case awsop.AuthorizeSecurityGroupIngress:
			group, rules = op.Group, op.Permissions
		case awsop.RevokeSecurityGroupIngress:
			group, rules, kind = op.Group, op.Permissions, Closes
		}
		var all []opening
		for _, r := range rules {
			all = append(all, opening{r, true})
		}
		changes := openedBy(kind, p.Key.String(), all, nil, nil)
		for i := range changes {
			c := &changes[i]
			to := strings.Join(c.To, ", ")
			c.Where += " of security group " + cmp.Or(group.Literal, group.ID)
			c.Steps = []plan.StepID{s.ID}
			if c.Before, c.After = "", to; kind == Closes {
				c.Before, c.After = to, ""
			}
		}
		out = append(out, changes...)
	}
	return out
}
