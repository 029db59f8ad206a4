package gateways

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// wokenStacks is a queue that notes the stacks that are added.
type wokenStacks struct {
	priorityqueue.PriorityQueue[stack.Key]
	keys []string
}

func (w *wokenStacks) AddAfter(key stack.Key, _ time.Duration) {
	w.keys = append(w.keys, key.String())
}

func (w *wokenStacks) AddWithOpts(_ priorityqueue.AddOpts, keys ...stack.Key) {
	for _, key := range keys {
		w.keys = append(w.keys, key.String())
	}
}

// taken returns the stacks that were added since the last call, sorted, each once.
func (w *wokenStacks) taken() []string {
	out := slices.Clone(w.keys)
	slices.Sort(out)
	w.keys = nil
	return slices.Compact(out)
}

// servedKinds is an API server's discovery of the kinds of the Gateway API.
func servedKinds(t *testing.T, absent *[]objects.Kind) *optionalkinds.Definitions {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := optionalkinds.Kinds(scheme)
	if err != nil {
		t.Fatal(err)
	}
	return optionalkinds.NewDefinitions(func(_ context.Context, version schema.GroupVersion) (
		*metav1.APIResourceList, error) {
		list := &metav1.APIResourceList{}
		for kind, gvk := range kinds {
			if gvk.GroupVersion() == version && !slices.Contains(*absent, kind) {
				list.APIResources = append(list.APIResources, metav1.APIResource{Kind: gvk.Kind, Verbs: []string{"list", "create"}})
			}
		}
		return list, nil
	}, kinds, time.Now, logr.Discard())
}

func TestDefinitionAddedAtRunTimeServesWaitingGateways(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}`)
	absent := []objects.Kind{objects.LoadBalancerConfiguration}
	definitions := servedKinds(t, &absent)
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	live := interceptor.NewClient(watching, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if gvk, err := c.GroupVersionKindFor(o); err == nil && slices.Contains(absent, objects.Kind(gvk.Kind)) {
			return &meta.NoKindMatchError{GroupKind: gvk.GroupKind(), SearchedVersions: []string{gvk.Version}}
		}
		return c.Get(ctx, key, o, opts...)
	}})
	w, queued := &controller.Wiring{}, &wokenStacks{}
	definitions.OnChange(w.DefinitionChanged)
	for _, s := range l.Gateways {
		s.Live, s.Definitions = live, definitions
		s.Waker.SetQueue(queued)
		w.Owners = append(w.Owners, s)
	}
	w.Owners = append(w.Owners, l.Ingresses)
	definitions.Look(t.Context())
	keys := []stack.Key{lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayNLB, "net")}
	l.Settle(keys...)
	if got := l.Condition("Accepted"); got != "False InvalidParameters spec.infrastructure.parametersRef names "+
		"LoadBalancerConfiguration shop/web, which does not exist" {
		t.Error("Accepted:", got)
	}
	if woken := queued.taken(); len(woken) > 0 {
		t.Errorf("the first look wakes %v", woken)
	}
	absent = nil
	l.Apply(`LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}`)
	definitions.Look(t.Context())
	if diff := cmp.Diff([]string{keys[0].String(), keys[1].String()}, queued.taken()); diff != "" {
		t.Error("stacks woken (-want +got):\n", diff)
	}
	l.Settle(keys...)
	if got := l.Condition("Accepted"); got != "True Accepted" {
		t.Error("Accepted:", got)
	}
	absent = []objects.Kind{objects.LoadBalancerConfiguration}
	definitions.Look(t.Context())
	if got := queued.taken(); len(got) != 2 {
		t.Errorf("a definition that goes wakes %v", got)
	}
}

func TestRulesStayIfCacheLagsBehindDeletionOfGateway(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, port: 80}]}]}}`)
	l.SettleWeb()
	key, s := lab.GatewayKey(stack.GatewayALB, "web"), l.ReconcilerOf(lab.GatewayKey(stack.GatewayALB, "web"))
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	reads, answer := 0, func(*gatewayv1.Gateway) error { return nil }
	s.Live = interceptor.NewClient(watching, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		g, ok := o.(*gatewayv1.Gateway)
		if err := c.Get(ctx, key, o, opts...); err != nil || !ok {
			return err
		}
		reads++
		return answer(g)
	}})
	pass := func() reconcile.Result {
		t.Helper()
		res, err := s.Reconcile(t.Context(), key)
		l.Must(err)
		return res
	}
	if pass(); reads > 0 {
		t.Error("the Gateway is read though no route is gone")
	}
	l.Discard(`HTTPRoute shop/api {}`)
	mark := l.Mark()
	for name, a := range map[string]func(*gatewayv1.Gateway) error{
		"it is being deleted": func(g *gatewayv1.Gateway) error {
			g.DeletionTimestamp = &metav1.Time{Time: l.Clock.Now()}
			return nil
		},
		"it is gone": func(g *gatewayv1.Gateway) error {
			return apierrors.NewNotFound(schema.GroupResource{}, g.Name)
		},
		"another one has its name": func(g *gatewayv1.Gateway) error { g.UID = "other"; return nil },
	} {
		if answer = a; pass().RequeueAfter == 0 || len(l.Writes(mark)) > 0 {
			t.Errorf("%s: no pass follows, or AWS is changed: %v", name, l.Writes(mark))
		}
		s.Loading = func(stack.Key) {
			s.Index.Affected(objects.Change{Kind: objects.Gateway, Namespace: "shop", Name: "web"})
		}
		if _, err := s.Reconcile(t.Context(), key); !errors.Is(err, queue.ErrRequeue) || len(l.Writes(mark)) > 0 {
			t.Errorf("%s, and what was read changes meanwhile: %v, AWS is changed: %v", name, err, l.Writes(mark))
		}
		s.Loading = nil
	}
	answer = func(*gatewayv1.Gateway) error { return errors.New("unavailable") }
	if _, err := s.Reconcile(t.Context(), key); err == nil || len(l.Writes(mark)) > 0 {
		t.Errorf("a Gateway that cannot be read: %v, %v", err, l.Writes(mark))
	}
	answer = func(*gatewayv1.Gateway) error { return nil }
	if pass(); !slices.Contains(l.Writes(mark), "DeleteRule") {
		t.Error("the rule of a route that is gone stays:", l.Writes(mark))
	}
}

