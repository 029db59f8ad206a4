package bindings

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestTargetsBeforeABindingStay(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "over restarts": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "["+string(diag.TargetsKept)+"]") {
				t.Error("no event tells of it:", told)
			}
			if restarts {
				l.Crash()
				l.Restart()
			}
			for _, o := range lab.Pods("a", "10.0.128.50") {
				l.Must(l.Client.Delete(t.Context(), o))
			}
			l.Create(lab.Pods("a", "10.0.128.51")...)
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.51:8080")
			if restarts {
				l.Crash()
				l.Restart()
			}
			b := l.AllBindings()[0]
			l.Must(l.Client.Delete(t.Context(), &b))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80")
		})
	}
}

// A binding that goes before it served has registered nothing.
func TestBindingThatNeverServedDeregistersNothing(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t)
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Spec.ServiceRef.Name = "gone"
	l.Create(b)
	l.Settle()
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80")
}

// What the existing controller has registered cannot be told from what others have: only pods are the binding's own.
func TestTargetsOfAnUpgradedBindingStay(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t)
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Status.ObservedGeneration = aws.Int64(1)
	l.Create(b)
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "["+string(diag.TargetsKept)+"]") {
		t.Error("no event tells of it:", told)
	}
	l.Crash()
	l.Restart()
	l.Must(l.Client.Delete(t.Context(), b))
	for _, o := range lab.Pods("a", "10.0.128.50") {
		l.Must(l.Client.Delete(t.Context(), o))
	}
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80")
}

// TestSwapOfImagesServesBindingsOn has the existing controller have registered all targets of a user's target group. A
// pod, or a node port, is replaced afterwards.
func TestSwapOfImagesServesBindingsOn(t *testing.T) {
	t.Parallel()
	for kind, c := range map[v1beta1.TargetType]struct {
		before, after []string
		edit          func(*lab.Lab)
	}{
		v1beta1.TargetTypeIP: {[]string{"10.0.128.50:8080", "10.0.128.51:8080"}, []string{"10.0.128.50:8080",
			"10.0.128.52:8080"}, func(l *lab.Lab) {
			for _, o := range lab.Pods("b", "10.0.128.51") {
				l.Must(l.Client.Delete(l.Context(), o))
			}
			l.Create(lab.Pods("c", "10.0.128.52")...)
		}},
		v1beta1.TargetTypeInstance: {[]string{"i-0a1de0000000000a1:30080"}, []string{"i-0a1de0000000000a1:30081"},
			func(l *lab.Lab) {
				svc := &corev1.Service{}
				l.Get(svc, "web")
				svc.Spec.Ports[0].NodePort = 30081
				l.Must(l.Client.Update(l.Context(), svc))
			}},
	} {
		for name, checkpoints := range map[string]bool{"checkpoints": true, "no checkpoints": false} {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				t.Parallel()
				l, b := swapped(t, kind, checkpoints, c.before)
				c.edit(l)
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN, c.after...)
				if checkpoints {
					l.Crash()
				}
				l.Restart()
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN, c.after...)
				l.Must(l.Client.Delete(t.Context(), b))
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN)
				if told := strings.Join(l.Events, "\n"); strings.Contains(told, "["+string(diag.TargetsKept)+"]") {
					t.Error("told of targets that stay:", told)
				}
			})
		}
	}
}

// swapped is a lab after a swap of images, with a binding for which the existing controller has registered targets.
func swapped(t *testing.T, kind v1beta1.TargetType, checkpoints bool, targets []string) (*lab.Lab,
	*v1beta1.TargetGroupBinding) {
	t.Helper()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnum(kind)), kind)
	b.Status.ObservedGeneration, b.Finalizers = aws.Int64(1), []string{naming.BindingFinalizer}
	for _, target := range targets {
		id, text, _ := strings.Cut(target, ":")
		port, err := strconv.ParseInt(text, 10, 32)
		l.Must(err)
		_, err = l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{
			TargetGroupArn: &b.Spec.TargetGroupARN, Targets: []elbtypes.TargetDescription{{Id: &id, Port: aws.Int32(int32(port))}}})
		l.Must(err)
	}
	l.Create(append(slices.Concat(lab.Pods("a", "10.0.128.50"), lab.Pods("b", "10.0.128.51")), b)...)
	l.Checkpointed = checkpoints
	l.Restart()
	l.Settle()
	l.WantTargets(b.Spec.TargetGroupARN, targets...)
	return l, b
}

