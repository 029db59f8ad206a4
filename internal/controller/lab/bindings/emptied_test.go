package bindings

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// emptying is a Service with two ready pods.
type emptying struct {
	*lab.Lab
	arn   string
	pods  []*corev1.Pod
	slice *discoveryv1.EndpointSlice
}

func newEmptying(t *testing.T) *emptying {
	t.Helper()
	svc := lab.Service("web")
	svc.Spec.Selector = map[string]string{"app": "web"}
	l := &emptying{Lab: lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))}
	l.arn = l.TargetGroup(elbtypes.TargetTypeEnumIp)
	all := lab.Pods("a", "10.0.128.50", "10.0.128.51")
	for _, o := range all {
		switch x := o.(type) {
		case *corev1.Pod:
			x.Labels = map[string]string{"app": "web"}
			x.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			l.pods = append(l.pods, x)
		case *discoveryv1.EndpointSlice:
			l.slice = x
		}
	}
	l.Create(append(all, lab.Binding(l.arn, v1beta1.TargetTypeIP))...)
	l.Settle()
	l.Events = nil
	return l
}

// edit edits the Service, as a user does.
func (l *emptying) edit(change func(*corev1.ServiceSpec)) {
	svc := &corev1.Service{}
	l.Get(svc, "web")
	change(&svc.Spec)
	l.Must(l.Client.Update(l.Context(), svc))
}

// endpoints writes the endpoints of the Service, as Kubernetes does.
func (l *emptying) endpoints(pods ...*corev1.Pod) {
	l.Get(l.slice, l.slice.Name)
	l.slice.Endpoints = nil
	for _, p := range pods {
		l.slice.Endpoints = append(l.slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{p.Status.PodIP},
			NodeName: ptr.To("a"), TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: p.Name}})
	}
	l.Must(l.Client.Update(l.Context(), l.slice))
}

func (l *emptying) registered(when string, want int) {
	l.Helper()
	l.Settle()
	if got := l.Targets(l.arn); len(got) != want {
		l.Errorf("%s: targets %v, want %d", when, got, want)
	}
}

// misspellings are edits of a Service that leave it without endpoints.
var misspellings = map[string]func(*corev1.ServiceSpec){
	"selector":    func(s *corev1.ServiceSpec) { s.Selector = map[string]string{"app": "wbe"} },
	"no selector": func(s *corev1.ServiceSpec) { s.Selector = nil },
	"targetPort":  func(s *corev1.ServiceSpec) { s.Ports[0].TargetPort = intstr.FromString("htpp") },
}

// TestServiceEditWithoutEndpointsKeepsTargets edits a Service so that it has no endpoints. The targets stay while their
// pods serve.
func TestServiceEditWithoutEndpointsKeepsTargets(t *testing.T) {
	t.Parallel()
	for name, misspell := range misspellings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			l.edit(misspell)
			l.endpoints()
			l.registered("misspelt", 2)
			told := strings.Join(l.Events, "\n")
			for _, object := range []string{"TargetGroupBinding shop/bound", "Service shop/web"} {
				if !strings.Contains(told, object+" BackendNotFound: since an edit of Service shop/web") {
					t.Errorf("%s is not told:\n%s", object, told)
				}
			}
			if strings.Contains(told, "<none>") {
				t.Error(told)
			}
			l.Restart()
			l.registered("after a restart", 2)
			l.Must(l.Client.Delete(t.Context(), l.pods[0]))
			l.registered("a pod ends", 1)
			l.Restart()
			l.registered("after another restart", 1)
			fresh := l.pods[1].DeepCopy()
			fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
			l.Create(fresh)
			l.endpoints(fresh)
			l.registered("endpoints again", 1)
			if got := l.Targets(l.arn); !strings.Contains(strings.Join(got, " "), "10.0.128.52") {
				t.Errorf("targets %v", got)
			}
		})
	}
}

