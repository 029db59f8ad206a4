package inbound

import (
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
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestAReadOfEC2ThatFailsTakesNoAccessAway(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Create(lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
	l.Settle()
	want := []string{lab.Peer + " 8080-8080"}
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, want) {
		t.Fatalf("rules %v, want %v", got, want)
	}
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeInstances", Code: "RequestLimitExceeded", Status: 503,
		Message: "slow down"})
	l.Must(err)
	for _, then := range []struct {
		name string
		do   func()
	}{
		{"what is known has grown old", func() { l.Clock.Advance(time.Hour) }},
		{"a new life", l.Restart},
	} {
		then.do()
		if wait, err := l.Round(); err != nil || wait == 0 {
			t.Errorf("%s: %v, next look in %s", then.name, err, wait)
		}
		if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, want) {
			t.Errorf("%s: rules %v, want %v", then.name, got, want)
		}
	}
	l.Sim.Gate.ClearFaults()
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, want) {
		t.Errorf("healed: rules %v, want %v", got, want)
	}
}

func TestPodsThatAreOnNoInstanceAreFoundByTheirAddress(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	group := l.SecurityGroup("pods")
	serverless, managed := l.NetworkInterface(group, 0), l.NetworkInterface(group, 1)
	prefix := netip.MustParsePrefix(aws.ToString(managed.Ipv4Prefixes[0].Ipv4Prefix))
	fargate := lab.Node("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60")
	hyperpod := lab.Node("hyperpod", "aws:///us-west-2a/sagemaker/cluster/hyperpod-x-i-0123456789abcdef0")
	hyperpod.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: aws.ToString(managed.PrivateIpAddress)}}
	onPremises := lab.Node("on-premises", "eks-hybrid:///us-west-2/demo-cluster/mi-0123456789abcdef0")
	onPremises.Labels["eks.amazonaws.com/compute-type"] = "hybrid"
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	for name, c := range map[string]struct {
		node    *corev1.Node
		address string
		want    []string
	}{
		"Fargate: an interface per pod": {fargate, aws.ToString(serverless.PrivateIpAddress),
			[]string{lab.Peer + " 8080-8080"}},
		"HyperPod: a prefix of the node's interface": {hyperpod, prefix.Addr().Next().String(),
			[]string{lab.Peer + " 8080-8080"}},
		"hybrid: nothing of AWS's to open": {onPremises, "192.168.7.7", nil},
	} {
		pods := lab.Pods(c.node.Name, c.address)
		b := lab.Binding(arn, v1beta1.TargetTypeIP)
		l.Create(append(pods, c.node, b)...)
		l.Settle()
		if got := l.Admitted(group); !slices.Equal(got, c.want) {
			t.Errorf("%s: rules %v, want %v", name, got, c.want)
		}
		if l.Get(b, "bound"); !lab.Ready(b) {
			t.Errorf("%s: %+v", name, b.Status.Conditions)
		}
		for _, o := range append(pods, b) {
			l.Must(l.Client.Delete(t.Context(), o))
		}
		l.Settle()
		if got := l.Admitted(group); len(got) > 0 {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

func TestAPodThatIsNowhereKeepsTheRulesThatMayBeIts(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	group := l.SecurityGroup("pods")
	elsewhere := lab.Node("elsewhere", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60")
	lost := l.NetworkInterface(group, 0)
	l.Create(elsewhere, lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Pods("elsewhere", aws.ToString(lost.PrivateIpAddress))...)...)
	l.Settle()
	want := []string{lab.Peer + " 8080-8080"}
	for _, g := range []string{group, lab.NodeGroup} {
		if got := l.Admitted(g); !slices.Equal(got, want) {
			t.Fatalf("%s: rules %v, want %v", g, got, want)
		}
	}
	_, err := l.Sim.Compute.DeleteNetworkInterface(t.Context(), &ec2.DeleteNetworkInterfaceInput{
		NetworkInterfaceId: lost.NetworkInterfaceId})
	l.Must(err)
	l.Clock.Advance(time.Hour)
	l.Settle()
	for _, g := range []string{group, lab.NodeGroup} {
		if got := l.Admitted(g); !slices.Equal(got, want) {
			t.Errorf("while the pod is nowhere: %s has rules %v, want %v", g, got, want)
		}
	}
	if got := strings.Join(l.Events, "\n"); strings.Count(got, "cannot resolve pod ENI") != 1 {
		t.Errorf("told:\n%s", got)
	}
	l.Must(l.Client.Delete(t.Context(), lab.Pods("elsewhere", "")[0]))
	l.Settle()
	if got := l.Admitted(group); len(got) > 0 {
		t.Errorf("the pod is gone: rules %v", got)
	}
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, want) {
		t.Errorf("the other pod: rules %v, want %v", got, want)
	}
}

func TestAMistakeInABindingTakesNoTargetAway(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	arn := l.TargetGroup(elbtypes.TargetTypeEnumInstance)
	bound := lab.Binding(arn, v1beta1.TargetTypeInstance)
	bound.Spec.Networking.Ingress[0].Ports[0].Port = ptr.To(intstr.FromInt32(30080))
	l.Create(bound)
	l.Settle()
	want, rules := []string{"i-0a1de0000000000a1:30080"}, []string{lab.Peer + " 30080-30080"}
	edit := func(change func(*v1beta1.TargetGroupBinding, *corev1.Service)) {
		t.Helper()
		b, s := &v1beta1.TargetGroupBinding{}, &corev1.Service{}
		l.Get(b, "bound")
		l.Get(s, "web")
		change(b, s)
		l.Must(l.Client.Update(t.Context(), b))
		l.Must(l.Client.Update(t.Context(), s))
		l.Settle()
	}
	for _, m := range []struct {
		name   string
		change func(*v1beta1.TargetGroupBinding, *corev1.Service)
		says   string
	}{
		{"an operator that does not exist", func(b *v1beta1.TargetGroupBinding, _ *corev1.Service) {
			b.Spec.NodeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "pool", Operator: "Inn", Values: []string{"a"}}}}
		}, "spec.nodeSelector"},
		{"a label that cannot be", func(b *v1beta1.TargetGroupBinding, _ *corev1.Service) {
			b.Spec.NodeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"pool": "a b"}}
		}, "spec.nodeSelector"},
		{"a Service without node ports", func(b *v1beta1.TargetGroupBinding, s *corev1.Service) {
			b.Spec.NodeSelector, s.Spec.Type = nil, corev1.ServiceTypeClusterIP
		}, "has no node ports, which instance targets need"},
		{"a Service that allocates no node ports", func(_ *v1beta1.TargetGroupBinding, s *corev1.Service) {
			s.Spec.Type, s.Spec.AllocateLoadBalancerNodePorts, s.Spec.Ports[0].NodePort = corev1.ServiceTypeLoadBalancer,
				ptr.To(false), 0
		}, "service shop/web has no node port for port 80"},
	} {
		l.Events = nil
		edit(m.change)
		if got := l.Targets(arn); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v", m.name, got, want)
		}
		if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, rules) {
			t.Errorf("%s: rules %v, want %v", m.name, got, rules)
		}
		if got := strings.Join(l.Events, "\n"); !strings.Contains(got, m.says) {
			t.Errorf("%s: told %q, want %q in it", m.name, got, m.says)
		}
		b := &v1beta1.TargetGroupBinding{}
		if l.Get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") {
			t.Errorf("%s: %+v", m.name, b.Status.Conditions)
		}
	}
	edit(func(_ *v1beta1.TargetGroupBinding, s *corev1.Service) {
		s.Spec.Type, s.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	})
	if b := (&v1beta1.TargetGroupBinding{}); l.Get(b, "bound") && !lab.Ready(b) {
		t.Errorf("healed: %+v", b.Status.Conditions)
	}
}

