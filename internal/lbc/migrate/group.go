package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Member is a translated object of a group.
type Member struct {
	intent.Member
	Source metav1.Object
	Origin string // value of OriginTag
}

// NewMember returns the member that an object declares.
func (t *Translation) NewMember(m intent.Member, source metav1.Object) *Member {
	return &Member{Member: m, Source: source,
		Origin: strings.ToLower(t.kind.Name) + "/" + source.GetNamespace() + "/" + source.GetName()}
}

// Group is the translation of one load balancer, and of all objects that declare it, into a Gateway.
type Group struct {
	*Translation
	ID            stack.ID
	Members       []*Member
	Namespace     string // of the Gateway
	Gateway       string
	configuration string
}

// NewGroup begins the translation of a group, which has members.
func (t *Translation) NewGroup(id stack.ID, members []*Member) *Group {
	g := &Group{Translation: t, ID: id, Members: members}
	namespace, name := members[0].Source.GetNamespace(), members[0].Source.GetName()
	g.Namespace, g.Gateway, g.configuration = namespace, Name(namespace, name, "gateway"),
		Name(namespace, name, "lb-config")
	from := t.kind.Name + " " + id.String()
	if g.Explicit() {
		g.Gateway, g.configuration = Name("", id.Name, "grp-gw"), Name("", id.Name, "grp-lb")
		from = "group " + id.Name
	}
	p := Pair{
		Before: stack.Key{Owner: t.kind.Before, ID: id},
		After:  stack.Key{Owner: t.kind.After, ID: stack.ID{Namespace: g.Namespace, Name: g.Gateway}},
		From:   from, To: "Gateway " + g.Namespace + "/" + g.Gateway,
	}
	for _, m := range members {
		p.Members = append(p.Members, m.Object.String())
	}
	t.result.Pairs = append(t.result.Pairs, p)
	return g
}

// Explicit reports whether objects name the group.
func (g *Group) Explicit() bool { return g.ID.Namespace == "" }

// Merged returns the value of a setting that members share: that of class parameters, else of the first member that has
// one. A disagreement is reported: the controller may have another member's value in effect.
func Merged[T any](g *Group, what string, get func(*intent.Settings) intent.Field[T]) (out intent.Field[T]) {
	for _, ofClass := range []bool{true, false} {
		for _, m := range g.Members {
			f := get(&m.Settings)
			if !f.Set || f.Source.OfClass() != ofClass {
				continue
			}
			if out.Set && fmt.Sprint(out.Value) != fmt.Sprint(f.Value) {
				g.Find(Warning, m.Object, f.Source.Place(),
					fmt.Sprintf("%s %s differs from %s of %s, which is used", what, intent.Shown(f.Value), intent.Shown(out.Value),
						out.Source.Object()),
					"check which value is in effect, and have the "+g.kind.Plural+" of the group agree")
			}
			if !out.Set {
				out = f
			}
		}
	}
	return out
}

// mergedKeys is Merged for each key of maps.
func (g *Group) mergedKeys(what string, get func(*intent.Settings) map[string]intent.Field[string]) map[string]string {
	out := map[string]string{}
	for _, m := range g.Members {
		for k := range get(&m.Settings) {
			if _, done := out[k]; !done {
				out[k] = Merged(g, what+" "+k, func(s *intent.Settings) intent.Field[string] { return get(s)[k] }).Value
			}
		}
	}
	return out
}

// Text returns the value of a shared setting, or nil.
func (g *Group) Text(what string, get func(*intent.Settings) intent.Field[string]) *string {
	return Pointer(Merged(g, what, get))
}

// Pointer returns the value of a field, or nil.
func Pointer[T any](f intent.Field[T]) *T {
	if !f.Set {
		return nil
	}
	return &f.Value
}

// AttributesOf are attributes as configurations have them, sorted by key.
func AttributesOf(m map[string]string) (out []configv1.Attribute) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, configv1.Attribute{Key: k, Value: m[k]})
	}
	return out
}

