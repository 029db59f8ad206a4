package stacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// eventScene is a cluster of two Ingresses of class "ours", whose parameters select namespaces, one of class "plain",
// and one of the default class. Every stack has been read once.
type eventScene struct {
	client   client.Client
	members  *OwnerEvents
	events   []string
	handlers map[string]handler.TypedEventHandler[client.Object, stack.Key]
}

func newEventScene(t *testing.T) *eventScene {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	group, kind := "elbv2.k8s.aws", "IngressClassParams"
	class := func(name string, params bool) *networkingv1.IngressClass {
		c := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 1},
			Spec: networkingv1.IngressClassSpec{Controller: ingress.Controller}}
		if params {
			c.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &group, Kind: kind, Name: name}
		}
		return c
	}
	prefix := networkingv1.PathTypePrefix
	ing := func(ns, name string, class *string) *networkingv1.Ingress {
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Generation: 1},
			Spec: networkingv1.IngressSpec{IngressClassName: class, Rules: []networkingv1.IngressRule{{
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{{
						Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
							Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
					}}}}}}}}
	}
	svc := func(ns, name string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Generation: 1},
			Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	}
	ours, plain := "ours", "plain"
	deflt := class("default", false)
	deflt.Annotations = map[string]string{"ingressclass.kubernetes.io/is-default-class": "true"}
	objs := []client.Object{
		class(ours, true), class(plain, false), deflt,
		&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: ours, Generation: 1},
			Spec: v1beta1.IngressClassParamsSpec{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{
				"team": "a"}}}},
		&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "unused", Generation: 1}},
		ing("shop", "web", &ours), ing("blog", "web", &ours), ing("shop", "plain", &plain), ing("blog", "default", nil),
		svc("shop", "web"), svc("blog", "web"), svc("blog", "unused"),
	}
	for _, ns := range []string{"shop", "blog"} {
		objs = append(objs, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{
			"team": "a"}}})
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objs...)
	for _, o := range []client.Object{&networkingv1.Ingress{}, &networkingv1.IngressClass{},
		&v1beta1.IngressClassParams{}} {
		b.WithIndex(o, readable.References, readable.ReferenceValues)
	}
	c := b.Build()
	loader := front.Ingress{Config: ingress.Config{IngressClass: "alb", TolerateMissingService: true,
		DefaultTargetType: "ip"}}
	r := &eventScene{}
	s := &Reconciler{Front: loader, Client: c, Index: reads.NewIndex[stack.Key](),
		Reporter: reporting.NewReporter(func(o diag.Object, e reporting.Event) {
			r.events = append(r.events, o.Name+" "+e.Reason)
		}, time.Now)}
	m := &OwnerEvents{Reconciler: s, Classes: reads.NewIndex[client.ObjectKey]()}
	*r = eventScene{client: c, members: m, handlers: map[string]handler.TypedEventHandler[client.Object, stack.Key]{
		"Ingress": m.OwnerHandler(), "IngressClass": m.DependencyHandler(objects.IngressClass), "IngressClassParams": m.DependencyHandler(
			objects.IngressClassParams),
		"Namespace": m.DependencyHandler(objects.Namespace), "Service": m.DependencyHandler(objects.Service), "TargetGroupBinding": s.WakeOwner(
			func(client.Object) {}),
	}}
	for _, o := range objs { // as the informers tell at the start
		if i, ok := o.(*networkingv1.Ingress); ok {
			m.stacksOf(t.Context(), i)
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: i.Namespace, Name: i.Name}}
			begun := s.Index.Begin()
			v := objects.New(reads.NewCacheReader(t.Context(), c, nil))
			loader.Load(v, key.ID)
			s.Index.Update(key, begun, v.Reads())
		}
	}
	return r
}

// edit changes an object in the cluster and returns the stacks that hear of it, sorted, once each.
func (r *eventScene) edit(t *testing.T, kind string, o client.Object, change func()) []string {
	t.Helper()
	if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatal("no object")
	}
	change()
	if kind != "Namespace" && kind != "Service" && kind != "Ingress" {
		o.SetGeneration(o.GetGeneration() + 1)
	}
	if err := r.client.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	q := &testQueue{t: t}
	r.handlers[kind].Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: o}, q)
	slices.Sort(q.stacks)
	return slices.Compact(q.stacks)
}

// testQueue is a queue that remembers who was woken. Everybody is to wait a moment for further events.
type testQueue struct {
	queue.Of[stack.Key]
	t      *testing.T
	stacks []string
}

func (h *testQueue) AddAfter(key stack.Key, after time.Duration) {
	if after != queue.Coalesce {
		h.t.Errorf("%s is woken after %s: a burst of edits would be as many passes", key, after)
	}
	h.stacks = append(h.stacks, key.ID.String())
}

