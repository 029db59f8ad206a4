package server

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestOrphanedPodsAreRemovedAtTheSecondLook(t *testing.T) {
	t.Parallel()
	pod := func(name, node string, deleted bool) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)},
			Spec: corev1.PodSpec{NodeName: node}}
		if deleted {
			p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"test/keeps"}
		}
		return p
	}
	ctx := t.Context()
	client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "there"}},
		pod("runs", "there", false), pod("ends", "there", true), pod("waits", "", false), pod("lost", "gone", false),
		pod("never-placed", "", true))
	shared := informers.NewSharedInformerFactory(client, 0)
	o := orphans{client: client, pods: shared.Core().V1().Pods(), nodes: shared.Core().V1().Nodes()}
	o.informers()
	shared.Start(ctx.Done())
	shared.WaitForCacheSync(ctx.Done())

	suspects := o.look(ctx, nil)
	if len(suspects) != 2 || !suspects["lost"] || !suspects["never-placed"] {
		t.Fatalf("suspects are %v", suspects)
	}
	if _, err := client.CoreV1().Pods("ns").Get(ctx, "lost", metav1.GetOptions{}); err != nil {
		t.Errorf("removed at the first look: %v", err)
	}
	o.look(ctx, suspects)
	for name, stays := range map[string]bool{"runs": true, "ends": true, "waits": true, "lost": false} {
		if _, err := client.CoreV1().Pods("ns").Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(err) == stays {
			t.Errorf("pod %s: %v", name, err)
		}
	}
}
