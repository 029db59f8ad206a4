package bindings

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// check reports the health of a target as a health check does. From then on, no target becomes healthy by itself.
func (l *emptying) check(p *corev1.Pod, port int32, state string) {
	l.Sim.Account.Lock()
	l.Sim.Account.HealthReported = true
	l.Sim.Account.Unlock()
	l.Sim.Account.SetTargetHealth(l.arn, account.TargetDescription{ID: p.Status.PodIP, Port: port},
		account.Health{State: state})
}

// TestTargetPortAtWhichNoPodListensKeepsTargets edits the targetPort of a Service to a port at which its pods do not
// listen. A stack edits the networking of its binding likewise.
func TestTargetPortAtWhichNoPodListensKeepsTargets(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.ForwardTo(l.arn)
	l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].TargetPort = intstr.FromInt32(9999) })
	l.Get(l.slice, l.slice.Name)
	l.slice.Ports[0].Port = ptr.To[int32](9999)
	l.Must(l.Client.Update(t.Context(), l.slice))
	o := &v1beta1.TargetGroupBinding{}
	l.Get(o, "bound")
	o.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9999))
	l.Must(l.Client.Update(t.Context(), o))
	look := func(when string) {
		t.Helper()
		for range 8 {
			for _, p := range l.pods {
				l.check(p, 8080, "healthy")
				l.check(p, 9999, "unhealthy")
			}
			l.Clock.Advance(time.Minute)
			l.Settle()
			l.Drain(10 * time.Second)
		}
		if got := l.Targets(l.arn); len(got) != 4 {
			t.Errorf("%s: targets %v", when, got)
		}
		if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{lab.Peer + " 8080-8080",
			lab.Peer + " 9999-9999"}) {
			t.Errorf("%s: rules %v", when, got)
		}
	}
	look("edited")
	told := strings.Join(l.Events, "\n")
	for _, object := range []string{"TargetGroupBinding shop/bound", "Service shop/web"} {
		if strings.Count(told, object+" BackendNotFound: since an edit, Service shop/web reaches its pods") != 1 {
			t.Errorf("%s is not told once:\n%s", object, told)
		}
	}
	l.Restart()
	mark := l.Mark()
	look("after a restart")
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a restart makes %v", writes)
	}
	l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].TargetPort = intstr.FromInt32(8080) })
	l.slice.Ports[0].Port = ptr.To[int32](8080)
	l.Must(l.Client.Update(t.Context(), l.slice))
	l.registered("corrected", 2)
}

// TestWrongAnswerKeepsRulesOfFormerPort has AWS answer without targets, or without some of them, while those of a former
// port serve.
func TestWrongAnswerKeepsRulesOfFormerPort(t *testing.T) {
	t.Parallel()
	for way, fault := range map[string]gate.Fault{"empty": {Empty: true}, "partial": {Partial: true}} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			l.ForwardTo(l.arn)
			l.edit(func(s *corev1.ServiceSpec) { s.Ports[0].TargetPort = intstr.FromInt32(9999) })
			l.Get(l.slice, l.slice.Name)
			l.slice.Ports[0].Port = ptr.To[int32](9999)
			l.Must(l.Client.Update(t.Context(), l.slice))
			o := &v1beta1.TargetGroupBinding{}
			l.Get(o, "bound")
			o.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9999))
			l.Must(l.Client.Update(t.Context(), o))
			fault.ID, fault.Service, fault.Action = "targets", "elasticloadbalancing", "DescribeTargetHealth"
			mark := l.Mark()
			for n := range 24 {
				for _, p := range l.pods {
					l.check(p, 8080, "healthy")
					l.check(p, 9999, "unhealthy")
				}
				switch n {
				case 8:
					_, err := l.Sim.Gate.AddFault(fault)
					l.Must(err)
				case 16:
					l.Sim.Gate.RemoveFault("targets")
				}
				l.Bound.Registry.Invalidate(registrar.Group{ARN: l.arn})
				l.Clock.Advance(time.Minute)
				l.Settle()
				l.Drain(10 * time.Second)
			}
			if got, w := l.Targets(l.arn), l.Writes(mark); len(got) != 4 || slices.Contains(w, "DeregisterTargets") ||
				slices.Contains(w, "RevokeSecurityGroupIngress") {
				t.Errorf("targets %v, calls %v", got, w)
			}
		})
	}
}

// TestNetworkingPortOfNoTargetKeepsRules edits the networking of a binding to a port at which no target listens.
func TestNetworkingPortOfNoTargetKeepsRules(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--binding-networking=any-port", "--binding-networking="} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			l := newEmptying(t)
			l.Flags(flag)
			l.Settle()
			o := &v1beta1.TargetGroupBinding{}
			l.Get(o, "bound")
			o.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(9090))
			l.Must(l.Client.Update(t.Context(), o))
			pass := func() {
				for range 4 {
					l.Settle()
					l.Drain(time.Minute)
				}
			}
			look := func(when string) {
				t.Helper()
				l.Events = nil
				pass()
				if got := l.Admitted(lab.NodeGroup); !slices.Contains(got, lab.Peer+" 8080-8080") {
					t.Errorf("%s: rules %v", when, got)
				}
				l.ToldOnce("its former rules to these ports stay")
			}
			look("edited")
			l.Restart()
			mark := l.Mark()
			_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeSecurityGroups", Code: "InternalError", Status: 500,
				Until: l.Clock.Now().Add(30 * time.Second)})
			l.Must(err)
			look("after a restart")
			if writes := l.Writes(mark); len(writes) > 0 {
				t.Errorf("a restart makes %v", writes)
			}
			l.Get(o, "bound")
			o.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "10.9.0.0/16"}}}
			l.Must(l.Client.Update(t.Context(), o))
			pass()
			if got := l.Admitted(lab.NodeGroup); len(got) != 0 {
				t.Errorf("without the peer: rules %v", got)
			}
		})
	}
}

// TestWithdrawnSourceIsClosedBesideAMisspeltPort has an administrator no longer allow the range of a binding whose
// networking names no port of its targets.
func TestWithdrawnSourceIsClosedBesideAMisspeltPort(t *testing.T) {
	t.Parallel()
	l := newEmptying(t)
	l.Flags("--binding-networking=*")
	ports := func() (out []int32) {
		l.Settle()
		l.Drain(time.Minute)
		got, err := l.Sim.Compute.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
			GroupIds: []string{lab.NodeGroup}})
		l.Must(err)
		for _, p := range got.SecurityGroups[0].IpPermissions {
			if len(p.IpRanges) > 0 {
				out = append(out, *p.FromPort)
			}
		}
		return out
	}
	for _, port := range []int32{8080, 9090} {
		o := &v1beta1.TargetGroupBinding{}
		l.Get(o, "bound")
		o.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "0.0.0.0/0"}}}
		o.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(port))
		l.Must(l.Client.Update(t.Context(), o))
		if got := ports(); !slices.Contains(got, 8080) {
			t.Fatalf("rules %v", got)
		}
	}
	l.Flags("--binding-networking=any-port")
	if got := ports(); len(got) != 0 {
		t.Errorf("rules %v", got)
	}
}
