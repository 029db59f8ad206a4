package inbound

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// passBeside makes one pass over a binding, which must end although EC2 hangs.
func passBeside(l *lab.Lab, b *v1beta1.TargetGroupBinding) {
	l.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
		ended <- err
	}()
	select {
	case err := <-ended:
		l.Must(err)
		l.WriteObjects()
	case <-time.After(2 * time.Minute):
		l.Fatalf("the pass over %s waits for EC2", b.Name)
	}
}

// startRules runs the lane of security group rules as a controller does; the channel has the bindings that have
// something to report.
func startRules(l *lab.Lab) <-chan types.NamespacedName {
	l.Helper()
	ctx, cancel := context.WithCancel(l.Context())
	woken, ended := make(chan types.NamespacedName, 100), make(chan struct{})
	l.Bound.Networking.Wake = func(b types.NamespacedName) { woken <- b }
	go func() {
		defer close(ended)
		_ = l.Bound.Networking.Start(ctx)
	}()
	l.Cleanup(func() {
		cancel()
		<-ended
	})
	return woken
}

func isWoken(l *lab.Lab, woken <-chan types.NamespacedName, name string) {
	l.Helper()
	timeout := time.After(2 * time.Minute)
	for {
		select {
		case b := <-woken:
			if b.Name == name {
				return
			}
		case <-timeout:
			l.Fatalf("the rules of %s wait for those of another", name)
		}
	}
}

// twoServices has a binding of Service web whose pod runs on node a, and one of Service new whose pods run on node b.
func twoServices(t *testing.T) (l *lab.Lab, web, fresh *v1beta1.TargetGroupBinding, slice *discoveryv1.EndpointSlice) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Service("web"), lab.Service("new"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Node("b", "aws:///us-west-2b/i-0a1de0000000000b1"))
	web, fresh = lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP),
		lab.Binding(l.OtherGroup(), v1beta1.TargetTypeIP)
	fresh.Name, fresh.UID, fresh.Spec.ServiceRef.Name = "fresh", "uid-fresh", "new"
	web.Finalizers, fresh.Finalizers = []string{naming.BindingFinalizer}, []string{naming.BindingFinalizer}
	l.Create(append(lab.Pods("a", "10.0.128.50"), web, fresh)...)
	slice = &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
		{Name: ptr.To("http"), Port: ptr.To[int32](8080)}}}
	slice.Namespace, slice.Name, slice.Labels = "shop", "new-b", map[string]string{discoveryv1.LabelServiceName: "new"}
	for _, x := range []struct{ name, address string }{{"new-0", "10.0.144.50"}, {"new-1", "10.0.144.51"}} {
		pod := &corev1.Pod{}
		pod.Namespace, pod.Name, pod.Spec.NodeName, pod.Status.PodIP = "shop", x.name, "b", x.address
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{x.address}, NodeName: ptr.To("b"), TargetRef: &corev1.ObjectReference{
				Kind: "Pod", Namespace: "shop", Name: x.name},
		})
		l.Create(pod)
	}
	l.Create(slice)
	return l, web, fresh, slice
}

func TestHangingEC2CallDelaysOnlyRulesOfItsBinding(t *testing.T) {
	t.Parallel()
	l, web, fresh, slice := twoServices(t)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeInstances", Resource: "i-0a1de0000000000b1",
		Latency: 24 * time.Hour})
	l.Must(err)
	woken := startRules(l)
	passBeside(l, fresh)
	if got := l.Targets(fresh.Spec.TargetGroupARN); len(got) != 2 {
		t.Errorf("registered %v", got)
	}
	passBeside(l, web)
	isWoken(l, woken, "bound")
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(slice), slice))
	slice.Endpoints = slice.Endpoints[:1]
	l.Must(l.Client.Update(t.Context(), slice))
	passBeside(l, fresh)
	if got := l.Targets(fresh.Spec.TargetGroupARN); !slices.Equal(got, []string{"10.0.144.50:8080"}) {
		t.Errorf("registered %v, although its pod is gone", got)
	}
}

func TestHangingSecurityGroupDelaysNothingElse(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"} {
		l, web, fresh, slice := twoServices(t)
		l.Standing([2]int32{7070, 7070})
		group := l.SecurityGroup("pods of their own")
		branch := l.NetworkInterface(group, 0)
		pod := &corev1.Pod{}
		l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "new-0"}, pod))
		pod.Annotations = map[string]string{bindings.PodENIAnnotation: fmt.Sprintf(`[{"eniId": %q, "privateIp": %q}]`,
			aws.ToString(branch.NetworkInterfaceId), aws.ToString(branch.PrivateIpAddress))}
		l.Must(l.Client.Update(t.Context(), pod))
		slice.Endpoints = slice.Endpoints[:1]
		l.Readdress(slice, aws.ToString(branch.PrivateIpAddress))
		l.Must(l.Client.Update(t.Context(), slice))
		_, err := l.Sim.Gate.AddFault(gate.Fault{Action: action, Resource: lab.NodeGroup, Latency: 24 * time.Hour})
		l.Must(err)
		woken := startRules(l)
		passBeside(l, web)
		passBeside(l, fresh)
		isWoken(l, woken, "fresh")
		if got := l.Admitted(group); len(got) != 1 {
			t.Errorf("%s: rules %v", action, got)
		}
		if got := l.Targets(web.Spec.TargetGroupARN); len(got) != 1 {
			t.Errorf("%s: registered %v", action, got)
		}
	}
}

func TestABindingIsNotReportedReadyBeforeItsRulesAreWritten(t *testing.T) {
	t.Parallel()
	l, web, _, _ := twoServices(t)
	passBeside(l, web)
	if l.Get(web, "bound"); len(web.Status.Conditions) != 0 || len(l.Events) != 0 {
		t.Errorf("%+v, told %v", web.Status.Conditions, l.Events)
	}
	l.Settle()
	if l.Get(web, "bound"); len(web.Status.Conditions) != 1 || web.Status.Conditions[0].Status != "True" {
		t.Errorf("%+v", web.Status.Conditions)
	}
}

func TestRulesThatAWSDeniesAreAskedForEverLessOften(t *testing.T) {
	t.Parallel()
	l, _, _, _ := twoServices(t)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "AuthorizeSecurityGroupIngress", Kind: "denied"})
	l.Must(err)
	mark, events := l.Mark(), 0
	for end := l.Clock.Now().Add(10 * time.Minute); l.Clock.Now().Before(end); {
		wait, err := l.Round()
		l.Must(err)
		if events == 0 {
			events = len(l.Events)
		}
		l.Clock.Advance(max(wait, time.Second))
	}
	calls := 0
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action == "AuthorizeSecurityGroupIngress" {
			calls++
		}
	}
	if calls > 7 {
		t.Errorf("%d calls in ten minutes", calls)
	}
	if len(l.Events) != events {
		t.Errorf("told again: %q", l.Events)
	}
}

func TestAtTheQuotaOfAGroupARuleThatNothingNeedsMakesRoom(t *testing.T) {
	t.Parallel()
	l, _, _, _ := twoServices(t)
	l.Standing([2]int32{7070, 7070})
	others := 0
	for port := int32(20000); ; port += 2 {
		_, err := l.Sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(lab.NodeGroup), IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port), IpRanges: []ec2types.IpRange{
					{CidrIp: aws.String("192.0.2.0/24")}},
			}}})
		if err != nil {
			break
		}
		if others++; others > 1000 {
			t.Fatal("the simulator has no quota")
		}
	}
	l.Settle()
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v; told %v", got, want, l.Events)
	}
}
