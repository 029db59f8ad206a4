package diff

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

func bindingKey(b stack.Binding) string { return b.Namespace + "/" + b.Name }

func bindingRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindBinding, ID: id} }

// bindings plans the objects that register targets, right after their target groups: targets are then healthy by the
// time rules send them requests. Pods wait for their readiness gates of each binding. While AWS refuses the first load
// balancer of a stack, there are therefore no bindings: pods that others serve would wait for it.
func (d *differ) bindings() {
	byName := make(map[string]*awsop.Binding, len(d.obs.Bindings))
	serving := make(map[boundTo][]*awsop.Binding, len(d.obs.Bindings))
	for i := range d.obs.Bindings {
		b := &d.obs.Bindings[i]
		byName[bindingKey(b.Binding)] = b
		if at := (boundTo{b.Namespace, b.TargetGroup.Literal}); !b.Deleting {
			serving[at] = append(serving[at], b)
		}
	}
	var first []plan.StepID
	if len(d.balancers)+len(d.oldBalancers) == 0 {
		for _, w := range d.want.LoadBalancers {
			first = append(first, d.made[loadBalancerRef(w.ID)])
		}
	}
	for _, w := range d.want.Bindings {
		r := bindingRef(w.ID)
		have := d.bindingOf(w, serving)
		switch {
		case have == nil:
			w.Name = d.bindingName(w, byName)
			var gone plan.StepID
			if old := byName[bindingKey(w)]; old != nil && !old.Deleting && !d.kept[bindingKey(w)] {
				// Its target group was deleted outside of the controller and is created again under the same name.
				gone = d.step(plan.Delete, r, plan.Normal, awsop.DeleteBinding{Namespace: w.Namespace, ObjectName: w.Name},
					"its target group does not exist any more").ID
				d.handledBindings[bindingKey(w)] = true
			}
			s := d.step(plan.Create, r, plan.Vital, awsop.CreateBinding{Binding: w}, w.ServiceName+":"+w.ServicePort)
			s.Need(gone)
			s.Need(first...)
		case d.kept[bindingKey(have.Binding)]:
		default:
			if why := d.bindingChanges(have.Binding, w); len(why) > 0 {
				up := w
				up.Namespace, up.Name = have.Namespace, have.Name
				d.step(plan.Update, r, plan.Vital, awsop.UpdateBinding{Binding: up}, why...)
			}
		}
		if have != nil {
			d.handledBindings[bindingKey(have.Binding)] = true
		}
	}
}

// boundTo identifies an observed binding that a stack may want.
type boundTo struct{ namespace, targetGroup string }

// bindingOf returns the observed binding for a wanted one: of the same target group and namespace. If there are
// several, it is the one with the name of the target group. nil = there is none.
func (d *differ) bindingOf(w stack.Binding, serving map[boundTo][]*awsop.Binding) *awsop.Binding {
	arn, ok := d.known[w.TargetGroup]
	if !ok {
		return nil
	}
	var have *awsop.Binding
	for _, b := range serving[boundTo{w.Namespace, arn}] {
		if have == nil || b.Name == d.names[w.TargetGroup.ID] {
			have = b
		}
	}
	return have
}

// ownsBinding reports whether an observed binding is the stack's own. Labels are not enough, because a copy of a
// binding carries them in any namespace. The identity of the target group contains the namespace of the original. If
// the target group is no longer observed, the namespace must be that of the stack or of one of its members, or the
// binding must be marked as the original (markOriginals).
func (d *differ) ownsBinding(b *awsop.Binding) bool {
	if id := d.identities[b.TargetGroup.Literal]; naming.NamespaceOfTargetGroup(id) != "" {
		return naming.BindsIn(id, b.Namespace)
	}
	return b.Annotations[naming.OriginalBinding] == bindingKey(b.Binding) || b.Namespace == d.plan.Key.ID.Namespace ||
		slices.Contains(d.opt.Namespaces, b.Namespace) ||
		slices.ContainsFunc(d.want.Bindings, func(w stack.Binding) bool { return w.Namespace == b.Namespace })
}

// bindingName returns the name of a new binding: the wanted one, unless the binding of another target group that
// serves has it, which may be replaced soon. Then it is the name of the new target group, or one derived from it.
func (d *differ) bindingName(w stack.Binding, byName map[string]*awsop.Binding) string {
	taken := func(name string) bool {
		old := byName[w.Namespace+"/"+name]
		return old != nil && old.TargetGroup.Literal != d.known[w.TargetGroup] &&
			d.obs.TargetGroup(old.TargetGroup.Literal) != nil
	}
	if !taken(w.Name) {
		return w.Name
	}
	name := cmp.Or(d.names[w.TargetGroup.ID], w.Name)
	for taken(name) {
		name = naming.Successor(name, 0)
	}
	return name
}