func TestVPCOfTargetGroupDecidesWhichTargetsAreOutside(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	vpc, err := l.Sim.Compute.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})
	l.Must(err)
	other := aws.ToString(vpc.Vpc.VpcId)
	out, err := l.Sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("peered"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		TargetType: elbtypes.TargetTypeEnumIp, VpcId: &other,
	})
	l.Must(err)
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Spec.VpcID = other
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	if got, want := l.Targets(arn), []string{"10.0.128.50:8080"}; !slices.Equal(got, want) {
		t.Errorf("targets %v, want %v:\n%s", got, want, strings.Join(l.Events, "\n"))
	}
	described := 0
	for _, c := range l.Sim.Gate.Calls(gate.Filter{}) {
		if c.Action == "DescribeVpcs" {
			described++
		}
	}
	if described != 1 {
		t.Errorf("the VPC was described %d times", described)
	}
}

func TestTwoClustersThatShareNodesLeaveEachOthersRules(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	theirs := l.SecurityGroup("k8s-traffic-other")
	_, err := l.Sim.Compute.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{theirs}, Tags: []ec2types.Tag{
		{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String("other")}}})
	l.Must(err)
	_, err = l.Sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(lab.NodeGroup), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(9000), ToPort: aws.Int32(9000),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{
				{GroupId: &theirs, Description: aws.String("elbv2.k8s.aws/targetGroupBinding=shared")}},
		}}})
	l.Must(err)
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	other, ours := theirs+" 9000-9000", lab.Peer+" 8080-8080"
	if got := l.Admitted(lab.NodeGroup); len(got) != 2 || !slices.Contains(got, other) || !slices.Contains(got, ours) {
		t.Errorf("rules %v, want %s and %s", got, other, ours)
	}
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{other}) {
		t.Errorf("rules %v, want %s", got, other)
	}
}

func TestANodeThatIsNoInstanceIsReportedAndStopsNothing(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Node("b", ""))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumInstance), v1beta1.TargetTypeInstance)
	b.Spec.Networking = lab.NetworkingOf(lab.Peer + " 30080")
	l.Create(b)
	l.Settle()
	if got, want := l.Targets(b.Spec.TargetGroupARN), []string{"i-0a1de0000000000a1:30080"}; !slices.Equal(got, want) {
		t.Errorf("targets %v, want %v", got, want)
	}
	l.ToldOnce("providerID is not specified for node: b")
	if l.Get(b, "bound"); !lab.Ready(b) {
		t.Errorf("%+v", b.Status.Conditions)
	}
}

func TestAddressesOutsideTheVPCAreOfAllZones(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{})
	zone, _ := l.Bound.Zones(t.Context(), lab.Binding("arn:tg", v1beta1.TargetTypeIP))
	for address, want := range map[string]string{"10.0.128.50": "", "2600:1f14:abc:de10::5": "",
		"192.168.7.7": registrar.AllZones, "2001:db8::1": registrar.AllZones, "web": ""} {
		if got := zone(registrar.Endpoint{Target: registrar.Target{ID: address}}); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	if zone, known := l.Bound.Zones(t.Context(), lab.Binding("arn:tg", v1beta1.TargetTypeInstance)); zone != nil ||
		!known {
		t.Error("instances have a zone")
	}
}
