package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// targetGroup returns the reference to a target group, which it builds with its binding at the first call. ok is false
// if that fails; then the member fails.
func (b *build) targetGroup(i int, want *intent.TargetGroup, source intent.Source) (ref stack.Ref, ok bool) {
	if want.Source.Path() != "" {
		source = want.Source
	}
	if b.taken(i, want, source) {
		return stack.Ref{}, false
	}
	ref, known := b.targets[want.ID]
	if !known {
		if b.buildTargetGroup(i, want, source) {
			ref = stack.Ref{Kind: stack.KindTargetGroup, ID: want.ID}
		}
		b.targets[want.ID] = ref
	}
	return ref, ref.ID != ""
}

// buildTargetGroup adds a target group and its binding to the stack. built is false if that fails.
func (b *build) buildTargetGroup(i int, want *intent.TargetGroup, source intent.Source) (built bool) {
	want = b.checkedAsBefore(i, want)
	tg := want
	if overIPv6 := b.overIPv6(want); overIPv6 != want.IPv6 || tg.TargetType == "" {
		resolved := *want
		resolved.TargetType = cmp.Or(want.TargetType, b.cfg.DefaultTargetType, stack.TargetInstance)
		resolved.IPv6 = overIPv6
		tg = &resolved
	}
	if want.IPv4 && !b.dualstack() && b.e.Key.Owner == stack.Service {
		b.note(i, diag.New(b.members[i].Object, source.Path(), diag.IgnoredSetting,
			fmt.Sprintf("targets of Service %s/%s get only IPv4 traffic, although it also has IPv6: the load balancer is "+
				"not dualstack", want.ServiceNamespace, want.ServiceName),
			"nothing to do, or set ip-address-type dualstack").In(diag.Route))
	}
	if d, bad := b.badTargetGroup(tg); bad {
		d.Object, d.Path = b.members[i].Object, source.Path()
		b.failGroup(i, tg, d)
		return false
	}
	if tg.TargetType == stack.TargetALB && !b.ofItsGateway(i, tg, source) {
		return false
	}
	refuseTags(b, i, b.notOfMember(i, tg.Tags), nil, func(string) string { return source.Path() })
	out := stack.TargetGroup{
		ID: tg.ID, TargetType: tg.TargetType, Port: tg.Port, Protocol: tg.Protocol,
		ProtocolVersion: tg.ProtocolVersion, IPAddressType: stack.IPv4, ControlPort: tg.ControlPort,
		HealthCheck: tg.HealthCheck, Attributes: b.attributesOf(i, tg, source), Tags: b.tags(b.partTags(i, tg.Tags), tg.ID),
	}
	out.Name, out.Declared = b.nameOf(i, tg, source)
	if tg.IPv6 {
		out.IPAddressType = stack.IPv6
	}
	if problem := constraint.OfTargetGroup(out); problem != "" {
		told := func(d diag.Diagnostic) bool { return d.Code == diag.InvalidAnnotation && d.Text == problem }
		if !slices.ContainsFunc(b.failures[i], told) { // checkTags reports the member's own tags
			if tg.Configuration != "" {
				problem = fmt.Sprintf("%s (TargetGroupConfiguration %s/%s)", problem, tg.ServiceNamespace, tg.Configuration)
			}
			b.failGroup(i, tg, diag.New(b.members[i].Object, source.Path(), diag.InvalidRule, problem,
				refusedRemedy).In(diag.Route))
		}
		return false
	}
	fields := map[string]intent.Source{"Backend": source}
	if out.Name == tg.Name {
		fields["Name"] = tg.NameSource
	}
	if tg.TargetType == stack.TargetALB {
		out.Balancer = stack.Literal(stack.KindLoadBalancer, tg.Balancer)
	}
	b.tgs = append(b.tgs, out)
	b.trace(stack.KindTargetGroup, tg.ID, []int{i}, fields)
	b.traceKeys(stack.KindTargetGroup, tg.ID, "Attributes", tg.AttributeSources)
	// no binding: the plan registers the load balancer; without a Service there are no targets
	if tg.TargetType != stack.TargetALB && tg.ServiceName != "" {
		b.bind(i, tg, out)
		b.trace(stack.KindBinding, tg.ID, []int{i}, fields)
	}
	return true
}

