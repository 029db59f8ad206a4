package accelerator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/smithy-go"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// granted is a world with the load balancer of Service victim/web, which accelerators of default may name, and with one
// of their own.
func granted(t *testing.T, endpoints ...agav1beta1.Endpoint) *world {
	t.Helper()
	w := newWorld(t, object([]int32{80}, endpoints...), grant("victim", "", "Service"),
		service("victim", "web", "k8s-secret", 80), service("default", "web", "k8s-web", 80), service("default", "none", ""))
	for name, of := range map[string]string{"k8s-secret": "victim/web", "k8s-web": "default/web",
		"k8s-next": "default/none"} {
		w.balancer(name, func(lb *simaccount.LoadBalancer) {
			lb.Tags = naming.Tracking(stack.Service, "my-cluster", of, stack.LoadBalancerIdentity)
		})
	}
	return w
}

// passes makes passes at the times for which they ask.
func (w *world) passes() {
	for range 8 {
		_, _ = w.pass()
		w.clock.Advance(time.Minute)
	}
}

// TestWithdrawnGrantTakesTheEndpointAway has a tenant try to keep an endpoint after its owner withdrew the
// ReferenceGrant.
func TestWithdrawnGrantTakesTheEndpointAway(t *testing.T) {
	t.Parallel()
	byName := endpoint(agav1beta1.EndpointService, "victim", "web")
	edit := func(change func(*agav1beta1.GlobalAccelerator)) func(*world) {
		return func(w *world) { w.edit(change) }
	}
	replace := func(e agav1beta1.Endpoint) func(*world) {
		return edit(func(ga *agav1beta1.GlobalAccelerator) {
			ga.Spec.Listeners[0].EndpointGroups[0].Endpoints = []agav1beta1.Endpoint{e}
		})
	}
	for name, c := range map[string]struct {
		endpoint agav1beta1.Endpoint
		trick    func(*world)
	}{
		"by ARN":                      {byARN("k8s-secret"), nil},
		"by name":                     {byName, nil},
		"by ARN, in the next process": {byARN("k8s-secret"), (*world).restart},
		"replaced by one that waits":  {byARN("k8s-secret"), replace(endpoint(agav1beta1.EndpointService, "", "none"))},
		"by name, invalid since":      {byName, edit(tooManyOverrides)},
		"by ARN, invalid since":       {byARN("k8s-secret"), edit(tooManyOverrides)},
		"beside one that waits for ever": {byARN("k8s-secret"), edit(func(ga *agav1beta1.GlobalAccelerator) {
			g := &ga.Spec.Listeners[0].EndpointGroups[0]
			g.Endpoints = append(g.Endpoints, endpoint(agav1beta1.EndpointService, "", "none"))
		})},
		"deleted, but protected": {byName, func(w *world) {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) {
				ga.Annotations = map[string]string{naming.AcceleratorDeletionProtection: "true"}
			})
			w.must(w.client.Delete(w.t.Context(), w.get()))
		}},
		"invalid since, in the next process": {byName, func(w *world) {
			w.edit(tooManyOverrides)
			w.restart()
		}},
		"deleted without its finalizer": {byName, (*world).orphan},
		"deleted without its finalizer, in the next process": {byARN("k8s-secret"), func(w *world) {
			w.orphan()
			w.restart()
		}},
		"deleted, with a finalizer of the tenant's": {byName, func(w *world) {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Finalizers = []string{"mal.example.com/mine"} })
			w.must(w.client.Delete(w.t.Context(), w.get()))
		}},
		"its status names another accelerator": {byARN("k8s-secret"), func(w *world) {
			w.showsAnother()
			w.restart()
		}},
		"beside an object that cannot be read": {byARN("k8s-secret"), func(w *world) {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) {
				g := &ga.Spec.Listeners[0].EndpointGroups[0]
				g.Endpoints = append(g.Endpoints, endpoint(agav1beta1.EndpointIngress, "", "none"))
			})
			whole := unreadObjects["failing"]
			w.r.Client = failing(w.client, &networkingv1.Ingress{}, whole[0])
			w.r.Live = failing(w.client, &networkingv1.Ingress{}, whole[1])
		}},
		"without its finalizer, which is refused": {byARN("k8s-secret"), func(w *world) {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Finalizers = nil })
			watching, _ := w.client.(client.WithWatch)
			w.r.Client = interceptor.NewClient(watching, interceptor.Funcs{
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no such right"))
				}})
		}},
		"by an own Service, which shows its own now": {endpoint(agav1beta1.EndpointService, "", "none"), func(w *world) {
			w.refuse = func(action string) error {
				if action == "AddEndpoints" {
					return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}
				}
				return nil
			}
			w.shows("none", "k8s-next")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := granted(t, c.endpoint, endpoint(agav1beta1.EndpointService, "", "web"))
			if strings.HasPrefix(name, "by an own Service") {
				w.shows("none", "k8s-secret")
			}
			w.settle()
			if got := w.accelerators(); !strings.Contains(got, "k8s-secret") || !strings.Contains(got, "k8s-web") {
				t.Fatalf("before: %s", got)
			}
			if c.trick != nil {
				c.trick(w)
				w.passes()
			}
			w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
			w.passes()
			got := w.accelerators()
			if strings.Contains(got, "k8s-secret") {
				t.Errorf("the endpoint stays: %s\n%s", got, w.told())
			}
			if !strings.HasPrefix(name, "replaced") && !strings.Contains(got, "k8s-web") {
				t.Errorf("the tenant's own endpoint has gone: %s", got)
			}
		})
	}
}

