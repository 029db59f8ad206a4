package controller

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// precedingLab is a lab with a target group of nobody's in the cluster, in which an address is registered, and a pod.
func precedingLab(t *testing.T, flags ...string) (l *lab, arn string) {
	t.Helper()
	l = newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	if len(flags) > 0 {
		l.flags(flags...)
	}
	l.checkpointed = true
	l.restart()
	arn = l.targetGroup(elbtypes.TargetTypeEnumIp)
	_, err := l.sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.77"), Port: aws.Int32(80)}}})
	l.must(err)
	l.create(labPods("a", "10.0.128.50")...)
	return l, arn
}

func (l *lab) wantTargets(arn string, want ...string) {
	l.Helper()
	if got := l.targets(arn); !slices.Equal(got, want) {
		l.Errorf("targets %v, want %v", got, want)
	}
}

func TestTargetsBeforeABindingStay(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "over restarts": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := precedingLab(t)
			l.create(labBinding(arn, v1beta1.TargetTypeIP))
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			if told := strings.Join(l.events, "\n"); !strings.Contains(told, "["+string(diag.TargetsKept)+"]") {
				t.Error("no event tells of it:", told)
			}
			if restarts {
				l.restart()
			}
			for _, o := range labPods("a", "10.0.128.50") {
				l.must(l.client.Delete(t.Context(), o))
			}
			l.create(labPods("a", "10.0.128.51")...)
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80", "10.0.128.51:8080")
			if restarts {
				l.restart()
			}
			b := l.allBindings()[0]
			l.must(l.client.Delete(t.Context(), &b))
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80")
		})
	}
}

// A binding that goes before it served has registered nothing.
func TestBindingThatNeverServedDeregistersNothing(t *testing.T) {
	t.Parallel()
	l, arn := precedingLab(t)
	b := labBinding(arn, v1beta1.TargetTypeIP)
	b.Spec.ServiceRef.Name = "gone"
	l.create(b)
	l.settle()
	l.must(l.client.Delete(t.Context(), b))
	l.settle()
	l.wantTargets(arn, "10.0.1.77:80")
}

// Under the existing controller a binding had all targets of its group for its own: what is left of a pod goes.
func TestTargetsOfAnUpgradedBindingGo(t *testing.T) {
	t.Parallel()
	l, arn := precedingLab(t)
	b := labBinding(arn, v1beta1.TargetTypeIP)
	b.Status.ObservedGeneration = aws.Int64(1)
	l.create(b)
	l.settle()
	l.wantTargets(arn, "10.0.128.50:8080")
}

func TestBindableTargetGroups(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string][]string{"none": {"10.0.1.77:80"}, "blog=*": {"10.0.1.77:80"}, "shop=*": {"10.0.1.77:80", "10.0.128.50:8080"}} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			l, arn := precedingLab(t, "--bindable-target-groups="+flag)
			b := labBinding(arn, v1beta1.TargetTypeIP)
			l.create(b)
			l.settle()
			l.wantTargets(arn, want...)
			refused := strings.Contains(strings.Join(l.events, "\n"), "["+string(diag.TargetGroupNotAllowed)+"]")
			if refused != (len(want) == 1) {
				t.Errorf("refused: %t, %v", refused, l.events)
			}
			l.must(l.client.Delete(t.Context(), b))
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80")
		})
	}
}

// A new binding waits until it is known whose its target group is. One that has served goes on.
func TestTargetsWhileOwnersAreNotKnown(t *testing.T) {
	t.Parallel()
	for name, served := range map[string]bool{"new": false, "served": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := precedingLab(t)
			b := labBinding(arn, v1beta1.TargetTypeIP)
			if served {
				l.create(b)
				l.settle()
				l.crash()
				l.restart()
				l.create(labPods("b", "10.0.128.51")...)
			}
			_, err := l.sim.Gate.AddFault(gate.Fault{Service: "elasticloadbalancing", Action: "DescribeTags", Code: "InternalFailure", Status: 500})
			l.must(err)
			want := []string{"10.0.1.77:80"}
			if served {
				want = append(want, "10.0.128.50:8080", "10.0.128.51:8080")
			} else {
				l.create(b)
			}
			l.pass(time.Minute, l.beside())
			l.wantTargets(arn, want...)
			l.sim.Gate.ClearFaults()
			l.settle()
			if !served {
				want = append(want, "10.0.128.50:8080")
			}
			l.wantTargets(arn, want...)
		})
	}
}