// TestServiceEditBeforeItsEndpointSlicesKeepsTargets has a pass between an edit of a Service and the EndpointSlices
// that follow it.
func TestServiceEditBeforeItsEndpointSlicesKeepsTargets(t *testing.T) {
	t.Parallel()
	for name, misspell := range misspellings {
		if name == "no selector" {
			continue // EndpointSlices that follow are by whoever means them
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			l.edit(misspell)
			l.registered("the Service is edited", 2)
			l.endpoints(l.pods[0])
			l.registered("some EndpointSlices follow", 2)
			l.endpoints(l.pods[0])
			l.registered("nothing else follows", 2)
			l.Restart()
			l.registered("after a restart", 2)
			l.endpoints()
			l.registered("all EndpointSlices follow", 2)
			l.Must(l.Client.Delete(t.Context(), l.pods[0]))
			l.registered("a pod ends", 1)
		})
	}
}

// TestNarrowedServiceLosesTargets narrows a selector so that it selects some of the former pods.
func TestNarrowedServiceLosesTargets(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.Get(l.pods[0], l.pods[0].Name)
	l.pods[0].Labels["color"] = "blue"
	l.Must(l.Client.Update(t.Context(), l.pods[0]))
	l.edit(func(s *corev1.ServiceSpec) { s.Selector["color"] = "blue" })
	l.registered("the Service is edited", 2)
	l.endpoints(l.pods[0])
	l.registered("the EndpointSlices follow", 1)
}

// TestEditThatWasTakenBackIsOver corrects a misspelt selector before all EndpointSlices followed, while the pod ends that
// had left them. Later another pod leaves the Service.
func TestEditThatWasTakenBackIsOver(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	third := l.pods[1].DeepCopy()
	third.Name, third.ResourceVersion, third.UID, third.Status.PodIP = "third", "", "", "10.0.128.52"
	l.Create(third)
	l.endpoints(l.pods[0], l.pods[1], third)
	l.registered("before", 3)
	l.edit(misspellings["selector"])
	l.endpoints(l.pods[0], l.pods[1])
	l.registered("misspelt", 3)
	l.edit(func(s *corev1.ServiceSpec) { s.Selector = map[string]string{"app": "web"} })
	l.Must(l.Client.Delete(t.Context(), third))
	l.registered("taken back", 2)
	l.endpoints(l.pods[0])
	l.registered("another pod leaves", 1)
}

// liveReads counts the reads of the API server, and refuses those of Services.
type liveReads struct {
	client.Reader
	refuse bool
	count  int
}

func (r *liveReads) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	r.count++
	if _, ok := o.(*corev1.Service); ok && r.refuse {
		return errors.New("unavailable")
	}
	return r.Reader.Get(ctx, key, o, options...)
}

func (r *liveReads) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.count++
	return r.Reader.List(ctx, list, options...)
}

// asking has the lab confirm what the caches lack with the API server.
func (l *emptying) asking() *liveReads {
	l.Misreads = &lab.Misreads{}
	l.Restart()
	l.Settle()
	r := &liveReads{Reader: l.Bound.APIReader}
	l.Bound.APIReader = r
	return r
}

// TestFailedLiveReadOfTheServiceKeepsTargets has a pod leave a Service, and another join it, while the API server does
// not tell whether the Service was edited.
func TestFailedLiveReadOfTheServiceKeepsTargets(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	live := l.asking()
	live.refuse = true
	expect := func(when string, want ...string) {
		t.Helper()
		for range 4 {
			_, _ = l.Round()
			l.Clock.Advance(time.Second)
		}
		if got := slices.Sorted(slices.Values(l.Targets(l.arn))); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v\n%s", when, got, want, strings.Join(l.Events, "\n"))
		}
	}
	l.endpoints(l.pods[1])
	expect("a pod left", "10.0.128.50:8080", "10.0.128.51:8080")
	fresh := l.pods[1].DeepCopy()
	fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
	l.Create(fresh)
	l.endpoints(l.pods[1], fresh)
	expect("another joined", "10.0.128.50:8080", "10.0.128.51:8080", "10.0.128.52:8080")
	l.Must(l.Client.Delete(t.Context(), l.pods[1]))
	l.endpoints(fresh)
	expect("one ended", "10.0.128.50:8080", "10.0.128.52:8080")
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "reading Service shop/web: unavailable") ||
		strings.Contains(told, "since an edit") {
		t.Errorf("told:\n%s", told)
	}
	live.refuse = false
	expect("the API server answers", "10.0.128.52:8080")
}