// orphan deletes the object so that nothing removes its accelerator.
func (w *world) orphan() {
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Finalizers = nil })
	w.must(client.IgnoreNotFound(w.client.Delete(w.t.Context(), object(nil))))
}

// showsAnother has the status of the object show an accelerator of somebody else.
func (w *world) showsAnother() {
	made, err := w.sim.Edge.CreateAccelerator(w.t.Context(), &globalaccelerator.CreateAcceleratorInput{
		Name: to("another"), IdempotencyToken: to("another")})
	w.must(err)
	ga := w.get()
	ga.Status.AcceleratorARN = made.Accelerator.AcceleratorArn
	w.must(w.client.Status().Update(w.t.Context(), ga))
}

// shows has the status of a Service of default show a load balancer.
func (w *world) shows(name, balancer string) {
	o := &corev1.Service{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, o))
	o.Status = service("default", name, balancer, 80).Status
	w.must(w.client.Status().Update(w.t.Context(), o))
}

func tooManyOverrides(ga *agav1beta1.GlobalAccelerator) {
	for i := range 11 {
		ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides = append(ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides,
			agav1beta1.PortOverride{ListenerPort: 80, EndpointPort: int32(8000 + i)})
	}
}

// TestEndpointThatWasNeverGrantedStays has an accelerator of an earlier version, which asked for no ReferenceGrant, and
// a process without its checkpoint.
func TestEndpointThatWasNeverGrantedStays(t *testing.T) {
	t.Parallel()
	w := granted(t, byARN("k8s-secret"))
	w.settle()
	w.kept = nil
	w.restart()
	w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
	w.passes()
	if got, calls := w.accelerators(), w.called(); !strings.Contains(got, "k8s-secret") ||
		strings.Contains(calls, "RemoveEndpoints") || strings.Contains(calls, "Update") {
		t.Errorf("calls %s: %s", calls, got)
	}
}

// TestEndpointOfOthersThatIsNotDeclaredGoes has a process without checkpoint start after an edit that took out the
// endpoint of another namespace, and added one that waits for ever. What may be the one that waits stays.
func TestEndpointOfOthersThatIsNotDeclaredGoes(t *testing.T) {
	t.Parallel()
	waiting := endpoint(agav1beta1.EndpointService, "", "none")
	for name, c := range map[string]struct {
		endpoints []agav1beta1.Endpoint
		unread    bool // whose the load balancer is
		secret    bool // its endpoint stays
	}{
		"not declared":              {endpoints: []agav1beta1.Endpoint{waiting}},
		"not declared, no grant":    {endpoints: []agav1beta1.Endpoint{waiting, endpoint("Service", "victim", "other")}},
		"not declared, tags denied": {endpoints: []agav1beta1.Endpoint{waiting}, unread: true, secret: true},
		"declared by ARN":           {endpoints: []agav1beta1.Endpoint{waiting, byARN("k8s-secret")}, secret: true},
		"declared by name":          {endpoints: []agav1beta1.Endpoint{waiting, endpoint("Service", "victim", "web")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := granted(t, byARN("k8s-secret"), endpoint(agav1beta1.EndpointService, "", "web"))
			w.settle()
			w.kept = nil
			w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
			w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Listeners[0].EndpointGroups[0].Endpoints = c.endpoints })
			w.restart()
			if c.unread {
				w.refuse = func(action string) error {
					if action == "DescribeTags" {
						return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}
					}
					return nil
				}
			}
			w.passes()
			if got := w.accelerators(); strings.Contains(got, "k8s-secret") != c.secret || !strings.Contains(got, "k8s-web") {
				t.Errorf("%s\n%s", got, w.told())
			}
		})
	}
}

