package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

func targetGroupRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindTargetGroup, ID: id} }

// matchTargetGroups pairs wanted target groups with observed ones that can become the wanted ones. If there are
// several, the one that is most in use counts.
func (d *differ) matchTargetGroups() {
	sort.SliceStable(d.obs.TargetGroups, func(i, j int) bool {
		return d.obs.TargetGroups[i].ARN < d.obs.TargetGroups[j].ARN
	})
	d.tgUse = d.targetGroupUse()
	d.alike = make(map[string][]*awsop.TargetGroup, len(d.obs.TargetGroups))
	for i := range d.obs.TargetGroups {
		tg := &d.obs.TargetGroups[i]
		d.alike[tg.ID] = append(d.alike[tg.ID], tg)
	}
	for _, w := range d.want.TargetGroups {
		if tg := d.serving(w); tg != nil && d.targets[w.ID] == nil {
			d.targets[w.ID] = tg
			d.known[targetGroupRef(w.ID)] = tg.ARN
			d.names[w.ID] = tg.Name
		}
	}
}

// replacementReason says why an observed target group cannot become the wanted one; empty = it can. AWS changes none
// of these settings of an existing target group.
func (d *differ) replacementReason(have *awsop.TargetGroup, want stack.TargetGroup) string {
	version := func(tg stack.TargetGroup) string {
		if tg.ProtocolVersion == "" && (tg.Protocol == "HTTP" || tg.Protocol == "HTTPS") {
			return "HTTP1"
		}
		return tg.ProtocolVersion
	}
	switch {
	case have.TargetType != want.TargetType:
		return change("target type", have.TargetType, want.TargetType)
	case have.Protocol != want.Protocol:
		return change("protocol", have.Protocol, want.Protocol)
	case version(have.TargetGroup) != version(want):
		return change("protocol version", version(have.TargetGroup), version(want))
	case have.ControlPort != want.ControlPort:
		return fmt.Sprintf("target control port %d → %d", have.ControlPort, want.ControlPort)
	case cmp.Or(have.IPAddressType, stack.IPv4) != cmp.Or(want.IPAddressType, stack.IPv4):
		return change("IP address type", cmp.Or(have.IPAddressType, stack.IPv4), cmp.Or(want.IPAddressType, stack.IPv4))
	case d.misnamed(have, want):
		return change("name", have.Name, want.Name)
	case want.TargetType == stack.TargetALB && !have.Reaches(want.Port):
		return fmt.Sprintf("port %d → %d", have.Port, want.Port)
	case d.opt.Region.FixedHealthChecks && want.Protocol != "HTTP" && want.Protocol != "HTTPS":
		return fixedCheckChange(have.HealthCheck, want.HealthCheck)
	}
	return ""
}

// misnamed reports whether an observed target group must be replaced because it has another name than the declared
// one. A group stays if an object with the declared name binds it, because the existing controller only renames the
// binding. A group also stays while another group of the stack has the name. If that other group gives the name up,
// the successor first gets a name of its own, because names may be exchanged.
func (d *differ) misnamed(have *awsop.TargetGroup, want stack.TargetGroup) bool {
	if !want.Declared || have.Name == want.Name {
		return false
	}
	if slices.ContainsFunc(d.obs.Bindings, func(b awsop.Binding) bool {
		return b.TargetGroup.Literal == have.ARN && b.Name == want.Name && !b.Deleting && d.ownsBinding(&b)
	}) {
		return false
	}
	holder := d.named(want.Name)
	switch {
	case holder == nil:
		return true
	case holder.ID == want.ID:
		return !d.outgoing[holder.ARN] && d.replacementReason(holder, want) == ""
	}
	for name := naming.Successor(want.Name, want.Port); d.named(name) != nil; name = naming.Successor(name, want.Port) {
		if have.Name == name {
			return false
		}
	}
	return d.leaves(holder)
}

// named is the observed target group of a name; nil = there is none.
func (d *differ) named(name string) *awsop.TargetGroup {
	if i := slices.IndexFunc(d.obs.TargetGroups, func(tg awsop.TargetGroup) bool { return tg.Name == name }); i >= 0 {
		return &d.obs.TargetGroups[i]
	}
	return nil
}

