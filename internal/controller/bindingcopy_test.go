package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// copiedLab is a load balancer of shop whose binding serves, with a Service of the same name in namespace zz.
func copiedLab(t *testing.T) (l *lab, original v1beta1.TargetGroupBinding) {
	t.Helper()
	l = newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(labPods("a", "10.0.128.50")...)
	staging := labService("web")
	staging.Namespace, staging.UID = "zz", "uid-zz"
	l.create(staging)
	for _, o := range labPods("a", "10.0.128.66") {
		o.SetNamespace("zz")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Endpoints[0].TargetRef.Namespace = "zz"
		}
		l.create(o)
	}
	l.settle(implicit("front"))
	l.events = nil
	return l, l.allBindings()[0]
}

// copyOf is what `kubectl get -o yaml | sed` or a restore makes of a binding in namespace zz.
func copyOf(original v1beta1.TargetGroupBinding, change func(*v1beta1.TargetGroupBinding)) *v1beta1.TargetGroupBinding {
	c := original.DeepCopy()
	c.Namespace, c.UID, c.ResourceVersion, c.Finalizers = "zz", "uid-copy", "", nil
	change(c)
	return c
}

func TestACopyOfABindingInAnotherNamespaceChangesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*v1beta1.TargetGroupBinding){
		"with its labels":    func(*v1beta1.TargetGroupBinding) {},
		"without labels":     func(c *v1beta1.TargetGroupBinding) { c.Labels = nil },
		"under another name": func(c *v1beta1.TargetGroupBinding) { c.Name = "a" },
		"that shares":        func(c *v1beta1.TargetGroupBinding) { c.Spec.MultiClusterTargetGroup = true },
		"that seems older":   func(c *v1beta1.TargetGroupBinding) { c.CreationTimestamp = metav1.NewTime(time.Unix(1, 0)) },
		"older, without labels": func(c *v1beta1.TargetGroupBinding) {
			c.Labels, c.CreationTimestamp = nil, metav1.NewTime(time.Unix(1, 0))
		},
		"that names it by name":   func(c *v1beta1.TargetGroupBinding) { c.Spec.TargetGroupName, c.Spec.TargetGroupARN = c.Name, "" },
		"of another Service name": func(c *v1beta1.TargetGroupBinding) { c.Spec.ServiceRef.Name = "gone" },
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", seen at a start"}[restarted], func(t *testing.T) {
				t.Parallel()
				l, original := copiedLab(t)
				arn, want := original.Spec.TargetGroupARN, []string{"10.0.128.50:8080"}
				if got := l.targets(arn); !slices.Equal(got, want) {
					t.Fatalf("targets %v", got)
				}
				c := copyOf(original, change)
				l.create(c)
				if restarted {
					l.restart()
				}
				mark := l.mark()
				_, err := l.round() // bindings come first
				l.must(err)
				l.settle(implicit("front"))
				if got := l.targets(arn); !slices.Equal(got, want) || len(l.writes(mark)) > 0 {
					t.Errorf("targets %v, written %v", got, l.writes(mark))
				}
				after := &v1beta1.TargetGroupBinding{}
				l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(&original), after))
				if after.UID != original.UID || after.DeletionTimestamp != nil || !ready(after) {
					t.Errorf("the original: %+v", after)
				}
				l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
				if c.DeletionTimestamp != nil || ready(c) {
					t.Errorf("the copy: %+v", c)
				}
				l.toldOnce("already bound to TargetGroupBinding shop/" + original.Name + ", in the namespace of the object that it was made for; this one registers and deregisters nothing")
				if told := strings.Join(l.events, "\n"); strings.Count(told, "["+string(diag.TargetGroupBound)+"]") != 1 || strings.Contains(told, "shop/"+original.Name+" FailedReconcile") {
					t.Errorf("told:\n%s", told)
				}

				// It goes and takes nothing along.
				l.must(l.client.Delete(t.Context(), c))
				l.settle(implicit("front"))
				if got := l.targets(arn); !slices.Equal(got, want) || len(l.allBindings()) != 1 {
					t.Errorf("after the copy went: targets %v, bindings %v", got, len(l.allBindings()))
				}
			})
		}
	}
}

// TestACopyOfABindingDoesNotServeWhileTheOriginalIsMadeAgain deletes the original, which its stack replaces.
func TestACopyOfABindingDoesNotServeWhileTheOriginalIsMadeAgain(t *testing.T) {
	t.Parallel()
	l, original := copiedLab(t)
	l.create(copyOf(original, func(c *v1beta1.TargetGroupBinding) { c.CreationTimestamp = metav1.NewTime(time.Unix(1, 0)) }))
	l.settle(implicit("front"))
	l.must(l.client.Delete(t.Context(), &original))
	_, err := l.round()
	l.must(err)
	if got := l.targets(original.Spec.TargetGroupARN); slices.Contains(got, "10.0.128.66:8080") {
		t.Errorf("targets %v while there is no original", got)
	}
	l.ingresses.Bindings.NoteDeleted(&original)
	l.settle(implicit("front"))
	if got := l.targets(original.Spec.TargetGroupARN); !slices.Equal(got, []string{"10.0.128.50:8080"}) {
		t.Errorf("targets %v", got)
	}
}

// TestACopyOfABindingStaysWhenItsLoadBalancerGoes deletes the Ingress.
func TestACopyOfABindingStaysWhenItsLoadBalancerGoes(t *testing.T) {
	t.Parallel()
	l, original := copiedLab(t)
	c := copyOf(original, func(*v1beta1.TargetGroupBinding) {})
	l.create(c)
	l.settle(implicit("front"))
	l.must(l.client.Delete(t.Context(), labIngress("front", nil, "web")))
	l.settle(implicit("front"))
	if r := l.sim.Resources(); len(r.LoadBalancers)+len(r.TargetGroups) > 0 {
		t.Errorf("left: %v", l.left())
	}
	if bs := l.allBindings(); len(bs) != 1 || bs[0].Namespace != "zz" || bs[0].DeletionTimestamp != nil {
		t.Errorf("bindings: %+v", bs)
	}
}

// TestABindingThatSharesATargetGroupOfAStackServesBesideItsOwn has a user in another namespace bind the target group of a stack
// that shares it.
func TestABindingThatSharesATargetGroupOfAStackServesBesideItsOwn(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		labIngress("front", map[string]string{"multi-cluster-target-group": "true"}, "web"))
	l.create(labPods("a", "10.0.128.50")...)
	l.settle(implicit("front"))
	original := l.allBindings()[0]
	own := copyOf(original, func(c *v1beta1.TargetGroupBinding) { c.Labels, c.Name, c.UID = nil, "mine", types.UID("uid-mine") })
	svc := labService("web")
	svc.Namespace = "zz"
	pods := labPods("a", "10.0.128.66")
	for _, o := range pods {
		o.SetNamespace("zz")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Endpoints[0].TargetRef.Namespace = "zz"
		}
		if p, ok := o.(*corev1.Pod); ok {
			p.Namespace = "zz"
		}
	}
	l.create(append(pods, svc, own)...)
	l.settle(implicit("front"))
	if got := l.targets(original.Spec.TargetGroupARN); !slices.Equal(got, []string{"10.0.128.50:8080", "10.0.128.66:8080"}) {
		t.Errorf("targets %v\n%s", got, strings.Join(l.events, "\n"))
	}
}