// TestPodsThatEndNeedNoLiveReads has the EndpointSlices in the caches before the Pods.
func TestPodsThatEndNeedNoLiveReads(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	live := l.asking()
	for n := range l.pods {
		l.Get(l.slice, l.slice.Name)
		l.slice.Endpoints[n].Conditions = discoveryv1.EndpointConditions{Ready: ptr.To(false), Terminating: ptr.To(true)}
		l.Must(l.Client.Update(t.Context(), l.slice))
		l.registered("an endpoint terminates", 1-n)
	}
	if live.count > 0 {
		t.Errorf("%d reads of the API server", live.count)
	}
}

// TestCorrectedServiceReleasesTargets corrects a misspelt selector before all EndpointSlices followed.
func TestCorrectedServiceReleasesTargets(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.edit(misspellings["selector"])
	l.endpoints(l.pods[0])
	l.registered("misspelt", 2)
	l.Get(l.pods[0], l.pods[0].Name)
	l.pods[0].Labels["color"] = "blue"
	l.Must(l.Client.Update(t.Context(), l.pods[0]))
	l.edit(func(s *corev1.ServiceSpec) { s.Selector = map[string]string{"color": "blue"} })
	l.registered("corrected", 1)
}

// TestEmptiedServiceKeepsRulesWhileTargetsAreUnread restarts while AWS does not tell which targets are registered.
func TestEmptiedServiceKeepsRulesWhileTargetsAreUnread(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.edit(misspellings["selector"])
	l.endpoints()
	l.Settle()
	admitted := func(when string, want bool) {
		t.Helper()
		rules := l.Admitted(lab.NodeGroup)
		if slices.Contains(rules, lab.Peer+" 8080-8080") != want {
			t.Errorf("%s: rules %v", when, rules)
		}
	}
	l.Fault(gate.Fault{Action: "DescribeTargetHealth", Code: "InternalFailure", Status: 500})
	for range 2 {
		l.Restart()
		for range 4 {
			_, _ = l.Round()
		}
		admitted("unread", true)
	}
	l.Sim.Gate.RemoveFault("budget")
	l.Clock.Advance(time.Hour)
	l.registered("read", 2)
	admitted("read", true)
	for _, p := range l.pods {
		l.Must(l.Client.Delete(t.Context(), p))
	}
	l.registered("the pods ended", 0)
	l.Clock.Advance(time.Hour)
	l.Settle()
	admitted("the pods ended", false)
}

// TestEmptiedServiceOfUnreadyBindingKeepsTargets has a pod that came after the binding stopped to be ready for another
// reason, and before the edit.
func TestEmptiedServiceOfUnreadyBindingKeepsTargets(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	o := &v1beta1.TargetGroupBinding{}
	l.Get(o, "bound")
	o.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionFalse, Reason: "Other",
		LastTransitionTime: metav1.NewTime(time.Now().Add(-time.Hour))}}
	l.Must(l.Client.Status().Update(t.Context(), o))
	for _, p := range l.pods {
		l.Must(l.Client.Delete(t.Context(), p))
		p.ResourceVersion, p.CreationTimestamp = "", metav1.NewTime(time.Now().Add(-time.Minute))
		l.Create(p)
	}
	l.edit(misspellings["selector"])
	l.endpoints()
	l.registered("misspelt", 2)
	l.Restart()
	l.registered("after a restart", 2)
}

// TestServiceEditThatEndpointsFollowedIsOver edits a Service, has other pods follow, and takes these from it.
func TestServiceEditThatEndpointsFollowedIsOver(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.endpoints(l.pods[0])
	l.registered("before", 1)
	l.edit(misspellings["selector"])
	l.registered("the Service is edited", 1)
	l.endpoints(l.pods[1])
	l.registered("other pods", 1)
	l.endpoints()
	l.registered("without pods", 0)
}

