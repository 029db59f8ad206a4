package server

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// orphans removes pods that no kubelet removes: those of a node that is gone, and those that were deleted before they
// had a node. A pod must be found so in two looks, since the caches of pods and nodes are not of one moment.
type orphans struct {
	client kubernetes.Interface
	pods   coreinformers.PodInformer
	nodes  coreinformers.NodeInformer
}

// orphanLooks is the time between two looks.
const orphanLooks = 10 * time.Second

// informers registers what is read, before the informers start.
func (o *orphans) informers() {
	o.pods.Informer()
	o.nodes.Informer()
}

func (o *orphans) run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), o.pods.Informer().HasSynced, o.nodes.Informer().HasSynced) {
		return
	}
	var suspects map[types.UID]bool
	for sleep.For(ctx, orphanLooks) == nil {
		suspects = o.look(ctx, suspects)
	}
}

// look removes the orphans among the suspects of the last look and returns the suspects of this one.
func (o *orphans) look(ctx context.Context, before map[types.UID]bool) map[types.UID]bool {
	pods, err := o.pods.Lister().List(labels.Everything())
	if err != nil {
		return before
	}
	suspects := map[types.UID]bool{}
	for _, pod := range pods {
		if !o.orphaned(pod) {
			continue
		}
		suspects[pod.UID] = true
		if !before[pod.UID] {
			continue
		}
		var now int64
		err := o.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now,
			Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			klog.FromContext(ctx).Error(err, "an orphaned pod stays", "pod", klog.KObj(pod))
		}
	}
	return suspects
}

func (o *orphans) orphaned(pod *corev1.Pod) bool {
	if pod.Spec.NodeName == "" {
		return pod.DeletionTimestamp != nil
	}
	_, err := o.nodes.Lister().Get(pod.Spec.NodeName)
	return apierrors.IsNotFound(err)
}