// checkedAsBefore is a target group with the values that AWS has in those fields of its health check whose keys are
// misspelt: targets may fail the default ones. A group that is new, or replaces another one, gets the defaults.
func (b *build) checkedAsBefore(i int, tg *intent.TargetGroup) *intent.TargetGroup {
	var fields []func(to *stack.HealthCheck, from stack.HealthCheck)
	var source intent.Source
	for _, w := range b.members[i].Misspelt {
		of, field := w.Source.Object(), quarantine.CheckField(w.Setting)
		other := of.Kind == "Service" && of != b.members[i].Object && (of.Namespace != tg.ServiceNamespace ||
			of.Name != tg.ServiceName)
		if field != nil && !other {
			fields, source = append(fields, field), w.Source
		}
	}
	if len(fields) == 0 {
		return tg
	}
	d, known := b.staying()
	if p := b.f.Failed(facts.Need{Kind: facts.NeedStackDetails, Key: b.e.Key.String()}); !known && p != nil {
		b.fail(i, p.Diagnostic(b.members[i].Object, source.Place()))
	}
	have, ok := d.Groups[tg.ID]
	if !ok || have.Protocol != tg.Protocol || have.TargetType != tg.TargetType ||
		have.ProtocolVersion != tg.ProtocolVersion {
		return tg
	}
	out := *tg
	for _, field := range fields {
		field(&out.HealthCheck, have.HealthCheck)
	}
	return &out
}

// failGroup records that a target group of member i cannot be built. If the Service is of another namespace, only the
// routes to it are set aside.
func (b *build) failGroup(i int, tg *intent.TargetGroup, d diag.Diagnostic) {
	m := &b.members[i]
	if tg.ServiceNamespace != m.Object.Namespace && m.State == quarantine.Current && b.e.Type == stack.Application {
		b.refused[refusedGroup{m.Object, tg.ID}] = d
	}
	b.fail(i, d)
}

// bind adds the binding of a target group.
func (b *build) bind(i int, tg *intent.TargetGroup, out stack.TargetGroup) {
	binding := stack.Binding{
		ID: tg.ID, Name: out.Name, Namespace: tg.ServiceNamespace, Labels: b.labelsOf(i), Annotations: b.e.BindingAnnotations,
		TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID}, TargetType: out.TargetType, Protocol: out.Protocol,
		ServiceName: tg.ServiceName, ServicePort: tg.ServicePort,
		IPAddress: out.IPAddressType, VPC: b.cfg.VPC, MultiCluster: tg.MultiCluster, Networking: b.networking(tg),
	}
	if tg.TargetType == stack.TargetInstance && len(tg.NodeLabels)+len(tg.NodeExpressions) > 0 {
		binding.NodeLabels, binding.NodeExpressions = tg.NodeLabels, tg.NodeExpressions
	}
	b.bindings = append(b.bindings, binding)
}

// labelsOf are the labels of the TargetGroupBindings of a member.
func (b *build) labelsOf(i int) map[string]string {
	owners := []map[string]string{b.e.Labels[b.members[i].Object]}
	if owners[0] == nil && b.e.Key.Owner.OfGateway() { // a route; members of a group get no labels of others
		for j := range b.e.Members {
			owners = append(owners, b.e.Labels[b.e.Members[j].Object])
		}
	}
	labels := b.cfg.ObjectLabels.Of(owners...)
	if labels == nil {
		return b.labels
	}
	maps.Copy(labels, b.labels)
	return labels
}

// overIPv6 reports whether targets are reached by IPv6. Of the two families of a dual-stack Service, it is the one that
// the load balancer admits: of a dualstack NLB, UDP takes IPv6 only and QUIC IPv4 only. Where it admits both, it is the
// first one; but a target group of IPv6 that exists stays, as the controller before this one made it of any Service
// with IPv6.
func (b *build) overIPv6(g *intent.TargetGroup) bool {
	switch {
	case !g.IPv6 || !g.IPv4:
		return g.IPv6
	case !b.dualstack() || quic(g.Protocol):
		return false
	case !g.IPv4First || b.e.Type == stack.Network && udp(g.Protocol):
		return true
	}
	lb, _ := b.existing()
	if lb == nil {
		return false
	}
	exists := lb.Families[cmp.Or(g.Beside, g.ID)]
	return len(exists) == 1 && exists[0] == stack.IPv6
}

// notOfMember are the tags of a part of member i that are not among the member's own, which are checked once, or that
// have another value than an administrator sets.
func (b *build) notOfMember(i int, tags map[string]string) map[string]string {
	if len(tagkey.Refused(tags, nil)) == 0 {
		return nil
	}
	out := maps.Clone(tags)
	maps.DeleteFunc(out, func(k, v string) bool {
		f, own := b.members[i].Settings.Tags[k]
		return own && (f.Value == v || !b.administered(i)(f))
	})
	return out
}

