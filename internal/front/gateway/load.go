package gateway

import (
	"fmt"
	"slices"
	"strconv"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// State says whether a Gateway wants a load balancer of a family.
type State int

// The states.
const (
	Nothing State = iota
	// Declared: the Gateway declares a load balancer.
	Declared
	// Leaving: the Gateway carries the finalizer and declares no load balancer of the family: it is being deleted, or its
	// class is another controller's or of the other family.
	Leaving
)

// Loaded is a Gateway with the objects that decide about its load balancer of one family.
type Loaded struct {
	State   State
	Gateway *gatewayv1.Gateway // nil = it does not exist
	Class   *gatewayv1.GatewayClass
	Family  attachment.Family
	// Reports is true if the pass of this family writes the statuses of the Gateway, its ListenerSets and routes. It is
	// true for at most one of the two families.
	Reports bool
	// Unknown says why the class or a configuration is not known. The load balancer then does not change.
	Unknown *attachment.Problem
	// waiting says why the declared load balancer is not created yet.
	waiting *attachment.Problem

	configuration configuration.Layers[configv1.LoadBalancerConfigurationSpec]
	// configurations are those of the Gateway and of its class, in this order; both may be nil. Annotations of the class's
	// have precedence.
	configurations []*configv1.LoadBalancerConfiguration
	defaults       configuration.Defaults
	listeners      *attachment.Listeners
	stray          []*gatewayv1.ListenerSet // see straySets
}

// Load loads the Gateway of a stack. A class or configuration that cannot be read is no cause to delete.
func Load(v *objects.View, cfg Config, key stack.Key) Loaded {
	g, ok := naming.Declarer[*gatewayv1.Gateway](v, objects.Gateway, key.ID)
	if !ok {
		return Loaded{}
	}
	l := Loaded{Gateway: g, Family: FamilyOf(key.Owner)}
	ours, other := Finalized(g, l.Family), otherThan(l.Family)
	if g.DeletionTimestamp != nil {
		if ours {
			l.State = Leaving
			l.readClass(v)
			l.configure(v) // only for the declared deletion protection
		}
		return l
	}
	l.readClass(v)
	// the last valid version stays; without our finalizer, the class may be another controller's
	if problem := l.withoutClass(cfg); problem != "" {
		if ours {
			l.State, l.Reports = Declared, l.Family == attachment.Application || !Finalized(g, other)
			l.Unknown = &attachment.Problem{Reason: string(gatewayv1.GatewayReasonInvalid), Message: problem}
			l.judge(v, cfg, l.Family)
		}
		return l
	}
	family, managed := cfg.family(l.Class.Spec.ControllerName)
	if !managed {
		if ours {
			l.State = Leaving
		}
		return l
	}
	l.judge(v, cfg, family)
	if stays := l.incumbent(family); stays != l.listeners.Family {
		l.judge(v, cfg, stays)
	}
	switch decided := l.listeners.Family; {
	case decided == l.Family:
	case decided == attachment.Auto && ours: // no listener decides: the existing load balancer stays
		l.State, l.Reports = Declared, l.Family == attachment.Application || !Finalized(g, other)
		l.configure(v)
		return l
	case decided == attachment.Auto:
		l.Reports = l.Family == attachment.Application && !Finalized(g, other)
		l.configure(v)
		return l
	case ours:
		l.State = Leaving
		return l
	default:
		return l
	}
	l.State, l.Reports = Declared, true
	l.configure(v)
	if !ours && Finalized(g, other) { // the security groups of both would have the same name
		l.State, l.waiting = Nothing, &attachment.Problem{Reason: string(gatewayv1.GatewayReasonPending),
			Message: fmt.Sprintf("The %s load balancer that the Gateway had (finalizer %s) is deleted first.", other,
				Finalizer(other))}
	}
	return l
}

// withoutClass is why the class of the Gateway is not known: it does not exist, or the name of its controller seems to
// be misspelt. Empty = it is known.
func (l *Loaded) withoutClass(cfg Config) string {
	if l.Class == nil {
		return fmt.Sprintf("GatewayClass %s does not exist", l.Gateway.Spec.GatewayClassName)
	}
	if meant := cfg.Meant(l.Class); meant != "" {
		return fmt.Sprintf("GatewayClass %s names controller %q, and %q may be meant", l.Class.Name,
			l.Class.Spec.ControllerName, meant)
	}
	return ""
}

// otherThan returns the other family of load balancers.
func otherThan(f attachment.Family) attachment.Family {
	if f == attachment.Network {
		return attachment.Application
	}
	return attachment.Network
}

// incumbent returns the family that a Gateway keeps or gets. If listeners decide the family, the Gateway keeps the
// family of its load balancer as long as it has a listener of this family: an edit of one listener must not replace
// the load balancer of the others. ListenerSets may belong to others; they count only if no listener of the Gateway
// itself decides.
func (l *Loaded) incumbent(family attachment.Family) attachment.Family {
	has := l.Gateway.Finalizers
	if family != attachment.Auto || slices.Contains(has, finalizerALB) == slices.Contains(has, finalizerNLB) {
		return l.listeners.Family
	}
	stays := attachment.Application
	if slices.Contains(has, finalizerNLB) {
		stays = attachment.Network
	}
	decided := false
	for i := range l.listeners.All { // the Gateway's first
		one := &l.listeners.All[i]
		if decided && i >= len(l.Gateway.Spec.Listeners) {
			break
		}
		f := attachment.FamilyOf(one.Protocol)
		if f == stays {
			return stays
		}
		decided = decided || f != attachment.Auto
	}
	return l.listeners.Family
}

// Finalized reports whether a Gateway carries the finalizer of a family, and so may have a load balancer of it.
func Finalized(g *gatewayv1.Gateway, f attachment.Family) bool {
	return slices.Contains(g.Finalizers, Finalizer(f))
}

// Finalizer returns the finalizer of Gateways with a load balancer of a family.
func Finalizer(f attachment.Family) string {
	if f == attachment.Network {
		return finalizerNLB
	}
	return finalizerALB
}

func (l *Loaded) readClass(v *objects.View) {
	if c, ok := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "",
		string(l.Gateway.Spec.GatewayClassName)); ok {
		l.Class = c
	}
}