// TestServiceWithoutEndpointsThatNobodyEditedIsEmptied takes the pods from a Service.
func TestServiceWithoutEndpointsThatNobodyEditedIsEmptied(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(l *emptying, p *corev1.Pod){
		"scaled to zero": func(l *emptying, p *corev1.Pod) { l.Must(l.Client.Delete(l.Context(), p)) },
		"not ready": func(l *emptying, p *corev1.Pod) {
			l.Get(p, p.Name)
			for i := range p.Status.Conditions {
				p.Status.Conditions[i].Status = corev1.ConditionFalse
			}
			l.Must(l.Client.Status().Update(l.Context(), p))
		},
		"taken out of service by label": func(l *emptying, p *corev1.Pod) {
			l.Get(p, p.Name)
			p.Labels = nil
			l.Must(client.IgnoreNotFound(l.Client.Update(l.Context(), p)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			for _, p := range l.pods {
				take(l, p)
			}
			l.endpoints()
			l.registered("without pods", 0)
			if told := strings.Join(l.Events, "\n"); strings.Contains(told, "since an edit") {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

// TestServiceEditThatRemovesThePortKeepsTargets edits a Service so that it lacks the port that a binding names.
func TestServiceEditThatRemovesThePortKeepsTargets(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		ref    intstr.IntOrString
		edit   func(*corev1.ServiceSpec)
		follow func(*discoveryv1.EndpointSlice)
	}{
		"number": {intstr.FromInt32(80), func(s *corev1.ServiceSpec) { s.Ports[0].Port = 81 },
			func(*discoveryv1.EndpointSlice) {}},
		"name": {intstr.FromString("http"), func(s *corev1.ServiceSpec) { s.Ports[0].Name = "web" },
			func(s *discoveryv1.EndpointSlice) { s.Ports[0].Name = ptr.To("web") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			o := &v1beta1.TargetGroupBinding{}
			l.Get(o, "bound")
			o.Spec.ServiceRef.Port = change.ref
			l.Must(l.Client.Update(t.Context(), o))
			l.registered("at first", 2)
			l.edit(change.edit)
			l.registered("edited", 2)
			l.ToldOnce("TargetGroupBinding shop/bound BackendNotFound: ", "Service shop/web BackendNotFound: ")
			fresh := l.pods[1].DeepCopy()
			fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
			l.Create(fresh)
			l.Get(l.slice, l.slice.Name)
			change.follow(l.slice)
			l.Must(l.Client.Update(t.Context(), l.slice))
			l.endpoints(l.pods[0], fresh)
			l.registered("another pod", 2)
			if got := l.Targets(l.arn); !slices.Contains(got, "10.0.128.52:8080") {
				t.Errorf("targets %v", got)
			}
			l.pods[1] = fresh
			l.Restart()
			l.registered("after a restart", 2)
			if rules := l.Admitted(lab.NodeGroup); !slices.Contains(rules, lab.Peer+" 8080-8080") {
				t.Errorf("rules %v", rules)
			}
			l.Must(l.Client.Delete(t.Context(), l.pods[0]))
			l.registered("a pod ends", 1)
			l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].Port, s.Ports[0].Name = 80, "http" })
			l.Get(l.slice, l.slice.Name)
			l.slice.Ports[0].Name = ptr.To("http")
			l.Must(l.Client.Update(t.Context(), l.slice))
			l.endpoints(l.pods[1])
			l.registered("corrected", 1)
			l.Must(l.Client.Delete(t.Context(), lab.Service("web")))
			l.registered("without the Service", 0)
		})
	}
}

// TestServiceEditThatKeepsTheNodePortKeepsTargets edits a Service of nodes so that it lacks the port that a binding
// names.
func TestServiceEditThatKeepsTheNodePortKeepsTargets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodePort int32
		want     int
	}{"the same node port": {30080, 1}, "another node port": {30081, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := lab.Service("web")
			svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
			l := &emptying{Lab: lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))}
			l.arn = l.TargetGroup(elbtypes.TargetTypeEnumInstance)
			o := lab.Binding(l.arn, v1beta1.TargetTypeInstance)
			o.Generation = 1
			l.Create(o)
			l.registered("at first", 1)
			l.Events = nil
			l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].Port, s.Ports[0].NodePort = 81, c.nodePort })
			l.registered("edited", c.want)
			l.ToldOnce("TargetGroupBinding shop/bound BackendNotFound: ")
			l.Restart()
			l.registered("after a restart", c.want)
		})
	}
}
