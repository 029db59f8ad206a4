package objects

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func selecting(name string, selector map[string]string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ServiceSpec{
		Selector: selector}}
}

// randomLabels are up to four labels of few keys and values.
func randomLabels(r *rand.Rand) map[string]string {
	out := map[string]string{}
	for range r.IntN(5) {
		out[fmt.Sprint("k", r.IntN(4))] = fmt.Sprint("v", r.IntN(2))
	}
	return out
}

func TestSelectorsFindWhatALookAtEachServiceFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	services, index := Snapshot{}, &Selectors{}
	for step := range 2000 {
		name := fmt.Sprint("s", r.IntN(40))
		if r.IntN(3) == 0 {
			services.Delete(Service, "shop", name)
			index.Delete("shop", name)
		} else {
			svc := selecting(name, randomLabels(r))
			services.Put(svc)
			index.Put(svc)
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: randomLabels(r)}}
		want := New(services).ServicesOfPod(pod)
		got := New(indexed{services, index}).ServicesOfPod(pod)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d, labels %v: %s", step, pod.Labels, diff)
		}
		if others := index.Of("other", pod.Labels); len(others) > 0 {
			t.Fatalf("another namespace has %v", others)
		}
	}
	for _, o := range services.List(Service, "shop") {
		index.Delete("shop", o.GetName())
	}
	if index.Len() > 0 || len(index.namespaces) > 0 {
		t.Errorf("%d Services and %d namespaces are left", index.Len(), len(index.namespaces))
	}
}

// indexed is a Snapshot with an index of selectors. A list of all its Services is a mistake.
type indexed struct {
	Snapshot
	index *Selectors
}

func (i indexed) Selecting(namespace string, pod map[string]string) ([]string, bool) {
	return i.index.Of(namespace, pod), true
}

func (i indexed) List(kind Kind, _ string) []metav1.Object { panic("a list of kind " + kind) }

func TestServicesWithoutSelectorSelectNoPod(t *testing.T) {
	t.Parallel()
	s, index := Snapshot{}, &Selectors{}
	for _, svc := range []*corev1.Service{selecting("nil", nil), selecting("empty", map[string]string{}),
		selecting("value", map[string]string{"app": ""})} {
		s.Put(svc)
		index.Put(svc)
	}
	for _, tc := range []struct {
		labels map[string]string
		want   int
	}{{nil, 0}, {map[string]string{"x": "y"}, 0}, {map[string]string{"app": ""}, 1},
		{map[string]string{"app": "web"}, 0}} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: tc.labels}}
		if a, b := len(New(s).ServicesOfPod(pod)), len(New(indexed{s, index}).ServicesOfPod(pod)); a != tc.want ||
			b != tc.want {
			t.Errorf("%v: %d listed, %d by index, want %d", tc.labels, a, b, tc.want)
		}
	}
}

func TestServicesOfAPodDependOnAllOfTheNamespace(t *testing.T) {
	t.Parallel()
	v := New(indexed{Snapshot{}, &Selectors{}})
	v.ServicesOfPod(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}})
	if want := (Read{Kind: Service, Namespace: "shop"}); !slices.Contains(v.Reads(), want) {
		t.Errorf("reads %v, want %v", v.Reads(), want)
	}
}

// TestLongSelectorsTakeLittle has a tenant give Services selectors as large as etcd accepts, and a pod as many labels.
func TestLongSelectorsTakeLittle(t *testing.T) {
	t.Parallel()
	long := map[string]string{}
	for i := range 20_000 {
		long[fmt.Sprintf("k%05d", i)] = "v"
	}
	other := maps.Clone(long)
	other["k19999"] = "other"
	services, index := Snapshot{}, &Selectors{}
	for _, svc := range []*corev1.Service{selecting("long", long), selecting("other", other)} {
		services.Put(svc)
		index.Put(svc)
	}
	for i := range 1_000 {
		index.Put(selecting(fmt.Sprint("none", i), map[string]string{fmt.Sprint("key", i): "v"}))
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: long}}
	found := New(indexed{services, index}).ServicesOfPod(pod)
	if len(found) != 1 || found[0].Name != "long" {
		t.Errorf("%d Services are found", len(found))
	}
	if n := index.namespaces["shop"].nodes(); n > 1_000+2*mostPairs+1 {
		t.Errorf("the index has %d nodes", n)
	}
	index.Delete("shop", "long")
	if got := index.Of("shop", long); len(got) != 1 || got[0] != "other" {
		t.Errorf("after the deletion of one, %v are left", got)
	}
}

func (n *selectorNode) nodes() int {
	sum := 1
	for _, child := range n.children {
		sum += child.nodes()
	}
	return sum
}