// judge decides about the listeners of the Gateway and of its ListenerSets.
func (l *Loaded) judge(v *objects.View, cfg Config, family attachment.Family) {
	var sets []*gatewayv1.ListenerSet
	if cfg.ListenerSets {
		l.stray = l.straySets(v, cfg.Last)
		sets = slices.Concat(objects.Naming[*gatewayv1.ListenerSet](v, objects.ListenerSet, l.ref()), l.stray)
	}
	l.listeners = attachment.Judge(l.Gateway, sets, family, v.NamespaceLabels, cfg.Last.of)
}

// straySets are the ListenerSets of the Gateway whose parentRef was edited so that it names no Gateway that exists: the
// valid versions of their listeners stay. Each is a copy that names the Gateway, and has these listeners.
func (l *Loaded) straySets(v *objects.View, last Versions) (out []*gatewayv1.ListenerSet) {
	for o := range last {
		if o.Kind != kindListenerSet {
			continue
		}
		s, ok := objects.Lookup[*gatewayv1.ListenerSet](v, objects.ListenerSet, o.Namespace, o.Name)
		if !ok || string(s.UID) != o.UID || s.DeletionTimestamp != nil ||
			ptr.Deref(s.Spec.ParentRef.Group, gatewayv1.GroupName) != gatewayv1.GroupName {
			continue
		}
		if at := gatewayOf(s); ptr.Deref(s.Spec.ParentRef.Kind, kindGateway) == kindGateway {
			if _, exists := objects.Lookup[*gatewayv1.Gateway](v, at.Kind, at.Namespace, at.Name); exists ||
				v.Why(at.Kind, at.Namespace, at.Name) != nil {
				continue
			}
		}
		stays := s.DeepCopy()
		stays.Spec.ParentRef = gatewayv1.ParentGatewayReference{Name: gatewayv1.ObjectName(l.Gateway.Name),
			Namespace: ptr.To(gatewayv1.Namespace(l.Gateway.Namespace))}
		stays.Spec.Listeners = nil
		for _, e := range s.Spec.Listeners {
			p := attachment.Parent{Kind: kindListenerSet, Namespace: s.Namespace, Name: s.Name}
			if version, ok := last.of(p, e.Name); ok {
				stays.Spec.Listeners = append(stays.Spec.Listeners, gatewayv1.ListenerEntry(version))
			}
		}
		out = append(out, stays)
	}
	return out
}

