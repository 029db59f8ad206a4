package servicepods

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// counted is an API server that counts lists of pods, and runs during the next one what is set.
type counted struct {
	client.Client
	lists  int
	during func()
}

func (c *counted) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	c.lists++
	err := c.Client.List(ctx, l, opts...)
	if d := c.during; d != nil {
		c.during = nil
		d()
	}
	return err
}

func pod(name string, minute int) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{
		"app": "web"}, CreationTimestamp: metav1.NewTime(time.Unix(int64(60*minute), 0))}}
}

var web = types.NamespacedName{Namespace: "shop", Name: "web"}

func service() *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web"}}}
}

func TestPodsAreReadOnceUntilTheEndpointsOfTheirServiceChange(t *testing.T) {
	t.Parallel()
	api := &counted{Client: fake.NewClientBuilder().WithObjects(service(), pod("old", 1), pod("new", 2)).Build()}
	now := time.Unix(0, 0)
	r := New(api.Client, api, func() time.Time { return now })
	expect := func(what, want string, lists int) {
		t.Helper()
		p, err := r.Pod(t.Context(), web.Namespace, web.Name)
		name := ""
		if p != nil {
			name = p.Name
		}
		if err != nil || name != want || api.lists != lists {
			t.Fatalf("%s: pod %q, want %q; %d lists, want %d; %v", what, name, want, api.lists, lists, err)
		}
	}
	expect("at first", "old", 1)
	expect("once more", "old", 1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(api.Delete(t.Context(), pod("old", 1)))
	expect("before the event", "old", 1)
	if got, want := r.Changed(web), (objects.Change{Kind: objects.PodOfService, Namespace: "shop",
		Name: "web"}); got.Kind != want.Kind || got.Namespace != want.Namespace || got.Name != want.Name {
		t.Errorf("the change is %+v", got)
	}
	expect("after the event", "new", 2)
	now = now.Add(validity)
	expect("an event was lost", "new", 3)

	r.Changed(web)
	api.during = func() { // the list is of before, and must not be believed later
		must(api.Delete(t.Context(), pod("new", 2)))
		r.Changed(web)
	}
	expect("the event comes during the read", "new", 4)
	expect("after that", "", 5)

	svc := service()
	must(api.Get(t.Context(), web, svc))
	svc.Spec.Selector["app"] = "api"
	must(api.Update(t.Context(), svc))
	expect("another selector", "", 6)
	svc.Spec.Selector = nil
	must(api.Update(t.Context(), svc))
	expect("no selector", "", 6)
	must(api.Delete(t.Context(), svc))
	expect("no Service", "", 6)
}

// paged is an API server that has the limit of a list obeyed, which the fake one ignores.
type paged struct{ client.Client }

func (p paged) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	if err := p.Client.List(ctx, l, client.InNamespace(o.Namespace), client.MatchingLabelsSelector{
		Selector: o.LabelSelector}); err != nil {
		return err
	}
	pods, _ := l.(*corev1.PodList)
	from, _ := strconv.Atoi(o.Continue)
	pods.Items = pods.Items[from:]
	if int64(len(pods.Items)) > o.Limit {
		pods.Items, pods.Continue = pods.Items[:o.Limit], strconv.Itoa(from+int(o.Limit))
	}
	return nil
}

func TestTheOldestOfPodsThatFillSeveralPagesIsFound(t *testing.T) {
	t.Parallel()
	for _, oldest := range []int{0, page + 1} {
		b := fake.NewClientBuilder().WithObjects(service())
		for i := range 3 * page / 2 {
			age := 2
			if i == oldest {
				age = 1
			}
			b = b.WithObjects(pod(fmt.Sprintf("web-%04d", i), age))
		}
		p, err := Read(t.Context(), paged{b.Build()}, service())
		if err != nil || p == nil || p.Name != fmt.Sprintf("web-%04d", oldest) {
			t.Error(p, err)
		}
	}
}

func TestOnlyPodsThatComeOrGoChangeASlice(t *testing.T) {
	t.Parallel()
	yes := true
	slice := func(change func(*discoveryv1.EndpointSlice)) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{}
		for _, name := range []string{"a", "b"} {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"},
				TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name, UID: types.UID(name)}})
		}
		if change != nil {
			change(s)
		}
		return s
	}
	for name, c := range map[string]struct {
		after *discoveryv1.EndpointSlice
		want  bool
	}{
		"nothing": {slice(nil), false},
		"another order": {slice(func(s *discoveryv1.EndpointSlice) {
			s.Endpoints[0], s.Endpoints[1] = s.Endpoints[1], s.Endpoints[0]
		}), false},
		"a pod becomes ready": {slice(func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Conditions.Ready = &yes }),
			false},
		"a pod ends": {
			slice(func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Conditions.Terminating = &yes }), true},
		"a pod goes":                {slice(func(s *discoveryv1.EndpointSlice) { s.Endpoints = s.Endpoints[:1] }), true},
		"another pod, of that name": {slice(func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].TargetRef.UID = "c" }), true},
		"an endpoint without a pod": {slice(func(s *discoveryv1.EndpointSlice) {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.0.0.9"}})
		}), false},
		"the slice is not there any more": {nil, true},
	} {
		if got := PodsChanged(slice(nil), c.after); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !PodsChanged(nil, slice(nil)) {
		t.Error("a new slice brings no pods")
	}
}
