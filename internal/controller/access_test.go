package controller

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const (
	labVPC       = "vpc-0a1de000000000001"
	labNodeGroup = "sg-0a1de000000000001"
	labPeer      = "sg-0a1de000000000002"
)

// labNode is a ready node that runs on an instance of the simulated account.
func labNode(name, provider string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: "us-west-2a"}}}
	n.Spec.ProviderID = provider
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return n
}

// labPods are ready pods of Service web on a node, with their slice: the objects and what resolution reads of them.
func labPods(node string, addresses ...string) []client.Object {
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-" + node, Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	slice.AddressType = discoveryv1.AddressTypeIPv4
	slice.Ports = []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)}}
	out := []client.Object{slice}
	for i, a := range addresses {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-%s-%d", node, i)}}
		pod.Spec.NodeName, pod.Status.PodIP = node, a
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{a}, NodeName: &node, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: pod.Name},
		})
		out = append(out, pod)
	}
	return out
}

// labBinding is a user's binding of Service web that lets labPeer in.
func labBinding(arn string, kind v1beta1.TargetType) *v1beta1.TargetGroupBinding {
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bound", UID: "uid-bound"}}
	o.Spec = v1beta1.TargetGroupBindingSpec{
		TargetGroupARN: arn, TargetType: &kind, TargetGroupProtocol: ptr.To(v1beta1.Protocol("HTTP")), IPAddressType: ptr.To(v1beta1.IPAddressTypeIPv4), VpcID: labVPC,
		ServiceRef: v1beta1.ServiceReference{Name: "web", Port: intstr.FromInt32(80)},
		Networking: &v1beta1.TargetGroupBindingNetworking{Ingress: []v1beta1.NetworkingIngressRule{{
			From:  []v1beta1.NetworkingPeer{{SecurityGroup: &v1beta1.SecurityGroup{GroupID: labPeer}}},
			Ports: []v1beta1.NetworkingPort{{Port: ptr.To(intstr.FromInt32(8080))}},
		}}},
	}
	return o
}

// targetGroup makes one as a user would.
func (l *lab) targetGroup(kind elbtypes.TargetTypeEnum) string {
	l.Helper()
	out, err := l.sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("theirs"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: kind, VpcId: aws.String(labVPC),
	})
	l.must(err)
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

// admitted are the inbound rules of a group that we made: "PEER FROM-TO".
func (l *lab) admitted(group string) []string {
	l.Helper()
	out, err := l.sim.Compute.DescribeSecurityGroups(l.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})
	l.must(err)
	var rules []string
	for _, p := range out.SecurityGroups[0].IpPermissions {
		for _, g := range p.UserIdGroupPairs {
			if strings.Contains(aws.ToString(g.Description), "targetGroupBinding=shared") {
				rules = append(rules, fmt.Sprintf("%s %d-%d", aws.ToString(g.GroupId), aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort)))
			}
		}
	}
	slices.Sort(rules)
	return rules
}

// targets are the registered ones: "ID:PORT".
func (l *lab) targets(arn string) []string {
	l.Helper()
	out, err := l.sim.Balancing.DescribeTargetHealth(l.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: &arn})
	l.must(err)
	var ids []string
	for _, d := range out.TargetHealthDescriptions {
		if d.TargetHealth.State != elbtypes.TargetHealthStateEnumDraining {
			ids = append(ids, fmt.Sprintf("%s:%d", aws.ToString(d.Target.Id), aws.ToInt32(d.Target.Port)))
		}
	}
	slices.Sort(ids)
	return ids
}

// readdress has another pod, of the same name, in the place of the first one of a slice.
func (l *lab) readdress(slice *discoveryv1.EndpointSlice, address string) {
	l.Helper()
	slice.Endpoints[0].Addresses = []string{address}
	pod := &corev1.Pod{}
	l.must(l.client.Get(l.Context(), client.ObjectKey{Namespace: slice.Namespace, Name: slice.Endpoints[0].TargetRef.Name}, pod))
	pod.Status.PodIP = address
	l.must(l.client.Status().Update(l.Context(), pod))
}

