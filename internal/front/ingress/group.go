package ingress

import (
	"fmt"
	"slices"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// member is an Ingress of a loaded group.
type member struct {
	ingress *networkingv1.Ingress
	class   Class
	order   int32
	// unordered is set if the order is a default because the annotation is invalid.
	unordered bool
	former    bool
	found     diag.List
	// authority over the settings that members share, by the group's class parameters.
	authority intent.Authority
}

// GroupOf returns the current group of an Ingress. ok is false if there is none: the Ingress is not managed, or its
// class or group name is invalid, with a diagnostic. An explicit group comes from the class parameters, otherwise
// from annotation group.name. Every other Ingress is its own group.
func GroupOf(v *objects.View, cfg Config, ing *networkingv1.Ingress) (id stack.ID, ok bool, d *diag.Diagnostic) {
	class, d := Classify(v, cfg, ing)
	if d != nil || !class.Managed {
		return stack.ID{}, false, d
	}
	if id, d = groupOf(class, ing); d == nil {
		d = NotAdmitted(v, ing, id)
	}
	return id, d == nil, d
}

func groupOf(class Class, ing *networkingv1.Ingress) (stack.ID, *diag.Diagnostic) {
	name, ok := ing.Annotations[string(annotation.GroupName)]
	o, path := Object(ing), annotation.GroupName.Path()
	if class.Params != nil && class.Params.Spec.Group != nil {
		name, ok = class.Params.Spec.Group.Name, true
		path = "spec.group.name of IngressClassParams " + class.Params.Name
	}
	if !ok {
		return naming.StackID(ing.Namespace, ing.Name), misspeltGroup(ing)
	}
	if text := naming.GroupNameProblem(name); text != "" {
		d := diag.New(o, path, diag.InvalidGroup, fmt.Sprintf("%q is not a valid group name", name), text)
		return stack.ID{}, &d
	}
	return stack.ID{Name: name}, nil
}

// misspeltGroup is the diagnostic of an Ingress that is part of a group and has a misspelt key instead of group.name.
// It stays in its group.
func misspeltGroup(ing *networkingv1.Ingress) *diag.Diagnostic {
	if !slices.ContainsFunc(naming.StacksOfFinalizers(stack.Ingress, ing), func(id stack.ID) bool {
		return id.Namespace == ""
	}) {
		return nil
	}
	if k, ok := annotation.MisspeltFor(annotation.GroupName, ing.Annotations); ok {
		d := diag.New(Object(ing), k.Path(), diag.InvalidGroup,
			fmt.Sprintf("annotation %s is unknown, and %s is missing; the Ingress stays in its group with its former "+
				"rules and settings", k, annotation.GroupName),
			"correct the key, or remove it to leave the group")
		return &d
	}
	return nil
}

// Load finds the members of a group, for any of its load balancers. The View records the reads of members and of the
// objects that decide their membership. It does not record reads of other Ingresses, because every group would then
// depend on every Ingress. If a change makes an Ingress a member, the reads of GroupOf for that Ingress cover it.
func Load(v *objects.View, cfg Config, id stack.ID) Group {
	g := Group{ID: id}
	group, _ := naming.ShardOf(id)
	for _, ing := range candidates(v, id, group) {
		g.join(v, cfg, ing)
	}
	g.sort()
	return g
}

// join adds an Ingress to the group if it is a member, or was one.
func (g *Group) join(v *objects.View, cfg Config, ing *networkingv1.Ingress) {
	id := g.ID
	group, _ := naming.ShardOf(id)
	fork := v.Fork()
	if one, ok := fork.Ingress(ing.Namespace, ing.Name); ok {
		ing = one // of a list, any object keeps all others in memory
	}
	carries := hasFinalizer(ing, id)
	// Whoever may write Ingresses may write a finalizer, but not a status.
	deployed := carries && (id.Namespace != "" || len(ing.Status.LoadBalancer.Ingress) > 0)
	class, d := Classify(fork, cfg, ing)
	current := stack.ID{}
	if d == nil && class.Managed {
		if current, d = groupOf(class, ing); d == nil && current == group {
			d = NotAdmitted(fork, ing, group)
		}
	}
	m := member{ingress: ing, class: class}
	if underDryRun(cfg, ing) && (d != nil || class.Managed) {
		ours := d == nil && current == group
		if ours {
			v.Adopt(fork)
			g.DryRun = append(g.DryRun, ing)
		}
		if !deployed {
			return
		}
		m.former = true // what is deployed of it stays
		if !ours {
			m.found = append(m.found, diag.New(Object(ing), annotation.DryRun.Path(), diag.DryRun,
				fmt.Sprintf("dry run: the deployed version of this Ingress in group %s does not change", id),
				"remove the annotation to deploy the current version of the Ingress"))
		}
	}
	switch {
	case m.former:
		if d != nil {
			m.found = append(m.found, *d)
		}
	case d == nil && class.Managed && current == group:
	case d != nil && deployed && ing.DeletionTimestamp == nil:
		m.former = true
		m.found = append(m.found, *d)
	case carries:
		v.Adopt(fork)
		g.Inactive = append(g.Inactive, ing)
		return
	default:
		return
	}
	m.authority = authorityOf(fork, ing, group)
	v.Adopt(fork)
	m.setOrder()
	g.members = append(g.members, m)
}

// sort puts the members in their order, and separates current ones from former ones.
func (g *Group) sort() {
	rank := func(order int32, i *networkingv1.Ingress) intent.Rank {
		return intent.Rank{Order: order, Namespace: i.Namespace, Name: i.Name}
	}
	byName := func(a, b *networkingv1.Ingress) int { return rank(0, a).Compare(rank(0, b)) }
	slices.SortFunc(g.members, func(a, b member) int { return rank(a.order, a.ingress).Compare(rank(b.order, b.ingress)) })
	slices.SortFunc(g.Inactive, byName)
	slices.SortFunc(g.DryRun, byName)
	for _, m := range g.members {
		g.Diagnostics = append(g.Diagnostics, m.found...)
		if m.former {
			g.Former = append(g.Former, m.ingress)
		} else {
			g.Active = append(g.Active, m.ingress)
		}
	}
}

// hasFinalizer reports whether an Ingress has the finalizer of a group.
func hasFinalizer(ing *networkingv1.Ingress, id stack.ID) bool {
	return slices.Contains(naming.StacksOfFinalizers(stack.Ingress, ing), id)
}

// candidates are the Ingresses that may be in a group: one at most for an implicit group. Those of an explicit one are
// found by what they name, as there may be thousands of others: the group, or a class that puts all its Ingresses into
// it.
func candidates(v *objects.View, id, group stack.ID) []*networkingv1.Ingress {
	if id.Namespace != "" {
		if ing, ok := naming.Declarer[*networkingv1.Ingress](v, objects.Ingress, id); ok {
			return []*networkingv1.Ingress{ing}
		}
		return nil
	}
	fork := v.Fork()
	named := []objects.Ref{{Kind: objects.Group, Name: group.Name}, {Kind: objects.Finalizer,
		Name: naming.Finalizer(stack.Key{Owner: stack.Ingress, ID: id})}}
	classes := classesOf(fork, group)
	if len(classes) > 0 { // without a class, that of the cluster's default
		named = append(named, objects.Ref{Kind: objects.IngressClass})
	}
	for class := range classes {
		named = append(named, objects.Ref{Kind: objects.IngressClass, Name: class})
	}
	return objects.Naming[*networkingv1.Ingress](fork, objects.Ingress, named...)
}

// classesOf are the classes whose parameters put all their Ingresses into a group.
func classesOf(v *objects.View, group stack.ID) map[string]bool {
	out := map[string]bool{}
	for _, p := range governing(v, group) {
		for _, c := range objects.Naming[*networkingv1.IngressClass](v, objects.IngressClass, objects.Ref{
			Kind: objects.IngressClassParams, Name: p.Name}) {
			if params, _ := paramsOf(v, c); params != nil {
				out[c.Name] = true
			}
		}
	}
	return out
}

// setOrder sets the order of a member.
func (m *member) setOrder() {
	var d *diag.Diagnostic
	if m.order, d = orderOf(m.ingress); d != nil {
		m.found = append(m.found, *d)
	}
	m.unordered = d != nil
}

// orderOf is annotation group.order, -1000 to 1000, 0 by default and if it is invalid.
func orderOf(ing *networkingv1.Ingress) (int32, *diag.Diagnostic) {
	raw, ok := ing.Annotations[string(annotation.GroupOrder)]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(raw, 10, 32)
	var text string
	switch {
	case err != nil:
		text = fmt.Sprintf("group.order of Ingress %s/%s: %q is not a whole number "+
			"from -1000 to 1000", ing.Namespace, ing.Name, raw)
	case n < -1000 || n > 1000:
		text = fmt.Sprintf("group.order of Ingress %s/%s: %d is not a whole number from -1000 to 1000",
			ing.Namespace, ing.Name, n)
	default:
		return int32(n), nil
	}
	d := diag.New(Object(ing), annotation.GroupOrder.Path(), diag.InvalidGroup, text,
		"write a whole number from -1000 to 1000").In(diag.Route)
	return 0, &d
}

// underDryRun reports whether annotation dry-run prevents the deployment of an Ingress. It does not prevent its
// deletion.
func underDryRun(cfg Config, ing *networkingv1.Ingress) bool {
	if cfg.IncludeDryRun || ing.DeletionTimestamp != nil {
		return false
	}
	return DryRun(ing)
}

// DryRun reports whether annotation dry-run is true. A value that is not a boolean counts as true, because it declares
// the intention.
func DryRun(ing *networkingv1.Ingress) bool {
	raw, ok := ing.Annotations[string(annotation.DryRun)]
	if !ok {
		return false
	}
	on, err := strconv.ParseBool(raw)
	return on || err != nil
}
