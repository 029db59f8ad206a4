package readable

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
)

func TestSharedAnswersWithTheObjectsOfTheStore(t *testing.T) { // not parallel: it counts allocations
	store := toolscache.NewStore(toolscache.MetaNamespaceKeyFunc)
	long := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a-much-longer-name-than-that-of-the-other"}}
	web := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	for _, p := range []*corev1.Pod{long, web} {
		if err := store.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	s := &Shared{Pods: func(namespace string) toolscache.Store {
		if namespace != "shop" {
			return nil
		}
		return store
	}}
	for range 2 { // the buffer of a key is used again
		for _, want := range []*corev1.Pod{long, web} {
			if p, found, answers := s.Pod("shop", want.Name); p != want || !found || !answers {
				t.Errorf("%s: %v, found %t, answers %t", want.Name, p, found, answers)
			}
		}
	}
	if _, found, answers := s.Pod("shop", "we"); found || !answers {
		t.Errorf("a pod that does not exist: found %t, answers %t", found, answers)
	}
	for name, s := range map[string]*Shared{"nil": nil, "without pods": {}, "of another namespace": {
		Pods: func(string) toolscache.Store { return nil }}} {
		if _, _, answers := s.Pod("shop", "web"); answers {
			t.Errorf("%s answers", name)
		}
		if _, _, answers := s.Node("a"); answers {
			t.Errorf("%s answers for nodes", name)
		}
		if _, answers := s.SlicesWith("f", "shop", "web"); answers {
			t.Errorf("%s answers for EndpointSlices", name)
		}
	}
	if got := testing.AllocsPerRun(100, func() { s.Pod("shop", "web") }); got > 0 {
		t.Errorf("a read allocates %.0f times", got)
	}
}