func TestAnEditOfAnyKindReachesExactlyTheStacksThatDependOnIt(t *testing.T) {
	t.Parallel()
	named := func(ns, name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: ns, Name: name} }
	port := func(s *corev1.Service) func() { return func() { s.Spec.Ports[0].Port++ } }
	annotate := func(o client.Object, key, value string) func() {
		return func() { o.SetAnnotations(map[string]string{key: value}) }
	}
	shopWeb, blogUnused := &corev1.Service{ObjectMeta: named("shop", "web")}, &corev1.Service{
		ObjectMeta: named("blog", "unused")}
	web, toGroup := &networkingv1.Ingress{ObjectMeta: named("shop", "web")}, &networkingv1.Ingress{
		ObjectMeta: named("blog", "default")}
	ours, plain, deflt := &networkingv1.IngressClass{ObjectMeta: named("", "ours")}, &networkingv1.IngressClass{
		ObjectMeta: named("", "plain")}, &networkingv1.IngressClass{ObjectMeta: named("", "default")}
	params, unused := &v1beta1.IngressClassParams{ObjectMeta: named("", "ours")}, &v1beta1.IngressClassParams{
		ObjectMeta: named("", "unused")}
	shop := &corev1.Namespace{ObjectMeta: named("", "shop")}
	for _, test := range []struct {
		name   string
		kind   string
		object client.Object
		change func()
		want   []string
	}{
		{"a Service that two Ingresses of its namespace name", "Service", shopWeb, port(shopWeb),
			[]string{"shop/plain", "shop/web"}},
		{"a Service that nobody names", "Service", blogUnused, port(blogUnused), nil},
		{"labels of a Service", "Service", shopWeb, func() { shopWeb.Labels = map[string]string{"a": "b"} }, nil},
		{"an Ingress", "Ingress", web, annotate(web, "alb.ingress.kubernetes.io/scheme", "internal"), []string{"shop/web"}},
		{"an Ingress that goes into a group", "Ingress", toGroup, annotate(toGroup, "alb.ingress.kubernetes.io/group.name",
			"front"), []string{"blog/default", "front"}},
		{"the status of an Ingress", "Ingress", web, func() {
			web.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: "x"}}
		}, nil},
		{"a class of two Ingresses", "IngressClass", ours, func() { ours.Spec.Controller = "another" },
			[]string{"blog/web", "shop/web"}},
		{"a class of one Ingress", "IngressClass", plain, func() { plain.Spec.Controller = "another" },
			[]string{"shop/plain"}},
		{"a class that becomes the default one", "IngressClass", plain, annotate(plain,
			"ingressclass.kubernetes.io/is-default-class", "true"), []string{"blog/default", "shop/plain"}},
		{"the default class", "IngressClass", deflt, annotate(deflt, "ingressclass.kubernetes.io/is-default-class", "false"),
			[]string{"blog/default"}},
		{"parameters of a class", "IngressClassParams", params, func() { params.Spec.SSLPolicy = "x" },
			[]string{"blog/web", "shop/web"}},
		{"parameters of no class", "IngressClassParams", unused, func() { unused.Spec.SSLPolicy = "x" }, nil},
		{"labels of a namespace that a class selects", "Namespace", shop, func() {
			shop.Labels = map[string]string{"team": "b"}
		}, []string{"shop/web"}},
	} {
		r := newEventScene(t) // each edit is the first one
		if d := cmp.Diff(test.want, r.edit(t, test.kind, test.object, test.change)); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

func TestABindingThatIsEditedByOthersWakesItsStack(t *testing.T) {
	t.Parallel()
	b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "k8s-x", Generation: 1,
		ResourceVersion: "1", Labels: map[string]string{"ingress.k8s.aws/stack-namespace": "shop",
			"ingress.k8s.aws/stack-name": "web"}}}
	edited := b.DeepCopy()
	edited.Generation, edited.ResourceVersion = 2, "2"
	q := &testQueue{t: t}
	ingresses, services := &Reconciler{Front: front.Ingress{}}, &Reconciler{Front: front.Service{}}
	ingresses.WakeOwner(func(client.Object) {}).Update(t.Context(), event.UpdateEvent{ObjectOld: b, ObjectNew: edited}, q)
	services.WakeOwner(func(client.Object) {}).Update(t.Context(), event.UpdateEvent{ObjectOld: b, ObjectNew: edited}, q)
	ingresses.WakeOwner(func(client.Object) {}).Delete(t.Context(), event.DeleteEvent{Object: edited}, q)
	if d := cmp.Diff([]string{"shop/web", "shop/web"}, q.stacks); d != "" {
		t.Error(d)
	}
}