// TestGrantAgainAddsTheEndpoint has the owner grant the reference once more.
func TestGrantAgainAddsTheEndpoint(t *testing.T) {
	t.Parallel()
	w := granted(t, byARN("k8s-secret"))
	w.settle()
	w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
	w.passes()
	w.must(w.client.Create(t.Context(), grant("victim", "", "Service")))
	w.settle()
	if got := w.accelerators(); !strings.Contains(got, "k8s-secret") {
		t.Errorf("accelerators: %s", got)
	}
}

// TestNamespaceThatLeavesAGroupLeavesItsLoadBalancer has the only member of the namespace leave the group. While only
// the status of the member lacks the load balancer, the endpoint stays.
func TestNamespaceThatLeavesAGroupLeavesItsLoadBalancer(t *testing.T) {
	t.Parallel()
	member := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mine", Finalizers: []string{
		"group.ingress.k8s.aws/front"}}}
	member.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: host("k8s-front")}}
	w := newWorld(t, object([]int32{80}, byARN("k8s-front")), member)
	w.balancer("k8s-front", func(lb *simaccount.LoadBalancer) {
		lb.Tags = naming.Tracking(stack.Ingress, "my-cluster", "front", stack.LoadBalancerIdentity)
	})
	w.settle()
	for _, step := range []struct {
		change func()
		has    bool
	}{
		{func() {}, true},
		{func() {
			member.Status.LoadBalancer.Ingress = nil
			w.must(w.client.Status().Update(t.Context(), member))
		}, true},
		{func() {
			member.Finalizers = nil
			w.must(w.client.Update(t.Context(), member))
		}, false},
	} {
		step.change()
		w.passes()
		if got := w.accelerators(); strings.Contains(got, "k8s-front") != step.has {
			t.Errorf("has the endpoint: want %t: %s\n%s", step.has, got, w.told())
		}
	}
}

// front is the group of Ingress default/mine, which has its finalizer.
var front = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}

// inGroup is a world with an accelerator for the internal load balancer of a group in which default decides.
func inGroup(t *testing.T) (w *world, member *networkingv1.Ingress) {
	t.Helper()
	member = &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mine", UID: "uid-mine",
		Finalizers: []string{naming.Finalizer(front)}}}
	member.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: host("k8s-front")}}
	w = newWorld(t, object([]int32{80}, byARN("k8s-front")), member)
	w.balancer("k8s-front", func(lb *simaccount.LoadBalancer) {
		lb.Scheme, lb.Tags = "internal", naming.Tracking(stack.Ingress, "my-cluster", "front", stack.LoadBalancerIdentity)
	})
	w.r.Deciding = func(group stack.Key) ([]string, bool) { return []string{"default"}, group == front }
	w.settle()
	if got := w.accelerators(); !strings.Contains(got, "k8s-front") {
		t.Fatalf("before: %s\n%s", got, w.told())
	}
	return w, member
}

// TestForgedFinalizerKeepsNoEndpoint has the only member of a namespace replaced by an Ingress with the finalizer of
// the group.
func TestForgedFinalizerKeepsNoEndpoint(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"": true, "before the first pass over the group": false} {
		w, member := inGroup(t)
		w.r.Member = func(group stack.Key, o diag.Object) (is, isKnown bool) {
			return group == front && o.UID == "uid-mine", known
		}
		w.passes()
		member.Status.LoadBalancer.Ingress = nil
		w.must(w.client.Status().Update(t.Context(), member))
		w.passes()
		if got := w.accelerators(); !strings.Contains(got, "k8s-front") {
			t.Errorf("%s: while a status lacks the load balancer: %s\n%s", name, got, w.told())
		}
		forged := member.DeepCopy()
		forged.UID, forged.ResourceVersion, forged.Name = "uid-forged", "", "forged"
		w.must(w.client.Create(t.Context(), forged))
		member.Finalizers = nil
		w.must(w.client.Update(t.Context(), member))
		w.must(w.client.Delete(t.Context(), member))
		w.passes()
		if got := w.accelerators(); strings.Contains(got, "k8s-front") == known {
			t.Errorf("%s: after the deletion: %s\n%s", name, got, w.told())
		}
	}
}