func (l *lab) create(objects ...client.Object) {
	l.Helper()
	for _, o := range objects {
		l.must(l.client.Create(l.Context(), o))
	}
}

func TestAReadOfEC2ThatFailsTakesNoAccessAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(labPods("a", "10.0.128.50")...)
	l.create(labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
	l.settle()
	want := []string{labPeer + " 8080-8080"}
	if got := l.admitted(labNodeGroup); !slices.Equal(got, want) {
		t.Fatalf("rules %v, want %v", got, want)
	}
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DescribeInstances", Code: "RequestLimitExceeded", Status: 503, Message: "slow down"})
	l.must(err)
	for _, then := range []struct {
		name string
		do   func()
	}{
		{"what is known has grown old", func() { l.clock.Advance(time.Hour) }},
		{"a new life", l.restart},
	} {
		then.do()
		if wait, err := l.round(); err != nil || wait == 0 {
			t.Errorf("%s: %v, next look in %s", then.name, err, wait)
		}
		if got := l.admitted(labNodeGroup); !slices.Equal(got, want) {
			t.Errorf("%s: rules %v, want %v", then.name, got, want)
		}
	}
	l.sim.Gate.ClearFaults()
	l.settle()
	if got := l.admitted(labNodeGroup); !slices.Equal(got, want) {
		t.Errorf("healed: rules %v, want %v", got, want)
	}
}

// networkInterface makes one in a private subnet and returns its address.
func (l *lab) networkInterface(group string, prefixes int32) *ec2types.NetworkInterface {
	l.Helper()
	in := &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String("subnet-0a1de0000000000a2"), Groups: []string{group}}
	if prefixes > 0 {
		in.Ipv4PrefixCount = &prefixes
	}
	out, err := l.sim.Compute.CreateNetworkInterface(l.Context(), in)
	l.must(err)
	return out.NetworkInterface
}

func (l *lab) securityGroup(name string) string {
	l.Helper()
	out, err := l.sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name, VpcId: aws.String(labVPC)})
	l.must(err)
	return aws.ToString(out.GroupId)
}

