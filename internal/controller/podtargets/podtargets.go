// Package podtargets finds the target groups of a pod, now or soon: those of TargetGroupBindings, and those that
// Ingresses, Services and Gateways declare before their bindings exist. It reads objects only through an
// objects.View.
package podtargets

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Finder finds the target groups of pods.
type Finder struct {
	Loaders           map[stack.Owner]front.Loader
	Cluster           string
	DefaultTargetType string
	// Loaded keeps loaded stacks for a moment; nil = each search loads them.
	Loaded *Loaded
}

// Loaded keeps stacks that were loaded lately. The pods of a rollout come at once, and each of them would load all
// members of their group or Gateway, of which another tenant may have thousands. It is safe for concurrent use.
type Loaded struct {
	mu sync.Mutex
	by map[loadedFor]*loaded
}

// NewLoaded makes a Loaded that keeps nothing yet.
func NewLoaded() *Loaded { return &Loaded{by: map[loadedFor]*loaded{}} }

// loadedFor is a stack, with the versions of the objects that declare it for the pods: an edit of them counts at once.
type loadedFor struct {
	key      stack.Key
	versions string
}

type loaded struct {
	once  sync.Once
	input front.Input
}

// keepLoaded is how long a loaded stack counts.
const keepLoaded = time.Second

// of returns a stack, and loads it unless that was done lately.
func (l *Loaded) of(key loadedFor, load func() front.Input) front.Input {
	if l == nil {
		return load()
	}
	l.mu.Lock()
	x := l.by[key]
	if x == nil {
		x = &loaded{}
		l.by[key] = x
		time.AfterFunc(keepLoaded, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.by, key)
		})
	}
	l.mu.Unlock()
	x.once.Do(func() { x.input = load() })
	return x.input
}

// FromFlags returns the finder as flags configure it.
func FromFlags(c *config.Config) Finder {
	return Finder{Loaders: settings.Loaders(c, false), Cluster: c.ClusterName, DefaultTargetType: c.DefaultTargetType}
}

// Found is a target group of a pod.
type Found struct {
	drain.Target
	// Awaited reports that the binding does not exist yet, and Serving that the load balancer already has an address, so
	// that nothing but the target group is to come.
	Awaited, Serving bool
}

// Targets returns the drain targets of what was found.
func Targets(found []Found) []drain.Target {
	out := make([]drain.Target, len(found))
	for i := range found {
		out[i] = found[i].Target
	}
	return out
}

// Of finds the target groups of a pod, sorted by the names of their bindings.
func (f Finder) Of(v *objects.View, pod *corev1.Pod) []Found {
	services := map[string]bool{}
	for _, svc := range v.ServicesOfPod(pod) {
		services[svc.Name] = true
	}
	if len(services) == 0 {
		return nil
	}
	return f.ofServices(v, pod.Namespace, services)
}

// ofServices finds the target groups of Services of a namespace, sorted by the names of their bindings.
func (f Finder) ofServices(v *objects.View, namespace string, services map[string]bool) []Found {
	found := map[string]Found{}
	keys := map[stack.Key]bool{}
	made := map[stack.Key][]*v1beta1.TargetGroupBinding{}
	for _, b := range objects.Naming[*v1beta1.TargetGroupBinding](v, objects.TargetGroupBinding,
		backends(namespace, services)...) {
		if b.DeletionTimestamp != nil || b.Spec.TargetType == nil {
			continue
		}
		found[b.Name] = Found{Target: bound(b)}
		if key, ok := bindingobject.StackOfBinding(v, b.Labels); ok {
			keys[key] = true
			made[key] = append(made[key], b)
		}
	}
	var versions []string
	for _, o := range f.declaring(v, namespace, services) {
		versions = append(versions, string(o.GetUID())+" "+o.GetResourceVersion())
		for _, l := range f.Loaders {
			if !owner.Of(l.Owner()).Is(o) {
				continue
			}
			if id, ok, d := l.Declared(v, o); ok && d == nil {
				keys[stack.Key{Owner: l.Owner(), ID: id}] = true
			}
		}
	}
	joined := strings.Join(slices.Sorted(slices.Values(versions)), ",")
	for key := range keys {
		if l := f.Loaders[key.Owner]; l != nil {
			w := f.Loaded.of(loadedFor{key, joined}, func() front.Input { return l.Load(v, key.ID) })
			f.declared(w, namespace, services, made[key], found)
		}
	}
	var out []Found
	for _, x := range found {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Found) int { return cmp.Compare(a.Binding, b.Binding) })
	return out
}

// backends are Services of a namespace as Ingresses and bindings name them.
func backends(namespace string, services map[string]bool) []objects.Ref {
	out := make([]objects.Ref, 0, len(services))
	for name := range services {
		out = append(out, objects.BackendRef(namespace, name))
	}
	return out
}

// bound is what a binding says of its target group.
func bound(b *v1beta1.TargetGroupBinding) drain.Target {
	t := drain.Target{Binding: b.Name, Type: stack.Application, Instance: *b.Spec.TargetType == v1beta1.TargetTypeInstance}
	if p := b.Spec.TargetGroupProtocol; p != nil && !strings.HasPrefix(string(*p), "HTTP") {
		t.Type = stack.Network
	}
	return t
}