// successorTags returns the tags of a new target group. For a declared name, they name the most used group of the
// same identity: if the process ends before the new group is bound, and yet another name is declared, nothing else
// distinguishes either group from a duplicate.
func (d *differ) successorTags(w stack.TargetGroup) map[string]string {
	if !w.Declared || len(d.alike[w.ID]) == 0 {
		return w.Tags
	}
	former := slices.MinFunc(d.alike[w.ID], func(a, b *awsop.TargetGroup) int {
		return cmp.Compare(d.tgUse[a.ARN], d.tgUse[b.ARN])
	})
	tags := map[string]string{naming.ReplacesTag: former.Name}
	maps.Copy(tags, w.Tags)
	return tags
}

// leaves reports whether an observed target group is not wanted by its name.
func (d *differ) leaves(tg *awsop.TargetGroup) bool {
	return !slices.ContainsFunc(d.want.TargetGroups, func(w stack.TargetGroup) bool {
		return w.ID == tg.ID && (!w.Declared || w.Name == tg.Name)
	})
}

// fixedCheckChange is the change of a health check that Region.FixedHealthChecks forbids; empty = there is none.
func fixedCheckChange(have, want stack.HealthCheck) string {
	have.Port, have.Path, have.HealthyThreshold, have.UnhealthyThreshold = want.Port, want.Path, want.HealthyThreshold,
		want.UnhealthyThreshold
	return strings.Join(healthCheckChanges(have, want), ", ")
}

func (d *differ) targetGroups() {
	for _, w := range d.want.TargetGroups {
		r := targetGroupRef(w.ID)
		have := d.targets[w.ID]
		def := func(k string) (string, bool) { return canonical.TargetGroupDefault(w, k) }
		if have == nil {
			a, why := plan.Create, w.Name
			op := awsop.CreateTargetGroup{VPC: d.want.VPC, TargetGroup: w}
			for i := range d.obs.TargetGroups {
				if old := &d.obs.TargetGroups[i]; old.ID == w.ID {
					a, why = plan.Replace, cmp.Or(d.replacementReason(old, w), "the load balancer is replaced")
				}
			}
			op.TargetGroup.Name, op.TargetGroup.Declared = d.freeName(w), false // AWS, and what is observed, has names only
			op.TargetGroup.Attributes = nil
			op.TargetGroup.Tags = d.successorTags(w)
			d.names[w.ID] = op.TargetGroup.Name
			s := d.step(a, r, plan.Vital, op, why)
			s.Need(d.first...)
			d.made[r] = s.ID
			d.targetGroupAttributes(plan.Create, r, w, nil, def)
			continue
		}
		if d.kept[have.ARN] {
			continue
		}
		if why := healthCheckChanges(have.HealthCheck, w.HealthCheck); len(why) > 0 {
			d.step(plan.Update, r, plan.Normal, awsop.ModifyTargetGroup{TargetGroup: r, ProtocolVersion: w.ProtocolVersion,
				HealthCheck: w.HealthCheck}, why...)
		}
		d.targetGroupAttributes(plan.Update, r, w, have.Attributes, def)
		exempt := d.legacyTags()
		if former, ok := have.Tags[naming.ReplacesTag]; ok && (!d.hasBinding(have) || d.named(former) != nil) {
			exempt = append(exempt, naming.ReplacesTag)
		}
		d.tags(r, have.Tags, w.Tags, exempt...)
	}
}

// freeName returns the wanted name of a new target group, unless another group has this name: names are unique in AWS,
// and the name contains neither the IP address type nor, for groups of load balancers, the port.
func (d *differ) freeName(w stack.TargetGroup) string {
	name := w.Name
	for {
		switch apart := d.nameApart(stack.KindTargetGroup, name); {
		case apart != name:
			name = apart
		case d.named(name) != nil || naming.Generated(name) && d.given(name):
			name = naming.Successor(name, w.Port)
		default:
			return name
		}
	}
}

// given reports whether a wanted target group has, or gets, a name.
func (d *differ) given(name string) bool {
	for _, is := range d.names {
		if is == name {
			return true
		}
	}
	return false
}