// TestABindingWithAShortenedLabelWakesTheStackOfItsIngress has an Ingress whose name is too long for labels, and one
// whose is for tags, too.
func TestABindingWithAShortenedLabelWakesTheStackOfItsIngress(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{100, 253} {
		key := stack.Key{Owner: stack.Ingress, ID: naming.StackID("shop", strings.Repeat("w", length))}
		c := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&networkingv1.Ingress{}, readable.References,
			readable.ReferenceValues).WithObjects(&networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: strings.Repeat("w", length)}}).Build()
		b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "k8s-x",
			Labels: naming.Labels(key)}}
		q, s := &testQueue{t: t}, &Reconciler{Front: front.Ingress{}, Client: c}
		s.WakeOwner(func(client.Object) {}).Delete(t.Context(), event.DeleteEvent{Object: b}, q)
		other := b.DeepCopy()
		other.Labels = naming.Labels(stack.Key{Owner: stack.Ingress, ID: naming.StackID("shop", strings.Repeat("v", length))})
		s.WakeOwner(func(client.Object) {}).Delete(t.Context(), event.DeleteEvent{Object: other}, q)
		if d := cmp.Diff([]string{key.ID.String()}, q.stacks); d != "" {
			t.Errorf("%d characters: %s", length, d)
		}
	}
}

// TestADeletedIngressLeavesNothingBehind deletes Ingresses whose class is good and is gone; the finalizer was taken off
// by hand.
func TestADeletedIngressLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	r := newEventScene(t)
	for _, name := range []client.ObjectKey{{Namespace: "shop", Name: "web"}, {Namespace: "blog", Name: "web"},
		{Namespace: "shop", Name: "plain"}, {Namespace: "blog", Name: "default"}} {
		i := &networkingv1.Ingress{}
		if err := r.client.Get(t.Context(), name, i); err != nil {
			t.Fatal(err)
		}
		if name.Name == "plain" {
			i.Spec.IngressClassName = ptr.To("gone")
			r.members.stacksOf(t.Context(), i)
		}
		r.handlers["Ingress"].Delete(t.Context(), event.DeleteEvent{Object: i}, &testQueue{t: t})
	}
	if left := r.members.Classes.Units(); len(left) > 0 {
		t.Errorf("still indexed: %v", left)
	}
	if n := len(r.events); n != 1 {
		t.Errorf("events %v", r.events)
	}
}

// TestMisspeltLegacyClassHasOneEvent has Ingresses that are not served, looked at again and again: those of another
// controller get no event.
func TestMisspeltLegacyClassHasOneEvent(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().WithObjects(&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "nginx"},
		Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}}).Build()
	var events []string
	s := &Reconciler{Front: front.Ingress{Config: ingress.Config{IngressClass: "alb"}}, Client: c,
		Index: reads.NewIndex[stack.Key](), Reporter: reporting.NewReporter(func(o diag.Object, e reporting.Event) {
			events = append(events, e.Type+" "+o.String()+" "+e.Message)
		}, time.Now)}
	m := &OwnerEvents{Reconciler: s, Classes: reads.NewIndex[client.ObjectKey]()}
	for name, annotations := range map[string]map[string]string{"leftover": {"alb.ingress.kubernetes.io/scheme": "internal"},
		"theirs":   {"nginx.ingress.kubernetes.io/rewrite-target": "/"},
		"misspelt": {"alb.ingress.kubernetes.io/scheme": "internal", "kubernetes.io/ingress.class": "abl"}} {
		i := annotated(name, annotations)
		if name != "misspelt" {
			i.Spec.IngressClassName = ptr.To("nginx")
		}
		for range 3 {
			if keys := m.stacksOf(t.Context(), i); len(keys) > 0 {
				t.Errorf("%s wakes %v", name, keys)
			}
		}
	}
	if len(events) != 1 || !strings.HasPrefix(events[0], "Normal Ingress shop/misspelt this controller does not serve the Ingress: no IngressClass \"abl\"") {
		t.Errorf("events: %q", events)
	}
}

