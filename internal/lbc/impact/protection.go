package impact

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// protections are the changes of what protects the load balancers of an identity that exist before and after.
func (c *comparison) protections(id string) (out []Change) {
	x, y := c.was.serving(id), c.is.serving(id)
	add := func(k Kind, where, before, after string) {
		out = append(out, Change{Kind: k, Of: c.of, Where: where, Before: before, After: after, Hosts: c.is.hosts(id)})
	}
	if k, before, after := webACLChange(x, y); k != "" {
		add(k, "web ACL", before, after)
	}
	if protected(x) != "no" && protected(y) == "no" && (x.Shield != nil || x.ARN != y.ARN) {
		add(LosesProtection, "Shield Advanced", protected(x), protected(y))
	}
	if cmp.Or(x.PrivateLinkRules, "on") == "on" && y.PrivateLinkRules == "off" {
		add(LosesProtection, "security group rules for PrivateLink", "on", "off")
	}
	for _, p := range constraint.ProtectiveAttributes {
		before, after := attribute(x, p.Key), attribute(y, p.Key)
		if p.Requests && merge.Tighter("attribute/"+p.Key)(before, after) {
			add(LosesProtection, "attribute "+p.Key, before, after)
		}
	}
	return out
}

// serving is the load balancer of an identity that counts; of several, one that listens.
func (s *side) serving(id string) *awsop.LoadBalancer {
	for _, lb := range s.balancers[id] {
		for _, l := range s.obs.Listeners {
			if l.LoadBalancer.Literal == lb.ARN {
				return lb
			}
		}
	}
	return s.balancers[id][0]
}

// webACLChange is the change of the web ACL; k is empty if there is none. A successor of a load balancer whose web ACL
// was not read may lack it.
func webACLChange(x, y *awsop.LoadBalancer) (k Kind, before, after string) {
	if x.Type != stack.Application || x.WebACL == nil && x.ARN == y.ARN && y.WebACL == nil {
		return "", "", ""
	}
	text := func(lb *awsop.LoadBalancer) string {
		if lb.WebACL == nil {
			return "not read"
		}
		return cmp.Or(*lb.WebACL, "none")
	}
	before, after = text(x), text(y)
	switch {
	case before == after || before == "none":
		return "", "", ""
	case after == "none":
		return LosesProtection, before, after
	}
	return ChangesProtection, before, after
}

// protected says whether Shield Advanced protects a load balancer.
func protected(lb *awsop.LoadBalancer) string {
	switch {
	case lb.Shield == nil:
		return "not read"
	case *lb.Shield:
		return "yes"
	}
	return "no"
}

// attribute is the value of an attribute.
func attribute(lb *awsop.LoadBalancer, key string) string {
	if v, ok := lb.Attributes[key]; ok {
		return v
	}
	if !lb.Known(awsop.PartAttributes) {
		return "not read"
	}
	v, _ := canonical.LoadBalancerDefault(stack.LoadBalancer{Type: lb.Type, Scheme: lb.Scheme}, key)
	return v
}

// handshake are the changes of what a listener asks for before it reads a request.
func (c *comparison) handshake(x, y *awsop.Listener) (out []Change) {
	hosts := func(s *side, l *awsop.Listener) (all []string) {
		for _, r := range s.rules(l) {
			all = append(all, hostsOf(r.Conditions)...)
		}
		return union(all, nil)
	}
	add := func(k Kind, before, after string) {
		where := "port " + strconv.Itoa(int(y.Port))
		out = append(out, Change{Kind: k, Of: c.of, Where: where, Before: before, After: after, Hosts: hosts(&c.is, y)})
	}
	if encrypted(x.Protocol) && !encrypted(y.Protocol) {
		add(LosesProtection, x.Protocol, y.Protocol)
	}
	if x.Mutual == nil && y.Mutual == nil || x.ARN == y.ARN && y.Mutual == nil && encrypted(y.Protocol) {
		return out
	}
	a, b := mutualOf(x), mutualOf(y)
	switch {
	case strictness(b) < strictness(a):
		add(LosesCertificate, mutualText(a), mutualText(b))
	case a.Mode == stack.MutualVerify && b.Mode == a.Mode && a.TrustStore != b.TrustStore:
		add(ChangesProtection, mutualText(a), mutualText(b))
	}
	return out
}

func encrypted(protocol string) bool {
	return protocol == "HTTPS" || protocol == "TLS" || strings.Contains(protocol, "QUIC")
}

func mutualOf(l *awsop.Listener) stack.MutualAuthentication {
	if l.Mutual == nil {
		return stack.MutualAuthentication{Mode: stack.MutualOff}
	}
	return *l.Mutual
}

// strictness orders modes by what they ask for.
func strictness(m stack.MutualAuthentication) int {
	switch {
	case m.Mode == stack.MutualVerify && !m.IgnoreExpiry:
		return 3
	case m.Mode == stack.MutualVerify:
		return 2
	case m.Mode == stack.MutualPassthrough:
		return 1
	}
	return 0
}

func mutualText(m stack.MutualAuthentication) string {
	text := "client certificates: " + cmp.Or(m.Mode, stack.MutualOff)
	if m.Mode == stack.MutualVerify {
		text += " by " + m.TrustStore
	}
	if m.IgnoreExpiry {
		text += ", also expired ones"
	}
	return text
}

// renamed is the change of the DNS name of the load balancers of an identity.
func (c *comparison) renamed(id string) []Change {
	was, is := c.was.balancers[id], c.is.balancers[id]
	for _, x := range was {
		for _, y := range is {
			if x.ARN == y.ARN {
				return nil
			}
		}
	}
	if len(was) == 0 {
		return nil
	}
	where := "load balancer " + was[0].Name
	change := Change{Kind: Renames, Of: c.of, Where: where, Before: nameOf(was[0]), After: "none", Hosts: c.was.hosts(id)}
	if len(is) > 0 {
		change.After = nameOf(is[0])
	}
	return []Change{change}
}

// nameOf is the DNS name of a load balancer, as far as it has one.
func nameOf(lb *awsop.LoadBalancer) string {
	if isPlanned(lb.ARN) {
		return fmt.Sprintf("the new DNS name of %s", lb.Name)
	}
	return cmp.Or(lb.DNSName, lb.Name)
}
