package bindings

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// oneInterface is an EC2 in which each instance has one interface, with one security group.
type oneInterface struct{ awsclient.EC2 }

func (oneInterface) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeInstancesOutput, error) {
	var all []ec2types.Instance
	for _, id := range in.Filters[0].Values {
		all = append(all, ec2types.Instance{InstanceId: aws.String(id),
			NetworkInterfaces: []ec2types.InstanceNetworkInterface{{
				NetworkInterfaceId: aws.String("eni-" + id), Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1")}},
				Attachment: &ec2types.InstanceNetworkInterfaceAttachment{DeviceIndex: aws.Int32(0)},
			}}})
	}
	return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: all}}}, nil
}

// machines are pods and nodes by name.
type machines struct {
	pods  map[string]*corev1.Pod
	nodes map[string]*corev1.Node
}

func (m machines) Pod(_ context.Context, _, name string) (*corev1.Pod, bool) {
	p, ok := m.pods[name]
	return p, ok
}

func (m machines) Node(_ context.Context, name string) (*corev1.Node, bool) {
	n, ok := m.nodes[name]
	return n, ok
}

// TestPlacementCostsFewBytesEach shows that the search for the security groups of a binding costs no bytes for each node
// and pod.
func TestPlacementCostsFewBytesEach(t *testing.T) { // not parallel: it counts bytes
	// the race detector has pools drop some of their lists of pointers
	for kind, most := range map[v1beta1.TargetType]float64{v1beta1.TargetTypeIP: 24, v1beta1.TargetTypeInstance: 1} {
		t.Run(string(kind), func(t *testing.T) {
			var points []growth.Point
			for _, n := range growth.Sizes {
				m := machines{map[string]*corev1.Pod{}, map[string]*corev1.Node{}}
				var all []registrar.Endpoint
				for i := range n {
					node := fmt.Sprint("n", i%10)
					id := fmt.Sprintf("i-%d", i%10)
					if kind == v1beta1.TargetTypeInstance {
						node, id = fmt.Sprint("n", i), fmt.Sprintf("i-%d", i)
					}
					m.nodes[node] = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}, Spec: corev1.NodeSpec{
						ProviderID: "aws:///z/" + id}}
					e := registrar.Endpoint{Target: registrar.Target{ID: id}, Node: node}
					if kind == v1beta1.TargetTypeIP {
						e.ID, e.Namespace, e.Pod = fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), "shop", fmt.Sprint("web-", i)
						m.pods[e.Pod] = &corev1.Pod{}
					}
					all = append(all, e)
				}
				list := registrar.EndpointsOf(all...)
				x := &Networks{Cluster: m, Interfaces: network.NewInterfaces(oneInterface{}, time.Now), Chooser: sgsync.Chooser{
					Cluster: "c"}}
				o := &v1beta1.TargetGroupBinding{Spec: v1beta1.TargetGroupBindingSpec{TargetType: &kind}}
				spent := growth.Bytes(func() {
					p := x.placing(o)
					p.find(t.Context(), list)
					if len(p.byGroup) != 1 || len(p.lost)+len(p.errs) > 0 {
						t.Errorf("%d groups, %d lost: %v", len(p.byGroup), len(p.lost), p.errs)
					}
				})
				if points = append(points, growth.Point{N: n, Cost: spent}); spent > 8192+most*float64(n) {
					t.Errorf("%d endpoints cost %.0f bytes, want at most %.0f each", n, spent, most)
				}
			}
			growth.Log(t, "bytes of the search for security groups, by endpoints", points)
		})
	}
}
