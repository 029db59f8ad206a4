package controller

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/binding"
	"github.com/k8s-lbc/lbc/internal/targets"
)

func TestACachedNodeHasWhatTargetsReadAndNothingElse(t *testing.T) {
	t.Parallel()
	whole := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"zone": "a"}, Annotations: map[string]string{"csi": "long"}}}
	whole.Spec.ProviderID = "aws:///us-west-2a/i-0a1de000000000001"
	whole.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
	whole.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}
	whole.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Message: "kubelet is posting"}, {Type: corev1.NodeDiskPressure}}
	whole.Status.Images = []corev1.ContainerImage{{Names: []string{"image"}}}
	got, err := reduceNode(whole)
	n, ok := got.(*corev1.Node)
	if err != nil || !ok {
		t.Fatalf("%T, %v", got, err)
	}
	if len(n.Annotations)+len(n.Status.Images) > 0 || len(n.Status.Conditions) != 1 || n.Status.Conditions[0].Message != "" {
		t.Errorf("kept: %+v", n)
	}
	id, _ := targets.InstanceID(n)
	if id == "" || targets.NodeReady(n) != corev1.ConditionTrue || !binding.SameForTargets(n, whole) || !reflect.DeepEqual(n.Status.Addresses, whole.Status.Addresses) {
		t.Errorf("lost: %+v", n)
	}
}
