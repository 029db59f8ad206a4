package bindings

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// starts are how a process may begin: with or without what an earlier one kept, and the API server to ask.
var starts = map[string]func(*emptying){
	"without checkpoints": func(*emptying) {},
	"with checkpoints":    func(l *emptying) { l.Checkpointed = true },
	"with an API server":  func(l *emptying) { l.Misreads = &lab.Misreads{} },
}

// begin begins another process.
func (l *emptying) begin() {
	if l.Checkpointed && l.Checkpointer != nil {
		l.End()
	}
	l.Restart()
}

// TestServiceEditSeenAtAStartKeepsTargets edits a Service while no process runs.
func TestServiceEditSeenAtAStartKeepsTargets(t *testing.T) {
	t.Parallel()
	for way, start := range starts {
		for name, misspell := range misspellings {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				l := newEmptying(t)
				start(l)
				l.Restart()
				l.Settle()
				l.edit(misspell)
				l.endpoints()
				l.Events = nil
				l.begin()
				l.registered("at the start", 2)
				if told := strings.Join(l.Events, "\n"); strings.Count(told, "Service shop/web BackendNotFound: since") != 1 {
					t.Errorf("told:\n%s", told)
				}
				if rules := l.Admitted(lab.NodeGroup); !slices.Contains(rules, lab.Peer+" 8080-8080") {
					t.Errorf("rules %v", rules)
				}
				l.begin()
				l.registered("after another start", 2)
				l.Must(l.Client.Delete(t.Context(), l.pods[0]))
				l.registered("a pod ends", 1)
				fresh := l.pods[1].DeepCopy()
				fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
				l.Create(fresh)
				l.endpoints(fresh)
				l.registered("endpoints again", 1)
			})
		}
	}
}

// TestEndpointSlicesThatFollowAfterAStartKeepTargets has the EndpointSlices follow an edit after the start.
func TestEndpointSlicesThatFollowAfterAStartKeepTargets(t *testing.T) {
	t.Parallel()
	for way, start := range starts {
		for name, misspell := range misspellings {
			if name == "no selector" {
				continue
			}
			for _, some := range []bool{false, true} {
				if some && way != "with an API server" {
					continue // nothing confirms what is registered before targets leave
				}
				t.Run(way+", "+name, func(t *testing.T) {
					t.Parallel()
					l := newEmptying(t)
					start(l)
					l.Restart()
					l.Settle()
					l.edit(misspell)
					if some {
						l.endpoints(l.pods[0])
					}
					l.begin()
					l.registered("at the start", 2)
					l.endpoints(l.pods[0])
					l.registered("some EndpointSlices follow", 2)
					l.endpoints()
					l.registered("all EndpointSlices follow", 2)
					l.Must(l.Client.Delete(t.Context(), l.pods[0]))
					l.registered("a pod ends", 1)
				})
			}
		}
	}
}

// TestServiceEmptiedBeforeAStartLosesTargets takes the pods from a Service while no process runs, or asks for it.
func TestServiceEmptiedBeforeAStartLosesTargets(t *testing.T) {
	t.Parallel()
	each := func(change func(l *emptying, p *corev1.Pod)) func(*emptying) {
		return func(l *emptying) {
			for _, p := range l.pods {
				l.Get(p, p.Name)
				change(l, p)
			}
			l.endpoints()
		}
	}
	for name, change := range map[string]func(*emptying){
		"scaled to zero": each(func(l *emptying, p *corev1.Pod) { l.Must(l.Client.Delete(l.Context(), p)) }),
		"not ready": each(func(l *emptying, p *corev1.Pod) {
			for i := range p.Status.Conditions {
				p.Status.Conditions[i].Status = corev1.ConditionFalse
			}
			l.Must(l.Client.Status().Update(l.Context(), p))
		}),
		"deleted Service": func(l *emptying) { l.Must(l.Client.Delete(l.Context(), lab.Service("web"))) },
		"allowed": func(l *emptying) {
			l.edit(misspellings["selector"])
			l.endpoints()
			o := &v1beta1.TargetGroupBinding{}
			l.Get(o, "bound")
			o.Annotations = map[string]string{"elbv2.k8s.aws/allow-deregistration": "true"}
			l.Must(l.Client.Update(l.Context(), o))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			l.Checkpointed = true
			l.Restart()
			l.Settle()
			l.Clock.Advance(time.Hour)
			l.registered("before", 2)
			change(l)
			l.begin()
			l.registered("at the start", 0)
			if told := strings.Join(l.Events, "\n"); strings.Contains(told, "since an edit") {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

// TestPodsTakenOutByLabelAfterAStartAreDeregistered takes the labels from pods some time after a start.
func TestPodsTakenOutByLabelAfterAStartAreDeregistered(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.begin()
	l.Settle()
	l.Clock.Advance(time.Hour)
	for _, p := range l.pods {
		l.Get(p, p.Name)
		p.Labels = nil
		l.Must(l.Client.Update(t.Context(), p))
	}
	l.endpoints()
	l.registered("taken out", 0)
}

// TestPortEditSeenAtAStartKeepsTargets gives the port of a Service another number while no process runs.
func TestPortEditSeenAtAStartKeepsTargets(t *testing.T) {
	t.Parallel()
	for way, start := range starts {
		for name, target := range map[string]int32{"same pods": 8080, "another port": 9999} {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				l := newEmptying(t)
				start(l)
				l.Restart()
				l.Settle()
				l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].Port, s.Ports[0].TargetPort = 81, intstr.FromInt32(target) })
				l.Get(l.slice, l.slice.Name)
				l.slice.Ports[0].Port = &target
				l.Must(l.Client.Update(t.Context(), l.slice))
				l.Events = nil
				l.begin()
				l.registered("at the start", 2)
				l.ToldOnce("TargetGroupBinding shop/bound BackendNotFound: ", "Service shop/web BackendNotFound: ")
				if rules := l.Admitted(lab.NodeGroup); !slices.Contains(rules, lab.Peer+" 8080-8080") {
					t.Errorf("rules %v", rules)
				}
				fresh := l.pods[1].DeepCopy()
				fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
				l.Create(fresh)
				l.endpoints(l.pods[0], l.pods[1], fresh)
				if target == 8080 {
					l.registered("another pod", 3)
				}
				l.Must(l.Client.Delete(t.Context(), l.pods[0]))
				l.Settle()
				if got := l.Targets(l.arn); slices.Contains(got, "10.0.128.50:8080") || !slices.Contains(got, "10.0.128.51:8080") {
					t.Errorf("a pod ends: targets %v", got)
				}
			})
		}
	}
}