// bindingChanges says which changeable fields differ. It ignores labels and annotations of others.
func (d *differ) bindingChanges(have, want stack.Binding) []string {
	var why reasons
	why.value("service", have.ServiceName+":"+have.ServicePort, want.ServiceName+":"+want.ServicePort)
	why.value("protocol", have.Protocol, want.Protocol)
	if have.MultiCluster != want.MultiCluster {
		why = append(why, "sharing among clusters changed")
	}
	sameExpression := func(x, y stack.NodeExpression) bool {
		return x.Key == y.Key && x.Operator == y.Operator && slices.Equal(x.Values, y.Values)
	}
	if !maps.Equal(have.NodeLabels, want.NodeLabels) || !slices.EqualFunc(have.NodeExpressions, want.NodeExpressions,
		sameExpression) {
		why = append(why, "node selector changed")
	}
	if !canonical.SameNetworking(have.Networking, want.Networking, d.resolve) {
		why = append(why, "networking changed")
	}
	return append(why, append(unset("label", have.Labels, want.Labels), unset("annotation", have.Annotations,
		want.Annotations)...)...)
}

// unset says which wanted labels or annotations are missing.
func unset(what string, have, want map[string]string) []string {
	var out []string
	for k, v := range want {
		if now, ok := have[k]; !ok || now != v {
			out = append(out, what+" "+k+" = "+v)
		}
	}
	slices.Sort(out)
	return out
}

// markOriginals marks the bindings of deleted target groups, by ARN, if their namespace is not the stack's. Once the
// group is deleted, nothing else distinguishes originals from copies, if the process ends or the API server fails
// before the bindings are deleted. The mark contains the object's own namespace and name, so a copy has a wrong one.
func (d *differ) markOriginals() map[string][]plan.StepID {
	marks := map[string][]plan.StepID{}
	for i := range d.obs.Bindings {
		b := &d.obs.Bindings[i]
		key, arn := bindingKey(b.Binding), b.TargetGroup.Literal
		id := d.identities[arn]
		switch {
		case id == "" || d.handledBindings[key] || b.Deleting || d.kept[key] || d.kept[arn] || d.targets[id] != nil &&
			d.targets[id].ARN == arn:
		case b.Namespace == d.plan.Key.ID.Namespace || b.Namespace == naming.NamespaceOfTargetGroup(id) || !d.ownsBinding(b):
		case b.Annotations[naming.OriginalBinding] == key:
		default:
			up := b.Binding
			up.Annotations = map[string]string{naming.OriginalBinding: key}
			s := d.step(plan.Update, bindingRef(cmp.Or(b.ID, b.Name)), plan.Normal, awsop.UpdateBinding{Binding: up},
				"its target group is deleted first, because the tags of the target group have its namespace")
			marks[arn] = append(marks[arn], s.ID)
		}
	}
	return marks
}

// deleteBindings deletes the objects of deleted target groups, after these: a target group that no longer exists
// needs no deregistration.
func (d *differ) deleteBindings() {
	for i := range d.obs.Bindings {
		b := &d.obs.Bindings[i]
		key := bindingKey(b.Binding)
		if d.handledBindings[key] || b.Deleting || d.kept[key] || d.spared[b.TargetGroup.Literal] || !d.ownsBinding(b) {
			continue
		}
		s := d.step(plan.Delete, bindingRef(cmp.Or(b.ID, b.Name)), plan.Normal, awsop.DeleteBinding{Namespace: b.Namespace,
			ObjectName: b.Name}, "is no longer wanted")
		s.Need(d.deletedTargets[b.TargetGroup.Literal])
		if _, seen := d.identities[b.TargetGroup.Literal]; !seen && d.mayServe(b.TargetGroup.Literal) {
			s.Need(d.routing()...)
		}
		d.deletedBindings = append(d.deletedBindings, s.ID)
	}
}

// mayServe reports whether a listener may forward to a target group that no list shows: lists may lag. A load
// balancer that no list shows may have listeners.
func (d *differ) mayServe(targetGroup string) bool {
	if slices.ContainsFunc(d.want.LoadBalancers, func(w stack.LoadBalancer) bool { return d.balancers[w.ID] == nil }) {
		return true
	}
	for _, as := range d.obs.Actions() {
		if slices.Contains(awsop.TargetGroupsOf(as), stack.Literal(stack.KindTargetGroup, targetGroup)) {
			return true
		}
	}
	return false
}

// routing returns the steps after which requests are routed as the stack wants.
func (d *differ) routing() (ids []plan.StepID) {
	for _, s := range d.steps {
		switch s.Op.(type) {
		case awsop.CreateListener, awsop.ModifyListener, awsop.CreateRule, awsop.ModifyRule:
			ids = append(ids, s.ID)
		}
	}
	return ids
}
