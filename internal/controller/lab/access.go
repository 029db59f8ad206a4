package lab

import (
	"fmt"
	"slices"
	"strings"

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
)

// What tests of several subjects name in the simulated account.
const (
	VPC       = "vpc-0a1de000000000001"
	NodeGroup = "sg-0a1de000000000001"
	Peer      = "sg-0a1de000000000002"
)

// Node is a ready node that runs on an instance of the simulated account.
func Node(name, provider string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelTopologyZone: "us-west-2a"}}}
	n.Spec.ProviderID = provider
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return n
}

// Pods are ready pods of Service web on a node, with their slice: the objects and what resolution reads of them.
func Pods(node string, addresses ...string) []client.Object {
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-" + node,
		Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	slice.AddressType = discoveryv1.AddressTypeIPv4
	slice.Ports = []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)}}
	out := []client.Object{slice}
	for i, a := range addresses {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-%s-%d", node, i)}}
		pod.Spec.NodeName, pod.Status.PodIP = node, a
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{a}, NodeName: &node, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop",
				Name: pod.Name},
		})
		out = append(out, pod)
	}
	return out
}

// Binding is a user's binding of Service web that lets Peer in.
func Binding(arn string, kind v1beta1.TargetType) *v1beta1.TargetGroupBinding {
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bound", UID: "uid-bound"}}
	o.Spec = v1beta1.TargetGroupBindingSpec{
		TargetGroupARN: arn, TargetType: &kind, TargetGroupProtocol: ptr.To(v1beta1.Protocol("HTTP")),
		IPAddressType: ptr.To(v1beta1.IPAddressTypeIPv4), VpcID: VPC,
		ServiceRef: v1beta1.ServiceReference{Name: "web", Port: intstr.FromInt32(80)},
		Networking: &v1beta1.TargetGroupBindingNetworking{Ingress: []v1beta1.NetworkingIngressRule{{
			From:  []v1beta1.NetworkingPeer{{SecurityGroup: &v1beta1.SecurityGroup{GroupID: Peer}}},
			Ports: []v1beta1.NetworkingPort{{Port: ptr.To(intstr.FromInt32(8080))}},
		}}},
	}
	return o
}

// TargetGroup makes one as a user would.
func (l *Lab) TargetGroup(kind elbtypes.TargetTypeEnum) string {
	return l.TargetGroupNamed("theirs", kind)
}

// TargetGroupNamed is TargetGroup with another name.
func (l *Lab) TargetGroupNamed(name string, kind elbtypes.TargetTypeEnum) string {
	l.Helper()
	out, err := l.Sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: kind,
		VpcId: aws.String(VPC),
	})
	l.Must(err)
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

// Admitted are the inbound rules of a group that we made: "PEER FROM-TO".
func (l *Lab) Admitted(group string) []string {
	l.Helper()
	out, err := l.Sim.Compute.DescribeSecurityGroups(l.Context(), &ec2.DescribeSecurityGroupsInput{
		GroupIds: []string{group}})
	l.Must(err)
	var rules []string
	for _, p := range out.SecurityGroups[0].IpPermissions {
		for _, g := range p.UserIdGroupPairs {
			if strings.Contains(aws.ToString(g.Description), "targetGroupBinding=shared") {
				rules = append(rules, fmt.Sprintf("%s %d-%d", aws.ToString(g.GroupId), aws.ToInt32(p.FromPort),
					aws.ToInt32(p.ToPort)))
			}
		}
	}
	slices.Sort(rules)
	return rules
}

// Targets are the registered ones: "ID:PORT".
func (l *Lab) Targets(arn string) []string {
	l.Helper()
	out, err := l.Sim.Balancing.DescribeTargetHealth(l.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: &arn})
	l.Must(err)
	var ids []string
	for _, d := range out.TargetHealthDescriptions {
		if d.TargetHealth.State != elbtypes.TargetHealthStateEnumDraining {
			ids = append(ids, fmt.Sprintf("%s:%d", aws.ToString(d.Target.Id), aws.ToInt32(d.Target.Port)))
		}
	}
	slices.Sort(ids)
	return ids
}

// Readdress has another pod, of the same name, in the place of the first one of a slice.
func (l *Lab) Readdress(slice *discoveryv1.EndpointSlice, address string) {
	l.Helper()
	slice.Endpoints[0].Addresses = []string{address}
	pod := &corev1.Pod{}
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: slice.Namespace, Name: slice.Endpoints[0].TargetRef.Name},
		pod))
	pod.Status.PodIP = address
	l.Must(l.Client.Status().Update(l.Context(), pod))
}

// Create stores objects in the API server.
func (l *Lab) Create(objects ...client.Object) {
	l.Helper()
	for _, o := range objects {
		l.Must(l.Client.Create(l.Context(), o))
	}
}

// NetworkInterface makes one in a private subnet and returns its address.
func (l *Lab) NetworkInterface(group string, prefixes int32) *ec2types.NetworkInterface {
	l.Helper()
	in := &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String("subnet-0a1de0000000000a2"), Groups: []string{group}}
	if prefixes > 0 {
		in.Ipv4PrefixCount = &prefixes
	}
	out, err := l.Sim.Compute.CreateNetworkInterface(l.Context(), in)
	l.Must(err)
	return out.NetworkInterface
}

// SecurityGroup creates a security group and returns its ID.
func (l *Lab) SecurityGroup(name string) string {
	l.Helper()
	out, err := l.Sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: &name, VpcId: aws.String(VPC)})
	l.Must(err)
	return aws.ToString(out.GroupId)
}

// Ready reports whether the condition Ready of a binding is true.
func Ready(b *v1beta1.TargetGroupBinding) bool {
	return meta.IsStatusConditionTrue(b.Status.Conditions, "Ready")
}
