package localtargets

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
)

// health answers for a target group.
type health struct {
	awsclient.ELBV2
	targets []types.TargetHealthDescription
	err     error
}

func (h health) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (
	*elbv2.DescribeTargetHealthOutput, error) {
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: h.targets}, h.err
}

func described(id string, state types.TargetHealthStateEnum) types.TargetHealthDescription {
	return types.TargetHealthDescription{Target: &types.TargetDescription{Id: aws.String(id)},
		TargetHealth: &types.TargetHealth{State: state}}
}

// cluster has a node, an endpoint without a pod, and a pod that no Service selects. lists counts the lists of pods.
func cluster(lists *int, failing string) Cluster {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	c := fake.NewClientBuilder().WithObjects(
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Spec: corev1.NodeSpec{
			ProviderID: "aws:///us-west-2a/i-0123456789abcdef0"},
			Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.5"}}}},
		&discoveryv1.EndpointSlice{ObjectMeta: meta("web-1"), AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.1.1"}}}},
		&corev1.Pod{ObjectMeta: meta("alone"), Status: corev1.PodStatus{PodIP: "10.0.1.2"}},
	).WithIndex(&corev1.Pod{}, "status.podIP", func(o client.Object) []string {
		return []string{o.(*corev1.Pod).Status.PodIP}
	}).
		WithInterceptorFuncs(interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList,
			opts ...client.ListOption) error {
			kind := ""
			switch list.(type) {
			case *corev1.PodList:
				kind = "pods"
				*lists++
			case *corev1.NodeList:
				kind = "nodes"
			case *discoveryv1.EndpointSliceList:
				kind = "slices"
			}
			if kind == failing {
				return errors.New("the API server is away")
			}
			return c.List(ctx, list, opts...)
		}}).Build()
	return Cluster{Objects: c, Pods: c}
}

func TestOnlyHealthyTargetsThatAreNeitherPodsNorNodesAreElsewhere(t *testing.T) {
	t.Parallel()
	lists := 0
	own, err := cluster(&lists, "").Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := health{targets: []types.TargetHealthDescription{
		described("i-0123456789abcdef0", types.TargetHealthStateEnumHealthy),
		described("10.0.0.5", types.TargetHealthStateEnumHealthy),
		described("10.0.1.1", types.TargetHealthStateEnumHealthy), described("10.0.1.2", types.TargetHealthStateEnumHealthy),
		described("10.0.1.2", types.TargetHealthStateEnumHealthy),
		described("10.9.9.9", types.TargetHealthStateEnumHealthy), described("i-0ffffffffffffffff",
			types.TargetHealthStateEnumHealthy),
		described("10.9.9.8", types.TargetHealthStateEnumUnhealthy),
		described("10.9.9.7", types.TargetHealthStateEnumDraining), {},
	}}
	targets, err := own.Targets(t.Context(), h, "arn:aws:tg")
	if err != nil {
		t.Fatal(err)
	}
	want := []namesake.Target{
		{ID: "i-0123456789abcdef0", Healthy: true, Local: true}, {ID: "10.0.0.5", Healthy: true, Local: true},
		{ID: "10.0.1.1", Healthy: true, Local: true}, {ID: "10.0.1.2", Healthy: true, Local: true},
		{ID: "10.0.1.2", Healthy: true, Local: true},
		{ID: "10.9.9.9", Healthy: true}, {ID: "i-0ffffffffffffffff", Healthy: true}, {ID: "10.9.9.8"}, {ID: "10.9.9.7"},
	}
	if d := cmp.Diff(want, targets); d != "" {
		t.Error(d)
	}
	if lists != 2 {
		t.Errorf("pods were listed %d times, want once for each address that nodes and EndpointSlices do not have", lists)
	}
}

func TestOfAClusterThatIsGoneEveryHealthyTargetIsElsewhere(t *testing.T) {
	t.Parallel()
	own, err := Cluster{}.Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	targets, err := own.Targets(t.Context(), health{targets: []types.TargetHealthDescription{
		described("10.0.1.1", types.TargetHealthStateEnumHealthy)}}, "arn:aws:tg")
	if d := cmp.Diff([]namesake.Target{{ID: "10.0.1.1", Healthy: true}}, targets); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestWhatCannotBeReadIsNoAnswer(t *testing.T) {
	t.Parallel()
	one := health{targets: []types.TargetHealthDescription{described("10.9.9.9", types.TargetHealthStateEnumHealthy)}}
	for failing, want := range map[string]string{
		"nodes": "listing nodes: the API server is away", "slices": "listing EndpointSlices: the API server is away",
		"pods": "listing the pods with address 10.9.9.9: the API server is away",
	} {
		var lists int
		own, err := cluster(&lists, failing).Own(t.Context())
		if err == nil {
			_, err = own.Targets(t.Context(), one, "arn:aws:tg")
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", failing, err, want)
		}
	}
	own, err := Cluster{}.Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Targets(t.Context(), health{err: errors.New("throttled")}, "arn:aws:tg"); err == nil ||
		err.Error() != "describing targets of arn:aws:tg: throttled" {
		t.Errorf("%v", err)
	}
}
