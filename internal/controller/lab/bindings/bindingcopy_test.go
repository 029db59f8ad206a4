package bindings

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// copiedLab is a load balancer of shop whose binding serves, with a Service of the same name in namespace zz.
func copiedLab(t *testing.T) (l *lab.Lab, original v1beta1.TargetGroupBinding) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	staging := lab.Service("web")
	staging.Namespace, staging.UID = "zz", "uid-zz"
	l.Create(staging)
	for _, o := range lab.Pods("a", "10.0.128.66") {
		o.SetNamespace("zz")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Endpoints[0].TargetRef.Namespace = "zz"
		}
		l.Create(o)
	}
	l.Settle(lab.Key("front"))
	l.Events = nil
	return l, l.AllBindings()[0]
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
		"that names it by name": func(c *v1beta1.TargetGroupBinding) {
			c.Spec.TargetGroupName, c.Spec.TargetGroupARN = c.Name, ""
		},
		"of another Service name": func(c *v1beta1.TargetGroupBinding) { c.Spec.ServiceRef.Name = "gone" },
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", seen at a start"}[restarted], func(t *testing.T) {
				t.Parallel()
				l, original := copiedLab(t)
				arn, want := original.Spec.TargetGroupARN, []string{"10.0.128.50:8080"}
				if got := l.Targets(arn); !slices.Equal(got, want) {
					t.Fatalf("targets %v", got)
				}
				c := lab.CopyOf(original, change)
				l.Create(c)
				if restarted {
					l.Restart()
				}
				mark := l.Mark()
				_, err := l.Round() // bindings come first
				l.Must(err)
				l.Settle(lab.Key("front"))
				if got := l.Targets(arn); !slices.Equal(got, want) || len(l.Writes(mark)) > 0 {
					t.Errorf("targets %v, written %v", got, l.Writes(mark))
				}
				after := &v1beta1.TargetGroupBinding{}
				l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(&original), after))
				if after.UID != original.UID || after.DeletionTimestamp != nil || !lab.Ready(after) {
					t.Errorf("the original: %+v", after)
				}
				l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
				if c.DeletionTimestamp != nil || lab.Ready(c) {
					t.Errorf("the copy: %+v", c)
				}
				l.ToldOnce("already bound to TargetGroupBinding shop/" + original.Name +
					", in the namespace of the object that it was made for; this one registers and deregisters nothing")
				if told := strings.Join(l.Events, "\n"); strings.Count(told, "["+string(diag.TargetGroupBound)+"]") != 1 ||
					strings.Contains(told, "shop/"+original.Name+" FailedReconcile") {
					t.Errorf("told:\n%s", told)
				}

				// It goes and takes nothing along.
				l.Must(l.Client.Delete(t.Context(), c))
				l.Settle(lab.Key("front"))
				if got := l.Targets(arn); !slices.Equal(got, want) || len(l.AllBindings()) != 1 {
					t.Errorf("after the copy went: targets %v, bindings %v", got, len(l.AllBindings()))
				}
			})
		}
	}
}

// TestACopyOfABindingDoesNotServeWhileTheOriginalIsMadeAgain deletes the original, which its stack replaces.
func TestACopyOfABindingDoesNotServeWhileTheOriginalIsMadeAgain(t *testing.T) {
	t.Parallel()
	l, original := copiedLab(t)
	l.Create(lab.CopyOf(original, func(c *v1beta1.TargetGroupBinding) {
		c.CreationTimestamp = metav1.NewTime(time.Unix(1, 0))
	}))
	l.Settle(lab.Key("front"))
	l.Must(l.Client.Delete(t.Context(), &original))
	_, err := l.Round()
	l.Must(err)
	if got := l.Targets(original.Spec.TargetGroupARN); slices.Contains(got, "10.0.128.66:8080") {
		t.Errorf("targets %v while there is no original", got)
	}
	l.Ingresses.Bindings.NoteDeleted(&original)
	l.Settle(lab.Key("front"))
	if got := l.Targets(original.Spec.TargetGroupARN); !slices.Equal(got, []string{"10.0.128.50:8080"}) {
		t.Errorf("targets %v", got)
	}
}

// TestACopyOfABindingStaysWhenItsLoadBalancerGoes deletes the Ingress.
func TestACopyOfABindingStaysWhenItsLoadBalancerGoes(t *testing.T) {
	t.Parallel()
	l, original := copiedLab(t)
	c := lab.CopyOf(original, func(*v1beta1.TargetGroupBinding) {})
	l.Create(c)
	l.Settle(lab.Key("front"))
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("front", nil, "web")))
	l.Settle(lab.Key("front"))
	if r := l.Sim.Resources(); len(r.LoadBalancers)+len(r.TargetGroups) > 0 {
		t.Errorf("left: %v", l.Left())
	}
	if bs := l.AllBindings(); len(bs) != 1 || bs[0].Namespace != "zz" || bs[0].DeletionTimestamp != nil {
		t.Errorf("bindings: %+v", bs)
	}
}

// TestABindingThatSharesATargetGroupOfAStackServesBesideItsOwn has a user in another namespace bind the target group of
// a stack that shares it.
func TestABindingThatSharesATargetGroupOfAStackServesBesideItsOwn(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Ingress("front", map[string]string{"multi-cluster-target-group": "true"}, "web"))
	l.Flags("--cross-namespace-target-groups=zz=*")
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("front"))
	original := l.AllBindings()[0]
	own := lab.CopyOf(original, func(c *v1beta1.TargetGroupBinding) {
		c.Labels, c.Name, c.UID = nil, "mine", types.UID("uid-mine")
	})
	svc := lab.Service("web")
	svc.Namespace = "zz"
	pods := lab.Pods("a", "10.0.128.66")
	for _, o := range pods {
		o.SetNamespace("zz")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Endpoints[0].TargetRef.Namespace = "zz"
		}
		if p, ok := o.(*corev1.Pod); ok {
			p.Namespace = "zz"
		}
	}
	l.Create(append(pods, svc, own)...)
	l.Settle(lab.Key("front"))
	if got := l.Targets(original.Spec.TargetGroupARN); !slices.Equal(got,
		[]string{"10.0.128.50:8080", "10.0.128.66:8080"}) {
		t.Errorf("targets %v\n%s", got, strings.Join(l.Events, "\n"))
	}
}
