package front

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TargetGroupReferences says which kinds are read to decide about references to target groups of other namespaces.
type TargetGroupReferences struct {
	Grants     bool // ReferenceGrants are served
	Namespaces bool // the namespaces of the cluster may be listed

	// last are the last valid versions of the members, and elsewhere finds those at other stacks: Recalling sets them.
	last      quarantine.Versions
	elsewhere Elsewhere
}

// kindTargetGroup is the kind of a target group in ReferenceGrants, of the group of TargetGroupBindings.
const kindTargetGroup = "TargetGroup"

// load sets the References of a load balancer of which a member names a target group, now or in the last valid version,
// which may serve instead.
func (r TargetGroupReferences) load(v *objects.View, lb *intent.LoadBalancer, members []metav1.Object) {
	came := r.cameFrom(lb.Key, members)
	from := map[objects.From]bool{}
	for i := range lb.Members {
		if m := &lb.Members[i]; r.names(m, came[m.Object]) {
			from[fromOf(m)] = true
		}
	}
	if len(from) == 0 {
		return
	}
	lb.References = r.read(v, from)
}

// read returns the objects that decide about references of objects of these kinds and namespaces.
func (r TargetGroupReferences) read(v *objects.View, from map[objects.From]bool) *intent.References {
	out := &intent.References{Services: map[string][]string{}}
	if r.Namespaces {
		out.Namespaces = v.NamespaceNames()
	}
	if !r.Grants {
		return out
	}
	for _, g := range objects.Grants(v, slices.Collect(maps.Keys(from))...) {
		for _, grant := range grantsOf(g) {
			if !from[objects.From{Kind: objects.Kind(grant.FromKind), Namespace: grant.FromNamespace}] {
				continue
			}
			out.Grants = append(out.Grants, grant)
			if _, read := out.Services[g.Namespace]; !read && grant.Name != "" && !grant.TargetGroup {
				out.Services[g.Namespace] = namesOf(objects.List[*corev1.Service](v, objects.Service, g.Namespace))
			}
		}
	}
	return out
}

// fromOf is what a member is in a ReferenceGrant.
func fromOf(m *intent.Member) objects.From {
	return objects.From{Kind: objects.Kind(m.Object.Kind), Namespace: m.Object.Namespace}
}

// names reports whether a member, or its last valid version, names a target group. came are the stacks from which the
// member may have come.
func (r TargetGroupReferences) names(m *intent.Member, came []stack.Key) bool {
	if namesTargetGroup(m) {
		return true
	}
	if last, known := r.last[m.Object]; known {
		return namesTargetGroup(last)
	}
	if r.elsewhere == nil || m.Object.Kind != string(objects.Ingress) {
		return false
	}
	last, known := r.elsewhere(m.Object, came)
	return known && namesTargetGroup(&last)
}

// cameFrom are the other stacks of which members still carry the finalizer.
func (r TargetGroupReferences) cameFrom(key stack.Key, members []metav1.Object) map[diag.Object][]stack.Key {
	if r.elsewhere == nil || key.Owner != stack.Ingress {
		return nil
	}
	out := map[diag.Object][]stack.Key{}
	for _, o := range members {
		if at := otherStacks(key, o); len(at) > 0 {
			out[owner.Object(o)] = at
		}
	}
	return out
}

// grantsOf are the permissions of a ReferenceGrant to name Services or target groups.
func grantsOf(g *gatewayv1beta1.ReferenceGrant) (out []intent.Grant) {
	for _, from := range g.Spec.From {
		if string(from.Group) != objects.GroupOf(objects.Kind(from.Kind)) {
			continue
		}
		for _, to := range g.Spec.To {
			group := string(to.Group) == v1beta1.GroupVersion.Group && to.Kind == kindTargetGroup
			if !group && (to.Group != corev1.GroupName || string(to.Kind) != string(objects.Service)) {
				continue
			}
			out = append(out, intent.Grant{
				FromKind: string(from.Kind), FromNamespace: string(from.Namespace), Namespace: g.Namespace, TargetGroup: group,
				Name: string(ptr.Deref(to.Name, "")),
			})
		}
	}
	return out
}

func namesOf[T metav1.Object](all []T) []string {
	out := make([]string, 0, len(all))
	for _, o := range all {
		out = append(out, o.GetName())
	}
	return out
}

// namesTargetGroup reports whether an action of a member forwards to a target group by its ARN or name.
func namesTargetGroup(m *intent.Member) bool {
	literal := func(actions []intent.Action) bool {
		return slices.ContainsFunc(actions, func(a intent.Action) bool {
			return slices.ContainsFunc(a.Backends, func(b intent.Backend) bool {
				return b.TargetGroup == nil && (b.TargetGroupARN != "" || b.TargetGroupName != "")
			})
		})
	}
	return slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return literal(l.Default) }) ||
		slices.ContainsFunc(m.Routes, func(r intent.Route) bool { return literal(r.Actions) })
}

// lastLogins are the logins of the last valid versions of members. Checkpoints do not have their credentials, without
// which AWS accepts no rule.
type lastLogins []intent.LoginOf

// lastLoginsOf are those that the compiler remembers.
func lastLoginsOf(before *compile.Memory) (out lastLogins) {
	for _, good := range before.Good {
		out = append(out, good.Logins()...)
	}
	return out
}

// credentialsIn are the credentials in a Secret that a route names; ok is false if it has none.
func credentialsIn(_ diag.Object, s *corev1.Secret) (c intent.Credentials, ok bool) {
	id, clientSecret, missing := secretdata.Login(s)
	return intent.Credentials{ID: id, Secret: clientSecret}, missing == ""
}

// load reads the Secrets of the logins, as far as their members still are members: each of its namespace. credentials
// returns what is in a Secret; ok is false if it cannot be used.
func (l lastLogins) load(v *objects.View, lb *intent.LoadBalancer, credentials func(of diag.Object, s *corev1.Secret) (
	c intent.Credentials, ok bool)) {
	members := map[diag.Object]bool{}
	for i := range lb.Members {
		members[lb.Members[i].Object] = true
	}
	for _, one := range l {
		namespace, name, _ := strings.Cut(one.Secret, "/")
		if !members[one.Member] || namespace != one.Member.Namespace {
			continue
		}
		s, exists := objects.Lookup[*corev1.Secret](v, objects.Secret, namespace, name)
		if !exists {
			continue
		}
		if c, ok := credentials(one.Member, s); ok {
			if lb.Logins == nil {
				lb.Logins = map[intent.LoginOf]intent.Credentials{}
			}
			lb.Logins[one] = c
		}
	}
}