// nameOf is the name of a target group, and whether it is a declared one that a target group which exists is to get:
// nothing shows when one of a load balancer as target may go. AWS allows a name once: of several that declare it, the
// first has it and the others have generated names.
func (b *build) nameOf(i int, tg *intent.TargetGroup, source intent.Source) (name string, declared bool) {
	generated := b.e.Names.TargetGroup(b.cfg.Cluster, b.e.Key.ID, tg)
	switch {
	case tg.Name == generated:
	case naming.Generated(tg.Name) && tg.Name != b.formerName(tg):
		b.note(i, diag.New(b.members[i].Object, cmp.Or(tg.NameSource.Place(), source.Path()), diag.IgnoredSetting,
			fmt.Sprintf("targetGroupName %s has no effect on the target group of %s: the controller generates names of the "+
				"form k8s-…-<hash>, and this name may belong to another target group", tg.Name, tg.ID),
			"declare a name that does not look like k8s-…-<hash>, or remove targetGroupName").In(diag.Route))
	case tg.Name != "":
		at := slices.IndexFunc(b.tgs, func(other stack.TargetGroup) bool { return other.Name == tg.Name })
		if at < 0 {
			return tg.Name, tg.TargetType != stack.TargetALB
		}
		b.note(i, diag.New(b.members[i].Object, cmp.Or(tg.NameSource.Place(), source.Path()), diag.IgnoredSetting,
			fmt.Sprintf("targetGroupName %s has no effect on the target group of %s: target group %s has that name, and AWS "+
				"allows a name only once", tg.Name, tg.ID, b.tgs[at].ID),
			"declare another name for this route or its Service, or remove the name to get a generated one").In(diag.Route))
	}
	return generated, false
}

// formerName is the name that an earlier controller generated for the target group; empty = the same as now.
func (b *build) formerName(tg *intent.TargetGroup) string {
	n, ok := b.e.Names.(interface {
		FormerTargetGroup(cluster string, id stack.ID, g *intent.TargetGroup) string
	})
	if !ok {
		return ""
	}
	return n.FormerTargetGroup(b.cfg.Cluster, b.e.Key.ID, tg)
}

// badTargetGroup checks what depends on the controller's configuration or on the load balancer.
func (b *build) badTargetGroup(tg *intent.TargetGroup) (diag.Diagnostic, bool) {
	bad := func(c diag.Code, remedy, format string, args ...any) (diag.Diagnostic, bool) {
		return diag.New(diag.Object{}, "", c, fmt.Sprintf(format, args...), remedy).In(diag.Route), true
	}
	service := tg.ServiceNamespace + "/" + tg.ServiceName
	switch {
	case tg.TargetType == stack.TargetALB && b.e.Type == stack.Network && tg.Balancer != "":
	case tg.TargetType != stack.TargetInstance && tg.TargetType != stack.TargetIP:
		return bad(diag.InvalidAnnotation, "use instance or ip", "target type %q is neither instance nor ip", tg.TargetType)
	case tg.TargetType == stack.TargetIP && !b.cfg.Gates.EnableIPTargetType:
		return bad(diag.InvalidAnnotation, "use target type instance, or start the controller with the feature gate "+
			"EnableIPTargetType",
			"target type ip is not allowed: the feature gate EnableIPTargetType is off")
	case tg.Port == 0 && tg.TargetType == stack.TargetIP:
		return bad(diag.WrongServiceType, "give the port of Service "+service+" a target port",
			"the port of Service %s has no target port", service)
	case tg.Port == 0:
		return bad(diag.WrongServiceType, "change Service "+service+
			" to type NodePort or LoadBalancer, or use target type ip",
			"Service %s has no node port, which instance targets need", service)
	case tg.ControlPort != 0 && tg.TargetType == stack.TargetInstance:
		return bad(diag.InvalidAnnotation, "use target type ip, or remove the target control port",
			"a target control port has no effect on instance targets")
	case quic(tg.Protocol) && tg.TargetType == stack.TargetInstance:
		return bad(diag.InvalidAnnotation, "use target type ip, or set another protocol than QUIC for the port",
			"QUIC protocol is not supported for Instance target types.")
	case quic(tg.Protocol) && tg.IPv6:
		return bad(diag.InvalidAnnotation, "give Service "+service+" IPv4 addresses, or set another protocol than "+
			"QUIC for the port",
			"unsupported IPv6 configuration: QUIC reaches targets only by IPv4, and Service %s has only IPv6 addresses",
			service)
	case tg.IPv6 && !b.dualstack():
		return bad(diag.InvalidAnnotation, "set ip-address-type dualstack, or give Service "+service+" IPv4 addresses",
			"unsupported IPv6 configuration, lb not dual-stack: Service %s has IPv6 addresses", service)
	}
	for _, key := range b.cfg.ExternalManagedTags {
		if _, ok := tg.Tags[key]; ok {
			return bad(diag.InvalidAnnotation, "remove the tag from this object and from Service "+service,
				"tag %s is reserved for other tools by --external-managed-tags", key)
		}
	}
	return diag.Diagnostic{}, false
}

// number is the value of a decimal port, 0 for a name.
func number(port string) int32 {
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

func udp(protocol string) bool {
	return slices.Contains([]string{"UDP", "TCP_UDP", "QUIC", "TCP_QUIC"}, protocol)
}
