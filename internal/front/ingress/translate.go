package ingress

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Translate returns the desired load balancer of a loaded group: one intent.Member per active or former Ingress, in
// group order. All findings are among the members' diagnostics; an invalid setting does not stop the translation of the
// others. A route with an invalid backend keeps its conditions and has no actions.
func Translate(v *objects.View, cfg Config, g Group) intent.LoadBalancer {
	e := intent.LoadBalancer{Key: stack.Key{Owner: stack.Ingress, ID: g.ID}, Type: stack.Application, Names: Names{}}
	over := excess(g.members)
	for i, m := range g.members {
		e.Members = append(e.Members, translate(v, cfg, m, over[i]))
	}
	return e
}

// translation is the state of the translation of one member.
type translation struct {
	view     *objects.View
	config   Config
	ingress  *networkingv1.Ingress
	class    Class
	findings *annotation.Findings
	read     annotation.Reader
	secure   bool // there is an HTTPS listener; known after listenPorts
	plain    bool // all listeners are HTTP; false if listen-ports is invalid

	targetGroups map[string]*intent.TargetGroup // by identity; nil = invalid, which is reported
	conditions   map[string]*conditions         // by Service name
	actions      map[annotation.Key]*annotation.Action
	transforms   map[string]*[]stack.Transform // by Service name; nil = malformed, which is reported
	rewritten    map[string][]intent.Route     // with transforms, by Service name
	checked      map[string]bool               // Services whose annotations were checked, by name
	providers    map[annotation.Key]bool       // identity providers of which a path has asked
	login        bool                          // a path has a login
	unserved     []intent.Unserved
}

// translate returns a member. excess reports that its group has no room for its paths.
func translate(v *objects.View, cfg Config, m member, excess bool) intent.Member {
	ing := m.ingress
	f := &annotation.Findings{}
	t := &translation{
		view: v, config: cfg, ingress: ing, class: m.class, findings: f,
		read:         annotation.NewReader(f, Object(ing), ing.Annotations),
		targetGroups: map[string]*intent.TargetGroup{},
		conditions:   map[string]*conditions{},
		actions:      map[annotation.Key]*annotation.Action{},
		transforms:   map[string]*[]stack.Transform{},
		rewritten:    map[string][]intent.Route{},
		checked:      map[string]bool{},
	}
	f.Limit(ing.Annotations, min(pathsOf(ing), intent.MaxMemberRules))
	f.Add(m.found...)
	out := intent.Member{Object: Object(ing), Order: m.order, Authority: m.authority,
		Created: created(ing), Former: m.former, ClassOfGroup: namesGroup(m.class)}
	out.Settings = t.settings()
	out.Listeners, out.Certificates = t.listeners()
	out.OfClass = t.ofClasses()
	out.Class = m.class.Name
	annotation.Check(f, Object(ing), annotation.OnIngress, ing.Annotations)
	annotation.CheckLabels(f, Object(ing), ing.Labels)
	t.read.Bool(annotation.DryRun) // applied by Load; an invalid value is reported here
	t.read.CheckApproval(annotation.ApprovedPlan)
	t.read.CheckDeletionPolicy(annotation.DeletionPolicy)
	t.read.Bool(annotation.AllowDeletion) // applied when the load balancer is deleted; likewise
	if t.counted(&out, excess) {
		out.Routes = t.routes(intent.MaxMemberRules)
		t.noteUnused()
		t.noteRewrites()
		t.noteProvider()
	} else {
		out.Routes = t.routes(mostUnavailable)
	}
	out.Unserved = t.unserved
	t.notePathless()
	t.noteClass()
	t.noteOverruled()
	t.read.NoteUnneeded(t.fromOthers()...)
	annotation.CheckEmpty(f, Object(ing), annotation.OnIngress, ing.Annotations)
	f.NameKeys(Object(ing), annotation.OnIngress, ing.Annotations)
	out.Diagnostics, out.Named = f.List(), f.Named()
	out.Misspelt = append(annotation.Misspellings(Object(ing), annotation.OnIngress, ing.Annotations), f.Misspelt()...)
	out.Unordered = m.unordered || slices.ContainsFunc(out.Misspelt, func(w intent.Misspelling) bool {
		return w.Meant == string(annotation.GroupOrder)
	})
	return out
}

// created is when an Ingress was created; 0 = it does not exist yet.
func created(ing *networkingv1.Ingress) int64 {
	if ing.CreationTimestamp.IsZero() {
		return 0
	}
	return ing.CreationTimestamp.Unix()
}

// here is a source within the Ingress itself.
func (t *translation) here(path string) intent.Source {
	return intent.At(Object(t.ingress), path)
}

// params is a source within the class parameters.
func (t *translation) params(path string) intent.Source {
	return intent.At(diag.Object{Kind: paramsKind, Name: t.class.Params.Name, UID: string(t.class.Params.UID)}, path)
}

// Examine returns the class of an Ingress and the findings of a pass about it, whatever the other members of its group:
// about the class, the group's name and order, and the Ingress itself. There are none about an Ingress that is not
// managed.
func Examine(v *objects.View, cfg Config, ing *networkingv1.Ingress) (Class, diag.List) {
	class, d := Classify(v, cfg, ing)
	if d != nil {
		return class, diag.List{*d}
	}
	if !class.Managed {
		return class, nil
	}
	m := member{ingress: ing, class: class}
	id, d := groupOf(class, ing)
	if d == nil {
		d = NotAdmitted(v, ing, id)
	}
	if d != nil {
		m.found = append(m.found, *d)
	}
	m.setOrder()
	out := translate(v, cfg, m, false)
	for i := range out.Routes {
		r := &out.Routes[i]
		if problem := (quarantine.Accepted{}).Refused(r); problem != "" { // as the compiler finds it
			out.Diagnostics = append(out.Diagnostics, diag.New(Object(ing), r.Source.Path(), diag.InvalidRule, problem,
				"correct the value in the rule, or in the annotation of its backend (actions, conditions or transforms)").In(
				diag.Rule))
		}
	}
	for i := range out.Listeners {
		l := &out.Listeners[i]
		if problem := quarantine.RefusedDefault(&out, l, out.Settings.SSLRedirectPort.Set); problem != "" {
			d := diag.New(Object(ing), l.DefaultSource.Path(), diag.InvalidRule, problem, "correct the value, or remove it").
				In(diag.Rule)
			if !slices.Contains(out.Diagnostics, d) {
				out.Diagnostics = append(out.Diagnostics, d)
			}
		}
	}
	for _, u := range out.Unserved {
		if u.Text == "" { // the finding is there
			continue
		}
		out.Diagnostics = append(out.Diagnostics, diag.New(Object(ing), u.Path, u.Code, u.Text, u.Remedy).In(diag.Rule))
	}
	return class, out.Diagnostics
}