// The image is swapped, and the binding deleted before the new process has reconciled it.
func TestUpgradedBindingThatEndsDeregistersItsNodes(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	arn := l.TargetGroup(elbtypes.TargetTypeEnumInstance)
	_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
		Targets: []elbtypes.TargetDescription{{Id: aws.String("i-0a1de0000000000a1"), Port: aws.Int32(30080)},
			{Id: aws.String("i-0a1de0000000000a1"), Port: aws.Int32(30099)}}})
	l.Must(err)
	b := lab.Binding(arn, v1beta1.TargetTypeInstance)
	b.Status.ObservedGeneration, b.Finalizers = aws.Int64(1), []string{naming.BindingFinalizer}
	b.Spec.Networking = nil
	l.Create(b)
	l.Checkpointed = true
	l.Restart()
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	l.WantTargets(arn, "i-0a1de0000000000a1:30099")
	if l.Get(&v1beta1.TargetGroupBinding{}, "bound") {
		t.Error("the binding does not end")
	}
	l.ToldOnce("[" + string(diag.TargetsKept) + "]")
}

// A target counts as one of others only until it is one of the binding's pods.
func TestPrecedingTargetBecomesThatOfAPod(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t)
	l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
	l.Settle()
	l.Create(lab.Pods("b", "10.0.1.77")...)
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-b")
	slice.Ports[0].Port = aws.Int32(80)
	l.Must(l.Client.Update(t.Context(), slice))
	l.Settle()
	l.Crash()
	l.Restart()
	b := l.AllBindings()[0]
	l.Must(l.Client.Delete(t.Context(), &b))
	l.Settle()
	l.WantTargets(arn)
}

// A pod that is not ready at the start, and was registered by an earlier controller, is no target of others.
func TestPodsOfTheNamespacePrecedeNoBinding(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t)
	l.Must(l.Client.DeleteAllOf(t.Context(), &discoveryv1.EndpointSlice{}, client.InNamespace("shop")))
	_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.50"), Port: aws.Int32(8080)}}})
	l.Must(err)
	l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80")
}

// suspensions have a binding that serves wait for a correction.
var suspensions = map[string]func(*lab.Lab){
	"misspelt Service": func(l *lab.Lab) {
		b := l.AllBindings()[0]
		b.Spec.ServiceRef.Name = "gone"
		b.Generation++
		l.Must(l.Client.Update(l.Context(), &b))
	},
	"narrowed flag": func(l *lab.Lab) { l.Flags("--bindable-target-groups=none") },
}

// Checkpoints drop after a start what nobody puts again, and passes over suspended bindings do not reach targets.
func TestSuspendedBindingKeepsItsRecord(t *testing.T) {
	t.Parallel()
	for name, suspend := range suspensions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			l.Settle()
			suspend(l)
			for range 3 {
				l.Crash()
				l.Restart()
				l.Settle()
				l.Clock.Advance(2 * time.Hour)
			}
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			b := l.AllBindings()[0]
			l.Must(l.Client.Delete(t.Context(), &b))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80")
		})
	}
}

// The rules that a binding keeps after a start because of its status stay for an hour only, also if nothing is edited.
func TestSuspendedBindingIsReconsidered(t *testing.T) {
	t.Parallel()
	l, _ := lab.BoundLab(t)
	suspensions["misspelt Service"](l)
	l.Checkpointed = true
	l.Restart()
	q := &wokenBindings{}
	l.Bound.Waker.SetQueue(q)
	l.Settle()
	if !slices.Contains(q.names, "bound") {
		t.Errorf("woken: %v", q.names)
	}
}

// The ConfigMaps may be deleted, or have had no room. What is not known to be the binding's own stays then.
func TestLostRecordDeregistersNothing(t *testing.T) {
	t.Parallel()
	for name, suspend := range map[string]func(*lab.Lab){"serving": func(*lab.Lab) {},
		"suspended": suspensions["misspelt Service"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			l.Settle()
			suspend(l)
			l.Settle()
			l.Crash()
			for _, m := range l.Checkpoints() {
				if strings.Contains(m.Name, "-memory-") || strings.Contains(m.Name, "-journal-") {
					l.Must(l.Client.Delete(t.Context(), &m))
				}
			}
			l.Restart()
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			b := l.AllBindings()[0]
			l.Must(l.Client.Delete(t.Context(), &b))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80")
		})
	}
}