func TestOfTheDecisionsOfBothFamiliesTheLatestHolds(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	var applied []string
	change := func(name string) []gateway.Change {
		return []gateway.Change{{Kind: objects.HTTPRoute, Namespace: "shop", Name: "web",
			Apply: func(o metav1.Object, _ metav1.Time) bool {
				applied = append(applied, name)
				r, ok := o.(*gatewayv1.HTTPRoute)
				if !ok || len(r.Status.Parents) > 0 && r.Status.Parents[0].ControllerName == gatewayv1.GatewayController(name) {
					return false
				}
				r.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: gatewayv1.ParentReference{Name: "web"},
					ControllerName: gatewayv1.GatewayController(name)}}
				return true
			}}}
	}
	l.Statuses.Set(lab.GatewayKey(stack.GatewayALB, "web"), change("example.com/alb"))
	l.Statuses.Set(lab.GatewayKey(stack.GatewayNLB, "web"), change("example.com/nlb"))
	applied = nil
	l.Clock.Advance(time.Second)
	l.RunQueues(t.Context())
	if len(applied) == 0 || slices.Contains(applied, "example.com/alb") {
		t.Errorf("applied %v", applied)
	}
}

func TestEditOfEachKindWakesExactlyConcernedGateways(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.EveryGatewayKind)
	web, plain, network := lab.GatewayKey(stack.GatewayALB, "web").String(), lab.GatewayKey(stack.GatewayALB,
		"plain").String(), lab.GatewayKey(stack.GatewayNLB, "net").String()
	queued := &wokenStacks{}
	var events []*stacks.OwnerEvents
	for _, s := range l.Gateways {
		events = append(events, &stacks.OwnerEvents{Reconciler: s, Classes: reads.NewIndex[types.NamespacedName]()})
	}
	send := func(kind objects.Kind, before, after client.Object) {
		for _, e := range events {
			h := e.DependencyHandler(kind)
			if kind == objects.Gateway {
				h = e.OwnerHandler()
			}
			switch {
			case before == nil:
				h.Create(t.Context(), event.CreateEvent{Object: after}, queued)
			case after == nil:
				h.Delete(t.Context(), event.DeleteEvent{Object: before}, queued)
			default:
				h.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, queued)
			}
		}
	}
	for _, g := range []string{"web", "plain", "net"} {
		o := &gatewayv1.Gateway{}
		l.Get(o, g)
		send(objects.Gateway, nil, o)
	}
	if diff := cmp.Diff([]string{web, plain, network}, sortedAs(queued.taken(), web, plain, network)); diff != "" {
		t.Fatal("stacks of Gateways that appear (-want +got):\n", diff)
	}
	l.Settle(lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayALB, "plain"),
		lab.GatewayKey(stack.GatewayNLB, "net"))
	// so its backend is not read
	l.WantParents(&gatewayv1.GRPCRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "both"}},
		"plain: Accepted False NotAllowedByListeners, ResolvedRefs; web: Accepted False NotAllowedByListeners, ResolvedRefs")
	edited := map[objects.Kind]bool{objects.Gateway: true}
	for _, tc := range []struct {
		object string
		want   []string
	}{
		{"Gateway shop/web", []string{web}},
		{"Gateway shop/plain", []string{plain}},
		{"Gateway shop/net", []string{network}},
		{"GatewayClass /alb", []string{web, plain}},
		{"GatewayClass /nlb", []string{network}},
		{"GatewayClass /unused", nil},
		{"ListenerSet shop/more", []string{web}},
		{"LoadBalancerConfiguration shop/web", []string{web}},
		{"LoadBalancerConfiguration shop/unused", nil},
		{"TargetGroupConfiguration shop/all", []string{web}},
		{"TargetGroupConfiguration shop/web", []string{web}},
		{"TargetGroupConfiguration shop/unused", nil},
		{"ListenerRuleConfiguration shop/web", []string{web}},
		{"ListenerRuleConfiguration shop/unused", nil},
		{"ReferenceGrant blog/shop", []string{plain}},
		{"ReferenceGrant shop/unused", nil},
		{"Service shop/web", []string{web}},
		{"Service shop/net", []string{network}},
		{"Service shop/unused", nil},
		{"Service blog/web", []string{plain}},
		{"Namespace /blog", nil},
		{"HTTPRoute shop/web", []string{web}},
		{"HTTPRoute shop/plain", []string{plain}},
		{"HTTPRoute shop/unused", nil},
		{"HTTPRoute shop/more", []string{web}},
		{"GRPCRoute shop/both", []string{web, plain}},
		{"TCPRoute shop/net", []string{network}},
		{"UDPRoute shop/net", []string{network}},
		{"TLSRoute shop/net", []string{network}},
		{"Namespace /shop", []string{web}},
	} {
		before := lab.GatewayObjects(t, tc.object+" {}")[0]
		name, _, _ := strings.Cut(tc.object, " ")
		kind := objects.Kind(name)
		edited[kind] = true
		l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(before), before))
		copied := func() client.Object {
			o, ok := before.DeepCopyObject().(client.Object)
			if !ok {
				t.Fatal("no object")
			}
			o.SetResourceVersion(before.GetResourceVersion() + "1")
			return o
		}
		if kind != objects.Namespace && kind != objects.Service {
			after := copied() // as by a write of a status or a finalizer
			after.SetFinalizers(append(slices.Clone(after.GetFinalizers()), "example.com/other"))
			if send(kind, before, after); len(queued.taken()) > 0 {
				t.Errorf("%s: an update without a change of the spec makes passes", tc.object)
			}
		}
		after := copied()
		after.SetGeneration(after.GetGeneration() + 1)
		switch o := after.(type) {
		case *corev1.Service:
			o.Spec.Ports[0].Port++
		case *corev1.Namespace:
			o.Labels = map[string]string{"team": "b"}
		}
		send(kind, before, after)
		if got := sortedAs(queued.taken(), web, plain, network); !slices.Equal(got, tc.want) {
			t.Errorf("an edit of %s wakes %v, want %v", tc.object, got, tc.want)
		}
		if kind == objects.Gateway {
			continue
		}
		send(kind, before, nil)
		if got := sortedAs(queued.taken(), web, plain, network); !slices.Equal(got, tc.want) {
			t.Errorf("the deletion of %s wakes %v, want %v", tc.object, got, tc.want)
		}
	}
	for _, kind := range append([]objects.Kind{objects.Gateway}, controller.GatewayReading...) {
		if !edited[kind] {
			t.Errorf("%s is not edited", kind)
		}
	}
}

// sortedAs brings values into the order of others.
func sortedAs(values []string, order ...string) []string {
	slices.SortFunc(values, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	if len(values) == 0 {
		return nil
	}
	return values
}