// ref returns the reference by which other objects name the Gateway.
func (l *Loaded) ref() objects.Ref {
	return objects.Ref{Kind: objects.Gateway, Namespace: l.Gateway.Namespace, Name: l.Gateway.Name}
}

// configure finds the configurations of class and Gateway, and the default TargetGroupConfigurations that these name.
// It puts the first problem into Unknown, and still reads the others.
func (l *Loaded) configure(v *objects.View) {
	var class, own *configv1.LoadBalancerConfiguration
	fail := func(p *attachment.Problem) {
		if l.Unknown == nil {
			l.Unknown = p
		}
	}
	if l.Class != nil {
		var p *attachment.Problem
		if class, p = ClassConfiguration(v, l.Class); p != nil {
			fail(&attachment.Problem{Reason: string(gatewayv1.GatewayReasonInvalidParameters), Message: "GatewayClass " +
				l.Class.Name + ": " + p.Message})
		}
	}
	if i := l.Gateway.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		var p *attachment.Problem
		if own, p = loadConfiguration(v, *i.ParametersRef, l.Gateway.Namespace, "spec.infrastructure.parametersRef"); p !=
			nil {
			fail(p)
		}
	}
	l.configuration = configuration.LoadBalancer(class, own)
	l.configurations = []*configv1.LoadBalancerConfiguration{own, class}
	l.defaults.PreferGateway = class != nil && class.Spec.MergingMode != nil && *class.Spec.MergingMode ==
		configv1.PreferGateway
	for _, of := range []struct {
		lbc *configv1.LoadBalancerConfiguration
		to  **configv1.TargetGroupConfiguration
	}{{class, &l.defaults.Class}, {own, &l.defaults.Gateway}} {
		if of.lbc == nil {
			continue
		}
		c, p := DefaultTargetGroups(v, of.lbc)
		if *of.to = c; p != nil {
			fail(p)
		}
	}
}

// ClassConfiguration returns the LoadBalancerConfiguration of a class; nil if the class names none. If it cannot be
// used, ClassConfiguration returns the problem.
func ClassConfiguration(v *objects.View, c *gatewayv1.GatewayClass) (*configv1.LoadBalancerConfiguration,
	*attachment.Problem) {
	ref := c.Spec.ParametersRef
	if ref == nil {
		return nil, nil
	}
	const path = "spec.parametersRef"
	if ref.Namespace == nil || *ref.Namespace == "" {
		return nil, invalidParameters("%s has no namespace: give that of the LoadBalancerConfiguration", path)
	}
	return loadConfiguration(v, gatewayv1.LocalParametersReference{Group: ref.Group, Kind: ref.Kind, Name: ref.Name},
		string(*ref.Namespace), path)
}

func invalidParameters(format string, args ...any) *attachment.Problem {
	return &attachment.Problem{Reason: string(gatewayv1.GatewayReasonInvalidParameters),
		Message: fmt.Sprintf(format, args...)}
}