// The API server may not answer reads of ConfigMaps when a process begins. What it does not know of a binding does not
// replace what it reads later.
func TestRecordThatIsReadLateCounts(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"failing", "throttled", "hanging", "expired token"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			l.Misreads = &lab.Misreads{}
			l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			l.Settle()
			l.Crash()
			struck := l.Misreads.Fail(lab.KindOf(&corev1.ConfigMap{}), way)
			for _, o := range lab.Pods("a", "10.0.128.50") {
				l.Must(l.Client.Delete(t.Context(), o))
			}
			l.Create(lab.Pods("a", "10.0.128.51")...)
			l.Restart()
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080", "10.0.128.51:8080")
			if struck() == 0 {
				t.Error("no ConfigMap was read")
			}
			l.Misreads.End()
			_, err := l.Checkpointer.Write(t.Context())
			l.Must(err)
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.51:8080")
		})
	}
}

// TestWrongAnswerAboutTargetsDeregistersNone has AWS answer without targets, or without some of them, while a binding is
// new.
func TestWrongAnswerAboutTargetsDeregistersNone(t *testing.T) {
	t.Parallel()
	meanwhile := map[string]func(*lab.Lab){
		"":          func(*lab.Lab) {},
		"a restart": func(l *lab.Lab) { l.Crash(); l.Restart() },
		"another look": func(l *lab.Lab) {
			l.Bound.Registry.Invalidate(registrar.Group{ARN: l.AllBindings()[0].Spec.TargetGroupARN})
		},
		"a deletion": func(l *lab.Lab) {
			b := l.AllBindings()[0]
			l.Must(l.Client.Delete(l.Context(), &b))
		},
	}
	for way, fault := range map[string]gate.Fault{"empty": {Empty: true}, "partial": {Partial: true}} {
		for name, then := range meanwhile {
			for span, long := range map[string]time.Duration{"for a minute": time.Minute, "for an hour": time.Hour} {
				if fault.Partial && long == time.Hour { // after a while, an answer with the binding's own targets is believed
					continue
				}
				t.Run(strings.Join([]string{way, name, span}, ", "), func(t *testing.T) {
					t.Parallel()
					l, arn := lab.PrecedingLab(t)
					_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
						Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.78"), Port: aws.Int32(80)},
							{Id: aws.String("10.0.1.79"), Port: aws.Int32(80)}}})
					l.Must(err)
					_, err = l.Sim.Gate.AddFault(gate.Fault{ID: "targets", Service: "elasticloadbalancing",
						Action: "DescribeTargetHealth", Empty: fault.Empty, Partial: fault.Partial})
					l.Must(err)
					l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
					l.Settle()
					l.Clock.Advance(long)
					l.Settle()
					then(l)
					l.Sim.Gate.RemoveFault("targets")
					want := []string{"10.0.1.77:80", "10.0.1.78:80", "10.0.1.79:80"}
					for range 3 {
						l.Settle()
						if len(l.AllBindings()) > 0 {
							l.WantTargets(arn, append(want, "10.0.128.50:8080")...)
						} else {
							l.WantTargets(arn, want...)
						}
						l.Clock.Advance(10 * time.Minute)
					}
				})
			}
		}
	}
}

// TestLateTargetOfAnotherIsDeregistered has somebody register a target once it is confirmed which preceded a binding.
func TestLateTargetOfAnotherIsDeregistered(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t)
	l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
	l.Settle()
	l.Clock.Advance(10 * time.Minute)
	l.Settle()
	_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.78"), Port: aws.Int32(80)}}})
	l.Must(err)
	l.Bound.Registry.Invalidate(registrar.Group{ARN: arn})
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
}

func TestBindableTargetGroups(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string][]string{"none": {"10.0.1.77:80"}, "blog=*": {"10.0.1.77:80"},
		"shop=*": {"10.0.1.77:80", "10.0.128.50:8080"}} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t, "--bindable-target-groups="+flag)
			b := lab.Binding(arn, v1beta1.TargetTypeIP)
			l.Create(b)
			l.Settle()
			l.WantTargets(arn, want...)
			refused := strings.Contains(strings.Join(l.Events, "\n"), "["+string(diag.TargetGroupNotAllowed)+"]")
			if refused != (len(want) == 1) {
				t.Errorf("refused: %t, %v", refused, l.Events)
			}
			l.Must(l.Client.Delete(t.Context(), b))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80")
		})
	}
}

// TestNarrowedFlagLeavesTargetsUntilDeletion narrows the flag while a binding serves: its deletion deregisters them.
func TestNarrowedFlagLeavesTargetsUntilDeletion(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t, "--bindable-target-groups=*")
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	l.Create(b)
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
	l.Flags("--bindable-target-groups=none")
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	l.WantTargets(arn, "10.0.1.77:80")
}