func TestPodsThatAreOnNoInstanceAreFoundByTheirAddress(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"))
	group := l.securityGroup("pods")
	serverless, managed := l.networkInterface(group, 0), l.networkInterface(group, 1)
	prefix := netip.MustParsePrefix(aws.ToString(managed.Ipv4Prefixes[0].Ipv4Prefix))
	fargate := labNode("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60")
	hyperpod := labNode("hyperpod", "aws:///us-west-2a/sagemaker/cluster/hyperpod-x-i-0123456789abcdef0")
	hyperpod.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: aws.ToString(managed.PrivateIpAddress)}}
	onPremises := labNode("on-premises", "eks-hybrid:///us-west-2/demo-cluster/mi-0123456789abcdef0")
	onPremises.Labels["eks.amazonaws.com/compute-type"] = "hybrid"
	arn := l.targetGroup(elbtypes.TargetTypeEnumIp)
	for name, c := range map[string]struct {
		node    *corev1.Node
		address string
		want    []string
	}{
		"Fargate: an interface per pod":              {fargate, aws.ToString(serverless.PrivateIpAddress), []string{labPeer + " 8080-8080"}},
		"HyperPod: a prefix of the node's interface": {hyperpod, prefix.Addr().Next().String(), []string{labPeer + " 8080-8080"}},
		"hybrid: nothing of AWS's to open":           {onPremises, "192.168.7.7", nil},
	} {
		pods := labPods(c.node.Name, c.address)
		b := labBinding(arn, v1beta1.TargetTypeIP)
		l.create(append(pods, c.node, b)...)
		l.settle()
		if got := l.admitted(group); !slices.Equal(got, c.want) {
			t.Errorf("%s: rules %v, want %v", name, got, c.want)
		}
		if l.get(b, "bound"); !ready(b) {
			t.Errorf("%s: %+v", name, b.Status.Conditions)
		}
		for _, o := range append(pods, b) {
			l.must(l.client.Delete(t.Context(), o))
		}
		l.settle()
		if got := l.admitted(group); len(got) > 0 {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

func TestAPodThatIsNowhereKeepsTheRulesThatMayBeIts(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	group := l.securityGroup("pods")
	elsewhere := labNode("elsewhere", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60")
	lost := l.networkInterface(group, 0)
	l.create(elsewhere, labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
	l.create(append(labPods("a", "10.0.128.50"), labPods("elsewhere", aws.ToString(lost.PrivateIpAddress))...)...)
	l.settle()
	want := []string{labPeer + " 8080-8080"}
	for _, g := range []string{group, labNodeGroup} {
		if got := l.admitted(g); !slices.Equal(got, want) {
			t.Fatalf("%s: rules %v, want %v", g, got, want)
		}
	}
	_, err := l.sim.Compute.DeleteNetworkInterface(t.Context(), &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: lost.NetworkInterfaceId})
	l.must(err)
	l.clock.Advance(time.Hour)
	l.settle()
	for _, g := range []string{group, labNodeGroup} {
		if got := l.admitted(g); !slices.Equal(got, want) {
			t.Errorf("while the pod is nowhere: %s has rules %v, want %v", g, got, want)
		}
	}
	if got := strings.Join(l.events, "\n"); strings.Count(got, "cannot resolve pod ENI") != 1 {
		t.Errorf("told:\n%s", got)
	}
	l.must(l.client.Delete(t.Context(), labPods("elsewhere", "")[0]))
	l.settle()
	if got := l.admitted(group); len(got) > 0 {
		t.Errorf("the pod is gone: rules %v", got)
	}
	if got := l.admitted(labNodeGroup); !slices.Equal(got, want) {
		t.Errorf("the other pod: rules %v, want %v", got, want)
	}
}

func TestAMistakeInABindingTakesNoTargetAway(t *testing.T) {
	t.Parallel()
	svc := labService("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := newLab(t, account.Profile{}, svc, labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	arn := l.targetGroup(elbtypes.TargetTypeEnumInstance)
	bound := labBinding(arn, v1beta1.TargetTypeInstance)
	bound.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(30080))
	l.create(bound)
	l.settle()
	want, rules := []string{"i-0a1de0000000000a1:30080"}, []string{labPeer + " 30080-30080"}
	edit := func(change func(*v1beta1.TargetGroupBinding, *corev1.Service)) {
		t.Helper()
		b, s := &v1beta1.TargetGroupBinding{}, &corev1.Service{}
		l.get(b, "bound")
		l.get(s, "web")
		change(b, s)
		l.must(l.client.Update(t.Context(), b))
		l.must(l.client.Update(t.Context(), s))
		l.settle()
	}
	for _, m := range []struct {
		name   string
		change func(*v1beta1.TargetGroupBinding, *corev1.Service)
		says   string
	}{
		{"an operator that does not exist", func(b *v1beta1.TargetGroupBinding, _ *corev1.Service) {
			b.Spec.NodeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "pool", Operator: "Inn", Values: []string{"a"}}}}
		}, "spec.nodeSelector"},
		{"a label that cannot be", func(b *v1beta1.TargetGroupBinding, _ *corev1.Service) {
			b.Spec.NodeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"pool": "a b"}}
		}, "spec.nodeSelector"},
		{"a Service without node ports", func(b *v1beta1.TargetGroupBinding, s *corev1.Service) {
			b.Spec.NodeSelector, s.Spec.Type = nil, corev1.ServiceTypeClusterIP
		}, "service type must be either 'NodePort' or 'LoadBalancer'"},
		{"a Service that allocates no node ports", func(_ *v1beta1.TargetGroupBinding, s *corev1.Service) {
			s.Spec.Type, s.Spec.AllocateLoadBalancerNodePorts, s.Spec.Ports[0].NodePort = corev1.ServiceTypeLoadBalancer, ptr.To(false), 0
		}, "service shop/web has no node port for port 80"},
	} {
		l.events = nil
		edit(m.change)
		if got := l.targets(arn); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v", m.name, got, want)
		}
		if got := l.admitted(labNodeGroup); !slices.Equal(got, rules) {
			t.Errorf("%s: rules %v, want %v", m.name, got, rules)
		}
		if got := strings.Join(l.events, "\n"); !strings.Contains(got, m.says) {
			t.Errorf("%s: told %q, want %q in it", m.name, got, m.says)
		}
		b := &v1beta1.TargetGroupBinding{}
		if l.get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") {
			t.Errorf("%s: %+v", m.name, b.Status.Conditions)
		}
	}
	edit(func(_ *v1beta1.TargetGroupBinding, s *corev1.Service) {
		s.Spec.Type, s.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	})
	if b := (&v1beta1.TargetGroupBinding{}); l.get(b, "bound") && !ready(b) {
		t.Errorf("healed: %+v", b.Status.Conditions)
	}
}