// loadConfiguration loads the LoadBalancerConfiguration that a reference at a path of an object names.
func loadConfiguration(v *objects.View, ref gatewayv1.LocalParametersReference, namespace, path string) (
	*configv1.LoadBalancerConfiguration, *attachment.Problem) {
	group, kind, name := ref.Group, ref.Kind, ref.Name
	if want := configv1.GroupVersion.Group; string(group) != want ||
		string(kind) != string(objects.LoadBalancerConfiguration) {
		return nil, invalidParameters("%s names a %s of group %q: name a %s of group %s", path, kind, group,
			objects.LoadBalancerConfiguration, want)
	}
	if c, ok := objects.Lookup[*configv1.LoadBalancerConfiguration](v, objects.LoadBalancerConfiguration,
		namespace, name); ok {
		return c, nil
	}
	if err := v.Why(objects.LoadBalancerConfiguration, namespace, name); err != nil {
		return nil, invalidParameters("%s names LoadBalancerConfiguration %s/%s, which cannot be read: %v", path,
			namespace, name, err)
	}
	return nil, invalidParameters("%s names LoadBalancerConfiguration %s/%s, which does not exist", path, namespace, name)
}

// DefaultTargetGroups returns the TargetGroupConfiguration that a LoadBalancerConfiguration names; nil if it names
// none. If it cannot be used, DefaultTargetGroups returns the problem.
func DefaultTargetGroups(v *objects.View, c *configv1.LoadBalancerConfiguration) (*configv1.TargetGroupConfiguration,
	*attachment.Problem) {
	if c.Spec.DefaultTargetGroupConfiguration == nil {
		return nil, nil
	}
	name := c.Spec.DefaultTargetGroupConfiguration.Name
	from := fmt.Sprintf("LoadBalancerConfiguration %s/%s: spec.defaultTargetGroupConfiguration names "+
		"TargetGroupConfiguration %s", c.Namespace, c.Name, name)
	t, ok := objects.Lookup[*configv1.TargetGroupConfiguration](v, objects.TargetGroupConfiguration, c.Namespace, name)
	switch {
	case !ok:
		if err := v.Why(objects.TargetGroupConfiguration, c.Namespace, name); err != nil {
			return nil, invalidParameters("%s, which cannot be read: %v", from, err)
		}
		return nil, invalidParameters("%s, which does not exist in namespace %s", from, c.Namespace)
	case t.Spec.TargetReference != nil:
		return nil, invalidParameters("%s, which sets targetReference: remove the field, because a default applies to all "+
			"Services", from)
	}
	return t, nil
}

// DeletionProtection returns the deletion protection that the configurations declare. It is not set if they declare
// none, or cannot be read.
func (l *Loaded) DeletionProtection() intent.Field[bool] {
	f := l.attributes()[deletionProtection]
	on, err := strconv.ParseBool(f.Value)
	if !f.Set || err != nil {
		return intent.Field[bool]{}
	}
	return intent.Of(on, f.Source)
}

// ClassOwnership returns the ownership that the configurations declare. It is not set if they declare none, or cannot
// be read.
func (l *Loaded) ClassOwnership() (out intent.Field[string]) {
	for _, c := range l.configurations {
		if c == nil {
			continue
		}
		if f := annotation.NewReader(&annotation.Findings{}, diag.Object{Kind: "LoadBalancerConfiguration",
			Namespace: c.Namespace, Name: c.Name}, c.Annotations).ClassOwnership(); f.Set {
			out = f
		}
	}
	return out
}

// ClassObserves reports whether the configuration of the class says that load balancers are only observed. The
// configuration of the Gateway itself does not count.
func (l *Loaded) ClassObserves() bool {
	if len(l.configurations) < 2 || l.configurations[1] == nil {
		return false
	}
	return l.configurations[1].Annotations[string(annotation.ClassOwnership)] == annotation.ObservedIt
}

// ClassApprovals returns the digests of takeovers that the configuration of the class approves. The configuration of
// the Gateway itself does not count: it belongs to those who ask for the approval.
func (l *Loaded) ClassApprovals() []string {
	if len(l.configurations) < 2 || l.configurations[1] == nil {
		return nil
	}
	return annotation.Approvals(l.configurations[1].Annotations)
}

// IsFinalizer reports whether a finalizer is that of either family.
func IsFinalizer(name string) bool { return name == finalizerALB || name == finalizerNLB }