// TestAMemberThatIsForcedAwayWakesItsGroup takes the finalizer off by hand, so that the object goes without its group's
// doing.
func TestAMemberThatIsForcedAwayWakesItsGroup(t *testing.T) {
	t.Parallel()
	i := annotated("web", map[string]string{"alb.ingress.kubernetes.io/group.name": "front"})
	i.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	c := fake.NewClientBuilder().WithObjects(&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
		Spec: networkingv1.IngressClassSpec{Controller: ingress.Controller}}).Build()
	s := &Reconciler{Front: front.Ingress{Config: ingress.Config{IngressClass: "alb"}}, Client: c,
		Index:    reads.NewIndex[stack.Key](),
		Reporter: reporting.NewReporter(func(diag.Object, reporting.Event) {}, time.Now)}
	m := &OwnerEvents{Reconciler: s, Classes: reads.NewIndex[client.ObjectKey]()}
	frontKey := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	s.Index.Update(frontKey, s.Index.Begin(), []objects.Read{{Kind: objects.Ingress, Namespace: "shop", Name: "web"}})
	q := &testQueue{t: t}
	m.OwnerHandler().Delete(t.Context(), event.DeleteEvent{Object: i}, q)
	if d := cmp.Diff([]string{"front"}, q.stacks); d != "" {
		t.Error(d)
	}
}

func TestAResyncReadsAWSAgainOnlyIfThatIsConfigured(t *testing.T) {
	t.Parallel()
	r, reread := newEventScene(t), 0
	i := &networkingv1.Ingress{}
	if err := r.client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, i); err != nil {
		t.Fatal(err)
	}
	for _, f := range []func(stack.Key){nil, func(stack.Key) { reread++ }} {
		r.members.Reread = f
		q := &testQueue{t: t}
		r.handlers["Ingress"].Update(t.Context(), event.UpdateEvent{ObjectOld: i, ObjectNew: i}, q)
		if len(q.stacks) == 0 {
			t.Error("a resync makes no pass")
		}
		if (reread > 0) != (f != nil) {
			t.Errorf("%d stacks are read again", reread)
		}
	}
}

// order queues stacks and returns the namespaces of the stacks in the order in which passes over them begin.
func order(t *testing.T, act func(q queue.Of[stack.Key])) (namespaces []string) {
	t.Helper()
	q := priorityqueue.New[stack.Key](t.Name())
	defer q.ShutDown()
	act(q)
	time.Sleep(queue.Coalesce) // in a bubble of synctest
	synctest.Wait()
	for n := q.Len(); n > 0; n-- {
		key, _ := q.Get()
		namespaces = append(namespaces, key.ID.Namespace)
		q.Done(key)
	}
	return namespaces
}

// TestAnEventOfManyStacksComesLast has another tenant edit a Service that many of his Ingresses name, or an Ingress
// with forged finalizers of many groups, before an edit of somebody's own Ingress.
func TestAnEventOfManyStacksComesLast(t *testing.T) {
	t.Parallel()
	const many = 1000
	forged := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "mal", Name: "forged"}}
	for n := range many {
		forged.Finalizers = append(forged.Finalizers, fmt.Sprint("group.ingress.k8s.aws/front-", n))
	}
	for name, act := range map[string]func(r *eventScene, q queue.Of[stack.Key]){
		"a Service": func(r *eventScene, q queue.Of[stack.Key]) {
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
			for n := range many {
				v := objects.New(reads.NewCacheReader(t.Context(), r.client, nil))
				v.Service(svc.Namespace, svc.Name)
				r.members.Index.Update(stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "mal", Name: fmt.Sprint(n)}},
					r.members.Index.Begin(), v.Reads())
			}
			r.members.wakeReaders(objects.ChangeOf(objects.Service, svc, nil), q)
		},
		"forged finalizers": func(r *eventScene, q queue.Of[stack.Key]) {
			r.members.enqueue(t.Context(), forged, false, q)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newEventScene(t)
				web := &networkingv1.Ingress{}
				if err := r.client.Get(t.Context(), client.ObjectKey{Namespace: "blog", Name: "web"}, web); err != nil {
					t.Fatal(err)
				}
				got := order(t, func(q queue.Of[stack.Key]) {
					act(r, q)
					r.members.enqueue(t.Context(), web, false, q)
				})
				if name == "forged finalizers" && len(got) > 100 {
					t.Errorf("%d stacks are woken", len(got))
				}
				if slices.Index(got, "blog") != 0 {
					t.Errorf("the pass of the other namespace is number %d of %d", slices.Index(got, "blog"), len(got))
				}
			})
		})
	}
}

// TestGroupsOfANamespaceAreOneTenant has Ingresses of one namespace, then one of another, declare a group.
func TestGroupsOfANamespaceAreOneTenant(t *testing.T) {
	t.Parallel()
	r := newEventScene(t)
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	for _, c := range []struct{ namespace, want string }{{"mal", "mal"}, {"mal", "mal"}, {"shop", "group/front"}} {
		r.members.enqueue(t.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace,
			Name: "web", Annotations: map[string]string{string(annotation.GroupName): "front"}}}, false, &testQueue{t: t})
		if got := r.members.Tenant(key); got != c.want {
			t.Errorf("after an event of namespace %s the tenant is %s, want %s", c.namespace, got, c.want)
		}
	}
}
