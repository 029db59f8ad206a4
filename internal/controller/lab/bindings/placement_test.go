package bindings

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

func TestMissingBranchInterfaceAffectsOnlyItsPod(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	pods := lab.Pods("a", "10.0.128.40", "10.0.128.50")
	pods[1].SetAnnotations(map[string]string{
		bindings.PodENIAnnotation: `[{"eniId": "eni-0a1de0000000000ff", "privateIp": "10.0.128.40"}]`})
	l.Create(append(pods, lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))...)
	_, err := l.Round()
	l.Must(err)
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("the other pod: rules %v, want %v", got, want)
	}
	if got := strings.Join(l.Events, "\n"); !strings.Contains(got, "eni-0a1de0000000000ff") ||
		!strings.Contains(got, "[EndpointNotResolved]") {
		t.Errorf("told:\n%s", got)
	}
}

// TestUnreadPodKeepsRulesOfItsInterface has a new process not know the interface of a pod: EC2 answers without it, or
// the caches lack the pod.
func TestUnreadPodKeepsRulesOfItsInterface(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*lab.Lab) (end func()){
		"no interface": func(l *lab.Lab) func() {
			_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "enis", Action: "DescribeNetworkInterfaces", Empty: true})
			l.Must(err)
			return func() { l.Sim.Gate.RemoveFault("enis") }
		},
		"no pod": func(l *lab.Lab) func() {
			l.Misreads.Fail("core/v1.Pod", "empty page")
			return l.Misreads.End
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			l.Misreads = &lab.Misreads{}
			l.Restart()
			group := l.SecurityGroup("pods of their own")
			branch := l.NetworkInterface(group, 0)
			address := aws.ToString(branch.PrivateIpAddress)
			pods := lab.Pods("a", address)
			pods[1].SetAnnotations(map[string]string{bindings.PodENIAnnotation: fmt.Sprintf(
				`[{"eniId": %q, "privateIp": %q}]`, aws.ToString(branch.NetworkInterfaceId), address)})
			l.Create(append(pods, lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))...)
			pass := func(when string) {
				t.Helper()
				for range 3 {
					l.Settle()
					l.Clock.Advance(time.Minute)
				}
				if got := l.Admitted(group); len(got) != 1 || len(l.Admitted(lab.NodeGroup)) > 0 {
					t.Errorf("%s: rules %v, of nodes %v\n%s", when, got, l.Admitted(lab.NodeGroup), strings.Join(l.Events, "\n"))
				}
			}
			pass("at first")
			end := fail(l)
			l.Restart()
			pass("unread")
			end()
			pass("in the end")
		})
	}
}

func TestPodsOfAHybridNodeNeedNothingBesideOthersThatDo(t *testing.T) {
	t.Parallel()
	onPremises := lab.Node("b", "eks-hybrid:///us-west-2/demo-cluster/mi-0123456789abcdef0")
	onPremises.Labels["eks.amazonaws.com/compute-type"] = "hybrid"
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		onPremises)
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(append(slices.Concat(lab.Pods("a", "10.0.128.50", "10.0.128.51"), lab.Pods("b", "192.168.7.7"),
		[]client.Object{lab.Node("c", "")}, lab.Pods("c")), b)...)
	l.Settle()
	if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 8080-8080"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
	if l.Get(b, "bound"); !lab.Ready(b) {
		t.Errorf("%+v\n%v", b.Status.Conditions, l.Events)
	}
}

// TestAPodWhoseAddressIsNotOfItsNodesInterfaceIsNotPlacedThere has a pod of an overlay network on a node that is no
// instance of ours.
func TestAPodWhoseAddressIsNotOfItsNodesInterfaceIsNotPlacedThere(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	group := l.SecurityGroup("nodes")
	i := l.NetworkInterface(group, 1)
	node := lab.Node("a", "aws:///us-west-2a/sagemaker/cluster/hyperpod-x-i-0123456789abcdef0")
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: aws.ToString(i.PrivateIpAddress)}}
	if prefix := netip.MustParsePrefix(aws.ToString(i.Ipv4Prefixes[0].Ipv4Prefix)); prefix.Contains(
		netip.MustParseAddr("100.64.0.9")) {
		t.Fatal(prefix)
	}
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(append(lab.Pods("a", "100.64.0.9"), node, b)...)
	l.Settle()
	if got := l.Admitted(group); len(got) != 0 {
		t.Errorf("rules %v", got)
	}
	l.ToldOnce("cannot resolve pod ENI for pods: shop/web-a-0 (100.64.0.9) on node a")
}

// TestANodesNewInterfaceIsFoundForThePodsOnIt attaches a second interface with groups and a prefix of its own after the
// node's were read: who has an address of a prefix cannot be asked of EC2.
func TestANodesNewInterfaceIsFoundForThePodsOnIt(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	pods := lab.Pods("a", "10.0.128.50")
	l.Create(append(pods, b)...)
	l.Settle()
	attach := func(group string) (address string) {
		i := l.NetworkInterface(group, 1)
		in := &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: i.NetworkInterfaceId,
			InstanceId: aws.String("i-0a1de0000000000a1")}
		for index := int32(1); ; index++ {
			in.DeviceIndex = &index
			_, err := l.Sim.Compute.AttachNetworkInterface(t.Context(), in)
			if err == nil {
				break
			}
			if index > 8 {
				t.Fatal(err)
			}
		}
		return netip.MustParsePrefix(aws.ToString(i.Ipv4Prefixes[0].Ipv4Prefix)).Addr().Next().String()
	}
	want := []string{lab.Peer + " 8080-8080"}
	for _, name := range []string{"first", "second"} {
		group := l.SecurityGroup(name)
		address := attach(group)
		if name == "first" {
			l.Clock.Advance(time.Hour) // all is read again: now the interfaces of the node differ in their groups
		}
		l.Must(l.Client.Delete(t.Context(), pods[0]))
		for _, o := range pods[1:] {
			l.Must(l.Client.Delete(t.Context(), o))
		}
		pods = lab.Pods("a", address)
		l.Create(pods...)
		l.Settle()
		if got := l.Admitted(group); !slices.Equal(got, want) {
			t.Errorf("%s: rules %v, want %v\n%v", name, got, want, l.Events)
		}
	}
}