// TestNodePortEditSeenAtAStartKeepsTargets gives the port of a Service another number, and perhaps another node port,
// while no process runs.
func TestNodePortEditSeenAtAStartKeepsTargets(t *testing.T) {
	t.Parallel()
	for way, start := range starts {
		for name, c := range map[string]struct {
			nodePort int32
			want     int
		}{"same node port": {30080, 1}, "another node port": {30081, 0}} {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				svc := lab.Service("web")
				svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
				l := &emptying{Lab: lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))}
				l.arn = l.TargetGroup(elbtypes.TargetTypeEnumInstance)
				o := lab.Binding(l.arn, v1beta1.TargetTypeInstance)
				o.Generation = 1
				l.Create(o)
				l.registered("at first", 1)
				start(l)
				l.Restart()
				l.Settle()
				l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].Port, s.Ports[0].NodePort = 81, c.nodePort })
				l.begin()
				if !l.Checkpointed { // nothing shows who registered the node
					c.want = 1
				}
				l.registered("at the start", c.want)
				l.begin()
				l.registered("after another start", c.want)
			})
		}
	}
}

// TestRulesStayWhileAStartDoesNotKnowTheTargets has AWS not tell at a start which targets are registered.
func TestRulesStayWhileAStartDoesNotKnowTheTargets(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*emptying){
		"selector": func(l *emptying) { l.edit(misspellings["selector"]); l.endpoints() },
		"port":     func(l *emptying) { l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].Port = 81 }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			l.Misreads = &lab.Misreads{}
			edit(l)
			l.Events = nil
			l.Fault(gate.Fault{Action: "DescribeTargetHealth", Code: "InternalFailure", Status: 500})
			l.begin()
			for range 4 {
				_, _ = l.Round()
			}
			if rules := l.Admitted(lab.NodeGroup); !slices.Contains(rules, lab.Peer+" 8080-8080") {
				t.Errorf("unread: rules %v", rules)
			}
			l.Sim.Gate.RemoveFault("budget")
			l.Clock.Advance(time.Hour)
			l.registered("read", 2)
			if rules := l.Admitted(lab.NodeGroup); !slices.Contains(rules, lab.Peer+" 8080-8080") {
				t.Errorf("read: rules %v", rules)
			}
		})
	}
}

// TestServiceEditSeenAtAStartKeepsTargetsOfAnIngress edits the Service of a served Ingress while no process runs.
func TestServiceEditSeenAtAStartKeepsTargetsOfAnIngress(t *testing.T) {
	t.Parallel()
	renumber := func(l *emptying) { l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].Port = 81 }) }
	for way, start := range starts {
		for name, c := range map[string]struct {
			targets string
			edit    func(*emptying)
		}{
			"selector":        {"ip", func(l *emptying) { l.edit(misspellings["selector"]); l.endpoints() }},
			"port":            {"ip", renumber},
			"port, instances": {"instance", renumber},
		} {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				l := newEmptying(t)
				l.Must(l.Client.Delete(t.Context(), lab.Binding(l.arn, v1beta1.TargetTypeIP)))
				l.edit(func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080 })
				l.Create(lab.Class())
				start(l)
				l.Restart()
				l.Create(lab.Ingress("site", map[string]string{"target-type": c.targets}, "web"))
				l.Settle(lab.Key("site"))
				var all v1beta1.TargetGroupBindingList
				l.Must(l.Client.List(t.Context(), &all))
				if len(all.Items) != 1 {
					t.Fatalf("%d bindings", len(all.Items))
				}
				l.arn = all.Items[0].Spec.TargetGroupARN
				before := l.Targets(l.arn)
				if len(before) == 0 {
					t.Fatal("no targets")
				}
				l.Clock.Advance(time.Hour)
				l.Settle(lab.Key("site"))
				c.edit(l)
				l.begin()
				l.Settle(lab.Key("site"))
				l.registered("at the start", len(before))
				l.Clock.Advance(time.Hour)
				l.begin()
				l.Settle(lab.Key("site"))
				l.registered("at another start", len(before))
			})
		}
	}
}
