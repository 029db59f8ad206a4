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

// bindings plans the objects that register targets: right after their target groups, so that targets are healthy by the
// time that rules send them traffic.
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
			d.step(plan.Create, r, plan.Vital, awsop.CreateBinding{Binding: w}, w.ServiceName+":"+w.ServicePort).Need(gone)
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

// boundTo is what makes an observed binding one that a stack wants.
type boundTo struct{ namespace, targetGroup string }

// bindingOf is the observed binding of a wanted one: of the same target group and namespace. Of several it is the one
// that has the name of the target group. Nil means that there is none.
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

// ownsBinding reports whether an observed binding is the stack's own. Labels are not enough, as a copy of a binding
// carries them in any namespace: the identity of the target group has the namespace of the original. For a target group
// that is not observed any more, the namespace must be that of the stack or of one of its members, unless the binding
// is marked as the original (markOriginals).
func (d *differ) ownsBinding(b *awsop.Binding) bool {
	if id := d.identities[b.TargetGroup.Literal]; naming.NamespaceOfTargetGroup(id) != "" {
		return naming.BindsIn(id, b.Namespace)
	}
	return b.Annotations[naming.OriginalBinding] == bindingKey(b.Binding) || b.Namespace == d.plan.Key.ID.Namespace ||
		slices.Contains(d.opt.Namespaces, b.Namespace) ||
		slices.ContainsFunc(d.want.Bindings, func(w stack.Binding) bool { return w.Namespace == b.Namespace })
}

// bindingName is the wanted name of a new binding, unless it belongs to the binding of a target group that serves,
// which may be about to be replaced: then it is the name of the target group, which the binding of a successor has
// anyway, or one that follows from it.
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

// bindingChanges says what differs of the fields that can change; labels and annotations of others are not looked at.
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

// unset says which labels or annotations are wanted and not there.
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

// markOriginals marks the bindings of target groups that go, by ARN of these, where the namespace is not that of the
// stack: once the group is gone nothing else distinguishes them from copies, should the process end or the API server
// fail before they are deleted. The mark is of the object's own namespace and name, so that a copy has another one.
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

// deleteBindings deletes the objects whose target groups go: after them, because a target group that is gone needs no
// deregistration.
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

// mayServe reports whether a listener may forward to a target group that is in no list: lists may be behind. A load
// balancer that is in no list may have listeners.
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

// routing are the steps after which requests go where the stack wants.
func (d *differ) routing() (ids []plan.StepID) {
	for _, s := range d.steps {
		switch s.Op.(type) {
		case awsop.CreateListener, awsop.ModifyListener, awsop.CreateRule, awsop.ModifyRule:
			ids = append(ids, s.ID)
		}
	}
	return ids
}