// A process that could not read checkpoints at its start reads them later, and a binding that is deleted meanwhile waits for them.
func TestDeletedBindingsWaitForLateCheckpoints(t *testing.T) {
	t.Parallel()
	l, arn := precedingLab(t)
	l.create(labBinding(arn, v1beta1.TargetTypeIP))
	l.settle()
	l.crash()
	b := l.allBindings()[0]
	l.must(l.client.Delete(t.Context(), &b))
	away, plain := true, l.client
	whole, _ := plain.(client.WithWatch)
	l.client = interceptor.NewClient(whole, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if _, is := o.(*corev1.ConfigMap); is && away {
			return errAway
		}
		return c.Get(ctx, key, o, opts...)
	}})
	l.restart()
	l.client = plain
	l.pass(10*time.Second, nil)
	l.wantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
	away = false
	l.pass(time.Minute, l.beside())
	l.wantTargets(arn, "10.0.1.77:80")
	if left := l.allBindings(); len(left) > 0 {
		t.Error("the binding is still there")
	}
}

// tagTargetGroup has somebody in AWS tag a target group.
func (l *lab) tagTargetGroup(arn string, tags map[string]string) {
	l.Helper()
	in := &elbv2.AddTagsInput{ResourceArns: []string{arn}}
	for k, v := range tags {
		in.Tags = append(in.Tags, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err := l.sim.Balancing.AddTags(l.Context(), in)
	l.must(err)
}

func TestContestedTargetGroupIsNotBound(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "blog/web", "ingress.k8s.aws/resource": "blog/web-app:80",
		"service.k8s.aws/stack": "evil/web", "service.k8s.aws/resource": "evil/web:80"}
	for _, listed := range []bool{false, true} {
		for claimed, want := range map[string][]string{"blog": {"10.0.1.77:80"}, "shop": {"10.0.128.50:8080"}} {
			l, arn := precedingLab(t)
			tags["ingress.k8s.aws/stack"], tags["ingress.k8s.aws/resource"] = claimed+"/web", claimed+"/web-app:80"
			if listed {
				l.must(l.inventory.Load(t.Context()))
			}
			l.tagTargetGroup(arn, tags)
			if listed {
				l.restart()
			}
			l.create(labBinding(arn, v1beta1.TargetTypeIP))
			l.settle()
			if got := l.targets(arn); !slices.Equal(got, want) {
				t.Errorf("claimed by %s, listed %t: targets %v, want %v", claimed, listed, got, want)
			}
			if told := strings.Join(l.events, "\n"); strings.Contains(told, "["+string(diag.TargetGroupNotAllowed)+"]") != (claimed != "shop") {
				t.Errorf("claimed by %s, listed %t: told\n%s", claimed, listed, told)
			}
		}
	}
}

// The target group is made after the listing, by another process, for a load balancer of another namespace.
func TestTargetGroupYoungerThanListingIsNotBound(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.must(l.inventory.Load(t.Context()))
	arn := l.targetGroup(elbtypes.TargetTypeEnumIp)
	l.tagTargetGroup(arn, map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "blog/web", "ingress.k8s.aws/resource": "blog/web-app:80"})
	b := labBinding(arn, v1beta1.TargetTypeIP)
	b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "blog", "ingress.k8s.aws/stack-name": "web"}
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	if got := l.targets(arn); len(got) > 0 {
		t.Errorf("targets %v", got)
	}
	l.toldOnce("belongs to the load balancer of")
}