func TestTheRangesOfTheTargetGroupsOwnVPCDecideWhichAddressesAreOutside(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	vpc, err := l.sim.Compute.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})
	l.must(err)
	other := aws.ToString(vpc.Vpc.VpcId)
	out, err := l.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("peered"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: elbtypes.TargetTypeEnumIp, VpcId: &other,
	})
	l.must(err)
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	b := labBinding(arn, v1beta1.TargetTypeIP)
	b.Spec.VpcID = other
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	if got, want := l.targets(arn), []string{"10.0.128.50:8080"}; !slices.Equal(got, want) {
		t.Errorf("targets %v, want %v:\n%s", got, want, strings.Join(l.events, "\n"))
	}
	described := 0
	for _, c := range l.sim.Gate.Calls(gate.Filter{}) {
		if c.Action == "DescribeVpcs" {
			described++
		}
	}
	if described != 1 {
		t.Errorf("the VPC was described %d times", described)
	}
}

func ready(b *v1beta1.TargetGroupBinding) bool {
	return meta.IsStatusConditionTrue(b.Status.Conditions, "Ready")
}

func TestTwoClustersThatShareNodesLeaveEachOthersRules(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	theirs := l.securityGroup("k8s-traffic-other")
	_, err := l.sim.Compute.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{theirs}, Tags: []ec2types.Tag{{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String("other")}}})
	l.must(err)
	_, err = l.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String(labNodeGroup), IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(9000), ToPort: aws.Int32(9000),
		UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &theirs, Description: aws.String("elbv2.k8s.aws/targetGroupBinding=shared")}},
	}}})
	l.must(err)
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	other, ours := theirs+" 9000-9000", labPeer+" 8080-8080"
	if got := l.admitted(labNodeGroup); len(got) != 2 || !slices.Contains(got, other) || !slices.Contains(got, ours) {
		t.Errorf("rules %v, want %s and %s", got, other, ours)
	}
	l.must(l.client.Delete(t.Context(), b))
	l.settle()
	if got := l.admitted(labNodeGroup); !slices.Equal(got, []string{other}) {
		t.Errorf("rules %v, want %s", got, other)
	}
}

func TestANodeThatIsNoInstanceIsReportedAndStopsNothing(t *testing.T) {
	t.Parallel()
	svc := labService("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := newLab(t, account.Profile{}, svc, labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labNode("b", ""))
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumInstance), v1beta1.TargetTypeInstance)
	b.Spec.Networking = networkingOf(labPeer + " 30080")
	l.create(b)
	l.settle()
	if got, want := l.targets(b.Spec.TargetGroupARN), []string{"i-0a1de0000000000a1:30080"}; !slices.Equal(got, want) {
		t.Errorf("targets %v, want %v", got, want)
	}
	l.toldOnce("providerID is not specified for node: b")
	if l.get(b, "bound"); !ready(b) {
		t.Errorf("%+v", b.Status.Conditions)
	}
}

func TestAddressesOutsideTheVPCAreOfAllZones(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{})
	zone, _ := l.bound.Zones(t.Context(), labBinding("arn:tg", v1beta1.TargetTypeIP))
	for address, want := range map[string]string{"10.0.128.50": "", "2600:1f14:abc:de10::5": "", "192.168.7.7": registrar.AllZones, "2001:db8::1": registrar.AllZones, "web": ""} {
		if got := zone(registrar.Endpoint{Target: registrar.Target{ID: address}}); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	if zone, known := l.bound.Zones(t.Context(), labBinding("arn:tg", v1beta1.TargetTypeInstance)); zone != nil || !known {
		t.Error("instances have a zone")
	}
}