// TestNarrowedSettingsNamespacesEndTheEndpoint has an administrator say who decides in a group.
func TestNarrowedSettingsNamespacesEndTheEndpoint(t *testing.T) {
	t.Parallel()
	for deciding, has := range map[v1beta1.IngressGroupNamespace]bool{"platform": false, "default": true} {
		for _, restarts := range []bool{false, true} {
			w, _ := inGroup(t)
			if restarts {
				w.restart()
			}
			w.must(w.client.Create(t.Context(), &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "front"},
				Spec: v1beta1.IngressClassParamsSpec{Group: &v1beta1.IngressGroup{Name: "front",
					SettingsNamespaces: []v1beta1.IngressGroupNamespace{deciding}}}}))
			w.passes()
			if got := w.accelerators(); strings.Contains(got, "k8s-front") != has {
				t.Errorf("%s decides, restart %t: %s\n%s", deciding, restarts, got, w.told())
			}
		}
	}
}

// TestWithdrawnGrantEndsInAnyOrder has the tenant edit, break, correct, delete and create the object in any order,
// while the owner of the load balancer gives and withdraws the ReferenceGrant.
func TestWithdrawnGrantEndsInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(6, 200)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 36))
			own, none := endpoint(agav1beta1.EndpointService, "", "web"), endpoint(agav1beta1.EndpointService, "", "none")
			lists := map[string][]agav1beta1.Endpoint{
				"by name": {endpoint(agav1beta1.EndpointService, "victim", "web"), own}, "by ARN": {byARN("k8s-secret"), own},
				"own only": {own}, "by ARN, beside one that waits": {byARN("k8s-secret"), none, own}, "one that waits": {none},
			}
			all := slices.Sorted(maps.Keys(lists))
			w := granted(t, lists["by ARN"]...)
			given, list, valid := true, "by ARN", true
			var said []string
			for range 12 {
				acts := map[string]func(){
					"grant": func() {
						given = !given
						if g := grant("victim", "", "Service"); given {
							w.must(w.client.Create(t.Context(), g))
						} else {
							w.must(w.client.Delete(t.Context(), g))
						}
					},
					"edit": func() {
						list = all[r.IntN(len(all))]
						w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Listeners[0].EndpointGroups[0].Endpoints = lists[list] })
					},
					"break": func() { w.edit(tooManyOverrides); valid = false },
					"correct": func() {
						w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides = nil })
						valid = true
					},
					"restart": w.restart, "orphan": w.orphan,
					"protect and delete": func() {
						w.edit(func(ga *agav1beta1.GlobalAccelerator) {
							ga.Annotations = map[string]string{naming.AcceleratorDeletionProtection: "true"}
						})
						w.must(w.client.Delete(t.Context(), w.get()))
					},
					"let go": func() { w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Annotations = nil }) },
					"create": func() {
						w.must(w.client.Create(t.Context(), object([]int32{80}, lists[list]...)))
						valid = true
					},
				}
				var ga agav1beta1.GlobalAccelerator
				missing := w.client.Get(t.Context(), name, &ga) != nil
				names := slices.DeleteFunc(slices.Sorted(maps.Keys(acts)), func(act string) bool {
					return act != "grant" && act != "restart" && missing != (act == "create")
				})
				act := names[r.IntN(len(names))]
				said = append(said, act+" "+list)
				acts[act]()
				w.passes()
				got, gone := w.accelerators(), w.client.Get(t.Context(), name, &ga) != nil || ga.DeletionTimestamp != nil
				if !given && strings.Contains(got, "k8s-secret") {
					t.Fatalf("%q: without a grant: %s\n%s", said, got, w.told())
				}
				if given && !gone && valid && strings.HasPrefix(list, "by") && !strings.Contains(got, "k8s-secret") {
					t.Fatalf("%q: with a grant: %s\n%s", said, got, w.told())
				}
				if !gone && valid && list != "one that waits" && !strings.Contains(got, "k8s-web") {
					t.Fatalf("%q: without the own endpoint: %s\n%s", said, got, w.told())
				}
			}
		})
	}
}