func (d *differ) targetGroupAttributes(a plan.Action, r stack.Ref, w stack.TargetGroup, have map[string]string,
	def func(string) (string, bool)) {
	d.attributes(a, r, attributeDiff{w.Attributes, have, def}, func(as map[string]string) awsop.Operation {
		return awsop.ModifyTargetGroupAttributes{TargetGroup: r, Attributes: as}
	})
}

// healthCheckChanges says which wanted fields differ.
func healthCheckChanges(have, want stack.HealthCheck) []string {
	var why reasons
	number := func(name string, h, w int32) {
		if w != 0 && h != w {
			why = append(why, fmt.Sprintf("health check %s %d → %d", name, h, w))
		}
	}
	why.managed("health check protocol", have.Protocol, want.Protocol)
	why.managed("health check port", have.Port, want.Port)
	why.managed("health check path", have.Path, want.Path)
	why.managed("health check matcher", have.Matcher, want.Matcher)
	number("interval", have.IntervalSeconds, want.IntervalSeconds)
	number("timeout", have.TimeoutSeconds, want.TimeoutSeconds)
	number("healthy threshold", have.HealthyThreshold, want.HealthyThreshold)
	number("unhealthy threshold", have.UnhealthyThreshold, want.UnhealthyThreshold)
	return why
}

// deleteTargetGroups deletes unwanted target groups, once nothing forwards to them.
func (d *differ) deleteTargetGroups() {
	marks := d.markOriginals()
	for i := range d.obs.TargetGroups {
		tg := &d.obs.TargetGroups[i]
		if d.targets[tg.ID] == tg || !d.mayDelete(tg.ARN) || d.forwardsByARN(tg.ARN) {
			continue
		}
		r := stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID, Literal: tg.ARN}
		if n := d.opt.Foreign[tg.ARN]; n > 0 {
			keys := slices.Sorted(maps.Keys(naming.Tracking(d.plan.Key.Owner, "", "", "")))
			s := d.step(plan.Update, r, plan.Normal, awsop.RemoveTags{Resource: stack.Literal(stack.KindTargetGroup, tg.ARN),
				Keys: keys},
				fmt.Sprintf("is no longer declared, and has %d targets of other clusters: the controller keeps it, and no "+
					"longer manages it", n))
			s.Need(d.releases[tg.ARN]...)
			d.deletedTargets[tg.ARN] = s.ID
			continue
		}
		op := awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, tg.ARN), Delayed: d.stillUsed(tg)}
		why := "is no longer wanted"
		if op.Delayed {
			why += "; nodes of the load balancer may use it for two more minutes"
		}
		s := d.step(plan.Delete, r, plan.Normal, op, why)
		first := d.serving(tg.TargetGroup)
		if other := first != nil && first.ARN != tg.ARN; other && !d.replaced(tg, first) && !d.mayDeleteDuplicate(tg.ARN) {
			d.spare(s, tg.ARN, tg.Name, first.ARN, first.Name)
			continue
		} else if g := d.remembered(tg.ARN); g != nil && !other {
			d.spareAgain(s, tg.ARN, g)
			continue
		}
		s.Need(d.releases[tg.ARN]...)
		s.Follow(marks[tg.ARN]...)
		for _, arn := range slices.Sorted(maps.Keys(d.deletedBalancers)) { // its listeners may not be known
			s.Need(d.deletedBalancers[arn])
		}
		d.deletedTargets[tg.ARN] = s.ID
	}
}

// forwardsByARN reports whether a wanted rule or listener names a target group by its ARN. Then AWS does not delete
// the target group.
func (d *differ) forwardsByARN(arn string) bool {
	forwards := func(actions []stack.Action) bool {
		return slices.ContainsFunc(actions, func(a stack.Action) bool {
			return a.Forward != nil && slices.ContainsFunc(a.Forward.TargetGroups, func(t stack.WeightedTargetGroup) bool {
				return t.TargetGroup.Literal == arn
			})
		})
	}
	return slices.ContainsFunc(d.want.Rules, func(r stack.Rule) bool { return forwards(r.Actions) }) ||
		slices.ContainsFunc(d.want.Listeners, func(l stack.Listener) bool { return forwards(l.DefaultActions) })
}