// declaring are the objects that may declare a load balancer for Services.
func (f Finder) declaring(v *objects.View, namespace string, services map[string]bool) []metav1.Object {
	var out []metav1.Object
	for name := range services {
		if svc, ok := v.Service(namespace, name); ok {
			out = append(out, svc)
		}
	}
	for _, i := range objects.Naming[*networkingv1.Ingress](v, objects.Ingress, backends(namespace, services)...) {
		out = append(out, i)
	}
	if f.Loaders[stack.GatewayALB] == nil && f.Loaders[stack.GatewayNLB] == nil {
		return out
	}
	gateways := map[objects.Ref]bool{}
	for name := range services {
		for _, kind := range objects.RouteKinds {
			if !v.Serves(kind) {
				continue
			}
			for _, route := range objects.PermittedNaming[metav1.Object](v, kind, objects.Ref{Kind: objects.Service,
				Namespace: namespace, Name: name}) {
				f.parents(v, route, gateways)
			}
		}
	}
	for ref := range gateways {
		if g, ok := objects.Lookup[metav1.Object](v, objects.Gateway, ref.Namespace, ref.Name); ok {
			out = append(out, g)
		}
	}
	return out
}

// parents adds the Gateways that an object names, itself or by way of ListenerSets.
func (f Finder) parents(v *objects.View, o metav1.Object, to map[objects.Ref]bool) {
	for _, r := range objects.References(o) {
		if r.Kind == objects.Gateway {
			to[r] = true
		}
		if r.Kind != objects.ListenerSet || !v.Serves(objects.ListenerSet) {
			continue
		}
		if set, ok := objects.Lookup[metav1.Object](v, objects.ListenerSet, r.Namespace, r.Name); ok {
			f.parents(v, set, to)
		}
	}
}

// declared adds the target groups of a stack whose Services are given to what was found, or corrects what a binding
// that was made for the stack says of them.
func (f Finder) declared(w front.Input, namespace string, services map[string]bool, made []*v1beta1.TargetGroupBinding,
	found map[string]Found) {
	serving := len(w.Hostnames(w.LoadBalancer.Key.Owner)) > 0
	wanted := map[string]bool{}
	f.each(w, func(_ *intent.Member, d declared) { wanted[d.target.Binding] = true })
	// A binding of a name that is declared is that of its own target group, and each of the others keeps one at most.
	kept := slices.DeleteFunc(slices.Clone(made), func(b *v1beta1.TargetGroupBinding) bool { return wanted[b.Name] })
	f.each(w, func(m *intent.Member, d declared) {
		if d.ServiceNamespace != namespace || !services[d.ServiceName] {
			return
		}
		was, exists := found[d.target.Binding]
		if i := slices.IndexFunc(kept, d.keeps); !exists && i >= 0 {
			d.target.Binding, exists = kept[i].Name, true
			kept = slices.Delete(kept, i, i+1)
		}
		if !exists && (m.Former || m.Diagnostics.HasErrors() || w.Spread(w.LoadBalancer.Key)) {
			return // whether it is to come, and on which load balancer of its group, is not known
		}
		found[d.target.Binding] = Found{Target: d.target, Awaited: !exists || was.Awaited, Serving: serving}
	})
}

// declared is a target group that a stack declares, and its target under the name that its binding has if it is made
// now.
type declared struct {
	*intent.TargetGroup
	target drain.Target
}

// keeps reports whether a binding of the stack is that of the target group, whatever its name. AWS cannot rename a
// target group, and the names that the controller gives hold ports and health checks: after an edit of those, the
// target group and its binding stay as they are named.
func (d declared) keeps(b *v1beta1.TargetGroupBinding) bool {
	s := &b.Spec
	return b.Namespace == d.ServiceNamespace && s.ServiceRef.Name == d.ServiceName && s.ServiceRef.Port.String() ==
		d.ServicePort &&
		s.TargetType != nil && (*s.TargetType == v1beta1.TargetTypeInstance) == d.target.Instance &&
		(s.TargetGroupProtocol == nil || string(*s.TargetGroupProtocol) == d.Protocol)
}

// each calls a function with each target group of a load balancer that is wanted.
func (f Finder) each(w front.Input, do func(m *intent.Member, d declared)) {
	lb := &w.LoadBalancer
	if !w.Declared || lb.Names == nil {
		return
	}
	for i := range lb.Members {
		m := &lb.Members[i]
		for _, g := range groupsOf(m) {
			resolved := *g
			resolved.TargetType = cmp.Or(g.TargetType, f.DefaultTargetType, stack.TargetInstance)
			name := g.Name
			if name == "" {
				name = lb.Names.TargetGroup(f.Cluster, lb.Key.ID, &resolved)
			}
			do(m, declared{g, drain.Target{Binding: name, Type: lb.Type, Instance: resolved.TargetType == stack.TargetInstance,
				Delay: drain.DelayOf(g.Attributes)}})
		}
	}
}

// groupsOf are the target groups of a member of a load balancer, each once, in the order in which its listeners and
// routes name them.
func groupsOf(m *intent.Member) (out []*intent.TargetGroup) {
	seen := map[*intent.TargetGroup]bool{}
	add := func(actions []intent.Action) {
		for _, a := range actions {
			for _, b := range a.Backends {
				if b.TargetGroup != nil && !seen[b.TargetGroup] {
					seen[b.TargetGroup] = true
					out = append(out, b.TargetGroup)
				}
			}
		}
	}
	for i := range m.Listeners {
		add(m.Listeners[i].Default)
	}
	for i := range m.Routes {
		add(m.Routes[i].Actions)
	}
	return out
}
