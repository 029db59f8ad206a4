package bindingpass

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

func manyNodes(n int) (out []client.Object) {
	for i := range n {
		x := readyNode()
		x.Name, x.Spec.ProviderID = fmt.Sprint("n", i), fmt.Sprintf("aws:///z/i-%04d", i)
		out = append(out, x)
	}
	return out
}

func TestNodesAreListedOnceForAllBindings(t *testing.T) {
	t.Parallel()
	b, c := watching(t, manyNodes(3)...)
	pass := func(port int32, selector *metav1.LabelSelector) (got []string) {
		t.Helper()
		of, err := b.nodeEndpoints(t.Context(), ofType("x", v1beta1.TargetTypeInstance, selector), corev1.ServicePort{
			NodePort: port})
		if err != nil || !of.Known {
			t.Fatal(of.Known, err)
		}
		for _, at := range of.Endpoints.All() {
			e := *at
			e.Port = of.Port
			got = append(got, e.Key())
		}
		return got
	}
	expect := func(what string, listed int, got []string, want string) {
		t.Helper()
		if fmt.Sprint(got) != want || c.objects != listed {
			t.Errorf("%s: %v after %d nodes listed, want %s after %d", what, got, c.objects, want, listed)
		}
	}
	none := &metav1.LabelSelector{MatchLabels: map[string]string{"pool": "b"}}
	pass(1, nil)
	expect("without events of nodes", 6, pass(1, nil), "[i-0000:1 i-0001:1 i-0002:1]")
	b.nodeLists.watched = true
	expect("the first", 9, pass(1, nil), "[i-0000:1 i-0001:1 i-0002:1]")
	expect("another port", 9, pass(2, nil), "[i-0000:2 i-0001:2 i-0002:2]")
	expect("another selector", 9, pass(2, none), "[]")
	expect("the first again", 9, pass(1, nil), "[i-0000:1 i-0001:1 i-0002:1]")
	for i, change := range []string{"a heartbeat", "a label that one selects", "it is excluded", "it has no instance",
		"its kubelet is silent", "it is about to be removed", "its addresses"} {
		before := readyNode()
		after := before.DeepCopy()
		after.ResourceVersion = "2"
		nodeChanges[change].change(after)
		b.NodeEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, &woken{})
		expect(change, 9+3*i, pass(1, nil), "[i-0000:1 i-0001:1 i-0002:1]")
	}
	b.NodeEvent().Delete(t.Context(), event.DeleteEvent{Object: readyNode()}, &woken{})
	expect("deleted", 30, pass(1, nil), "[i-0000:1 i-0001:1 i-0002:1]")
	b.NodeEvent().Create(t.Context(), event.CreateEvent{Object: readyNode()}, &woken{})
	expect("created", 33, pass(1, nil), "[i-0000:1 i-0001:1 i-0002:1]")
}

// TestOnlyAListThatLacksNodesAsksTheAPIServer counts the lists of nodes that the API server is asked for.
func TestOnlyAListThatLacksNodesAsksTheAPIServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		missed bool
		asked  int
	}{"the watch showed the deletion": {false, 0}, "the watch missed it": {true, 1}} {
		b, _ := watching(t, manyNodes(3)...)
		_, api := watching(t, manyNodes(2)...)
		b.APIReader, b.nodeLists.watched = api, true
		expect := func(when string, want int) {
			t.Helper()
			nodes, unproven, err := b.chosenNodes(t.Context(), nil, nil)
			of, _, _ := nodes.Instances(ofType("x", v1beta1.TargetTypeInstance, nil))
			if err != nil || unproven != nil || of.Len() != want {
				t.Errorf("%s, %s: %d nodes, want %d; %v, %v", name, when, of.Len(), want, err, unproven)
			}
		}
		expect("at first", 3)
		_, without := watching(t, manyNodes(2)...)
		b.Client = without
		b.NodeEvent().Delete(t.Context(), event.DeleteEvent{Object: manyNodes(3)[2], DeleteStateUnknown: c.missed},
			&woken{})
		expect("deleted", 2)
		if asked := api.objects / 2; asked != c.asked {
			t.Errorf("%s: asked %d times, want %d", name, asked, c.asked)
		}
	}
}

// TestNodeCostsNothingInEachTargetGroup shows that one more binding costs the same in a pass for a node, however many
// nodes there are.
func TestNodeCostsNothingInEachTargetGroup(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of one binding, by nodes", func(n int) float64 {
		b, _ := watching(t, manyNodes(n)...)
		b.nodeLists.watched = true
		o, port := ofType("x", v1beta1.TargetTypeInstance, nil), corev1.ServicePort{NodePort: 30080}
		return growth.Bytes(func() {
			if of, err := b.nodeEndpoints(t.Context(), o, port); err != nil || of.Endpoints.Len() != n {
				t.Errorf("%d endpoints of %d nodes, %v", of.Endpoints.Len(), n, err)
			}
		})
	})
}

// TestReadOfAPodOrNodeCostsNoCopy shows that a pass pays for each pod and node that it reads, and not for what is in
// them.
func TestReadOfAPodOrNodeCostsNoCopy(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes, by containers and images", func(n int) float64 {
		pod, node := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}, readyNode()
		for i := range n {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprint("c", i)})
			node.Status.Images = append(node.Status.Images, corev1.ContainerImage{Names: []string{fmt.Sprint("i", i)}})
		}
		b, _ := watching(t, pod, node)
		c := b.newConfirmingReader(shop("x"))
		return growth.Bytes(func() {
			_, hasPod := c.Pod(t.Context(), "shop", "web")
			if _, hasNode := c.Node(t.Context(), "a"); !hasPod || !hasNode {
				t.Error("not in the cache")
			}
		})
	})
}