// WithOrigin is tags with the one that names the origin.
func WithOrigin(tags map[string]string, origin string) map[string]string {
	out := map[string]string{OriginTag: origin}
	maps.Copy(out, tags)
	return out
}

// Configuration returns the LoadBalancerConfiguration with the settings that all kinds of objects have.
func (g *Group) Configuration() *configv1.LoadBalancerConfiguration {
	c := &configv1.LoadBalancerConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: configv1.GroupVersion.String(), Kind: "LoadBalancerConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.configuration},
	}
	s := &c.Spec
	s.Scheme = (*configv1.Scheme)(g.Text("scheme", func(s *intent.Settings) intent.Field[string] { return s.Scheme }))
	s.IPAddressType = (*configv1.IPAddressType)(
		g.Text("IP address type", func(s *intent.Settings) intent.Field[string] { return s.IPAddressType }))
	s.SecurityGroups = Merged(g, "security groups", func(s *intent.Settings) intent.Field[[]string] {
		return s.SecurityGroups
	}).Value
	s.LoadBalancerAttributes = AttributesOf(
		g.mergedKeys("attribute", func(s *intent.Settings) map[string]intent.Field[string] { return s.Attributes }))
	s.Tags = g.mergedKeys("tag", func(s *intent.Settings) map[string]intent.Field[string] { return s.Tags })
	if s.Tags[OriginTag] = g.Members[0].Origin; g.Explicit() {
		s.Tags[OriginTag] = strings.ToLower(g.kind.Name) + "-group/" + g.ID.Name
	}
	if f := Merged(g, "capacity", func(s *intent.Settings) intent.Field[int32] { return s.AddOns.Capacity }); f.Set {
		s.MinimumLoadBalancerCapacity = &configv1.MinimumLoadBalancerCapacity{CapacityUnits: f.Value}
	}
	return c
}

// AddGateway adds the Gateway. Its listeners admit routes of all namespaces if members are in several.
func (g *Group) AddGateway(listeners []gatewayv1.Listener) {
	if slices.ContainsFunc(g.Members, func(m *Member) bool { return m.Source.GetNamespace() != g.Namespace }) {
		for i := range listeners {
			listeners[i].AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
				From: ptr.To(gatewayv1.NamespacesFromAll)}}
		}
		g.Find(Warning, g.Members[0].Object, g.kind.GroupName.Path(),
			"the "+g.kind.Plural+" of the group are in several namespaces, so the listeners of the Gateway admit routes of all "+
				"namespaces (allowedRoutes.namespaces.from: All)",
			"replace it by a selector of the namespaces of the group")
	}
	g.Add(&gatewayv1.Gateway{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "Gateway"},
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Gateway, Annotations: g.annotations()},
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: gatewayv1.ObjectName(g.kind.Class),
			Infrastructure: &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
				Group: gatewayv1.Group(configv1.GroupVersion.Group), Kind: "LoadBalancerConfiguration", Name: g.configuration,
			}},
			Listeners: listeners,
		},
	})
}

// annotations are those of the Gateway.
func (g *Group) annotations() map[string]string {
	out := map[string]string{}
	if g.dryRun {
		out[string(annotation.GatewayDryRun)] = "true"
	}
	for _, c := range g.kind.Carried {
		for _, m := range g.Members {
			if v, ok := m.Source.GetAnnotations()[string(c.From)]; ok {
				out[string(c.To)] = cmp.Or(out[string(c.To)], v)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// ParentRef returns the reference of a route, which is in a namespace, to a listener of the Gateway.
func (g *Group) ParentRef(namespace, section string) gatewayv1.ParentReference {
	ref := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(g.Gateway),
		SectionName: ptr.To(gatewayv1.SectionName(section))}
	if namespace != g.Namespace {
		ref.Namespace = ptr.To(gatewayv1.Namespace(g.Namespace))
	}
	return ref
}
