package policy

import (
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// NarrowToClass lets a plan that objects of the load balancer freeze narrow it to class parameters, which
// administrators write: source ranges, TLS policies and the web ACL. want is the desired stack. ofClass reports whether
// class parameters set a field of one of its resources. Nothing else of a step is executed. Source ranges are only
// closed: a range is opened where a wider one is closed.
func NarrowToClass(o awsop.Observed, want *stack.Stack, ofClass func(r stack.Ref, field string) bool) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		n := narrowing{o: o, want: want, ofClass: ofClass, executed: map[plan.StepID]bool{}}
		out := make([]plan.Step, 0, len(p.Steps))
		for _, s := range p.Steps {
			op := n.part(s)
			if op == nil {
				out = append(out, s)
				continue
			}
			part := s
			part.ID += " (class)"
			part.Op, part.Guard, n.executed[part.ID] = op, nil, true
			within := func(ids []plan.StepID) (in []plan.StepID) {
				for _, id := range ids {
					if id += " (class)"; n.executed[id] {
						in = append(in, id)
					}
				}
				return in
			}
			part.Needs, part.After = within(s.Needs), within(s.After)
			out = append(out, part, s)
		}
		if len(n.executed) > 0 {
			p.Steps = out
		}
		return p
	}
}

// narrowing is the state of a NarrowToClass.
type narrowing struct {
	o        awsop.Observed
	want     *stack.Stack
	ofClass  func(stack.Ref, string) bool
	executed map[plan.StepID]bool
}

// part returns the part of a frozen step that only narrows the load balancer to class parameters; nil = none does.
func (n *narrowing) part(s plan.Step) plan.Operation {
	if s.Guard == nil || !slices.Contains([]diag.Code{diag.OnlyObserved, diag.PlanNotApproved, diag.DryRun},
		s.Guard.Code) {
		return nil
	}
	switch op := s.Op.(type) {
	case awsop.AssociateWebACL:
		if n.ofClass(op.LoadBalancer, "WebACL") {
			return op
		}
	case awsop.ModifyListener:
		if op.Sets.Policy && op.Changes == (awsop.Protocols{}) && n.ofClass(op.Ref, "SSLPolicy") {
			return awsop.ModifyListener{Ref: op.Ref, Sets: awsop.ListenerSettings{Policy: true}, Listener: stack.Listener{
				ID: op.Listener.ID, Port: op.Listener.Port, Protocol: op.Listener.Protocol, SSLPolicy: op.Listener.SSLPolicy}}
		}
	case awsop.AuthorizeSecurityGroupIngress:
		op.Permissions = slices.DeleteFunc(slices.Clone(op.Permissions), func(q stack.Permission) bool {
			return !n.bound(q) || !slices.ContainsFunc(n.observed(op.Group), func(have stack.Permission) bool {
				return covers(have, q)
			})
		})
		if len(op.Permissions) > 0 {
			return op
		}
	case awsop.RevokeSecurityGroupIngress:
		op.Permissions = slices.DeleteFunc(slices.Clone(op.Permissions), func(have stack.Permission) bool {
			return !n.bound(have) || n.admits(have)
		})
		if len(op.Permissions) > 0 {
			return op
		}
	}
	return nil
}

// bound reports whether class parameters set the source ranges of all ports of a rule. Ports without a listener any
// longer are bound like the others.
func (n *narrowing) bound(p stack.Permission) bool {
	some := false
	for i := range n.want.Listeners {
		l := &n.want.Listeners[i]
		of := n.ofClass(stack.Ref{Kind: stack.KindListener, ID: l.ID}, "InboundCIDRs")
		if l.Port >= p.FromPort && l.Port <= p.ToPort && !of {
			return false
		}
		some = some || of
	}
	return some && p.Group == (stack.Ref{})
}

// observed are the rules of a group that the plan changes.
func (n *narrowing) observed(r stack.Ref) []stack.Permission {
	for i := range n.o.SecurityGroups {
		if g := &n.o.SecurityGroups[i]; is(r, g.ID, g.GroupID) {
			return g.Ingress
		}
	}
	return nil
}

// admits reports whether class parameters admit the source of a rule, at whatever port.
func (n *narrowing) admits(have stack.Permission) bool {
	for i := range n.want.SecurityGroups {
		for _, q := range n.want.SecurityGroups[i].Ingress {
			q.Protocol, q.FromPort, q.ToPort = have.Protocol, have.FromPort, have.ToPort
			if n.bound(q) && covers(q, have) {
				return true
			}
		}
	}
	return false
}

// covers reports whether a rule admits what another one admits.
func covers(wide, p stack.Permission) bool {
	if wide.Protocol != p.Protocol || wide.FromPort > p.FromPort || wide.ToPort < p.ToPort {
		return false
	}
	if wide.PrefixList != "" || p.PrefixList != "" {
		return wide.PrefixList == p.PrefixList || wide.CIDR == "0.0.0.0/0"
	}
	in, err := netip.ParsePrefix(p.CIDR + p.IPv6CIDR)
	if err != nil {
		return false
	}
	of, err := netip.ParsePrefix(wide.CIDR + wide.IPv6CIDR)
	return err == nil && of.Bits() <= in.Bits() && of.Contains(in.Addr())
}