// A new binding waits until it is known whose its target group is. One that has served goes on.
func TestTargetsWhileOwnersAreNotKnown(t *testing.T) {
	t.Parallel()
	for name, served := range map[string]bool{"new": false, "served": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			b := lab.Binding(arn, v1beta1.TargetTypeIP)
			if served {
				l.Create(b)
				l.Settle()
				l.Crash()
				l.Restart()
				l.Create(lab.Pods("b", "10.0.128.51")...)
			}
			_, err := l.Sim.Gate.AddFault(gate.Fault{Service: "elasticloadbalancing", Action: "DescribeTags",
				Code: "InternalFailure", Status: 500})
			l.Must(err)
			want := []string{"10.0.1.77:80"}
			if served {
				want = append(want, "10.0.128.50:8080", "10.0.128.51:8080")
			} else {
				l.Create(b)
			}
			l.Pass(time.Minute, l.Beside())
			l.WantTargets(arn, want...)
			l.Sim.Gate.ClearFaults()
			l.Settle()
			if !served {
				want = append(want, "10.0.128.50:8080")
			}
			l.WantTargets(arn, want...)
		})
	}
}

// A process that could not read checkpoints at its start reads them later, and a binding that is deleted meanwhile
// waits for them.
func TestDeletedBindingsWaitForLateCheckpoints(t *testing.T) {
	t.Parallel()
	l, arn := lab.PrecedingLab(t)
	l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
	l.Settle()
	l.Crash()
	b := l.AllBindings()[0]
	l.Must(l.Client.Delete(t.Context(), &b))
	away, plain := true, l.Client
	whole, _ := plain.(client.WithWatch)
	l.Client = interceptor.NewClient(whole, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if _, is := o.(*corev1.ConfigMap); is && away {
			return lab.ErrAway
		}
		return c.Get(ctx, key, o, opts...)
	}})
	l.Restart()
	l.Client = plain
	l.Pass(10*time.Second, nil)
	l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
	away = false
	l.Pass(time.Minute, l.Beside())
	l.WantTargets(arn, "10.0.1.77:80")
	if left := l.AllBindings(); len(left) > 0 {
		t.Error("the binding is still there")
	}
}

// tagTargetGroup has somebody in AWS tag a target group.
func tagTargetGroup(l *lab.Lab, arn string, tags map[string]string) {
	l.Helper()
	in := &elbv2.AddTagsInput{ResourceArns: []string{arn}}
	for k, v := range tags {
		in.Tags = append(in.Tags, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err := l.Sim.Balancing.AddTags(l.Context(), in)
	l.Must(err)
}

func TestAmbiguousTargetGroupIsNotBound(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "blog/web",
		"ingress.k8s.aws/resource": "blog/web-app:80",
		"service.k8s.aws/stack":    "evil/web", "service.k8s.aws/resource": "evil/web:80"}
	for _, listed := range []bool{false, true} {
		for claimed, want := range map[string][]string{"blog": {"10.0.1.77:80"}, "shop": {"10.0.128.50:8080"}} {
			l, arn := lab.PrecedingLab(t)
			tags["ingress.k8s.aws/stack"], tags["ingress.k8s.aws/resource"] = claimed+"/web", claimed+"/web-app:80"
			if listed {
				l.Must(l.Inventory.Load(t.Context()))
			}
			tagTargetGroup(l, arn, tags)
			if listed {
				l.Restart()
			}
			l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			l.Settle()
			if got := l.Targets(arn); !slices.Equal(got, want) {
				t.Errorf("claimed by %s, listed %t: targets %v, want %v", claimed, listed, got, want)
			}
			if told := strings.Join(l.Events, "\n"); strings.Contains(told, "["+string(diag.TargetGroupNotAllowed)+"]") !=
				(claimed != "shop") {
				t.Errorf("claimed by %s, listed %t: told\n%s", claimed, listed, told)
			}
		}
	}
}

// The target group is made after the listing, by another process, for a load balancer of another namespace.
func TestTargetGroupYoungerThanListingIsNotBound(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]v1beta1.TargetGroupBindingStatus{"": {}, "with a forged status": {
		ObservedGeneration: aws.Int64(1)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bindsNoYoungerTargetGroup(t, status)
		})
	}
}

func bindsNoYoungerTargetGroup(t *testing.T, status v1beta1.TargetGroupBindingStatus) {
	t.Helper()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Must(l.Inventory.Load(t.Context()))
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	tagTargetGroup(l, arn, map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "blog/web",
		"ingress.k8s.aws/resource": "blog/web-app:80"})
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "blog", "ingress.k8s.aws/stack-name": "web"}
	b.Status = status
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	if got := l.Targets(arn); len(got) > 0 {
		t.Errorf("targets %v", got)
	}
	l.ToldOnce("belongs to the load balancer of")
}
