package front

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestAServiceWhoseTypeCannotBeUnderstoodKeepsWhatItHas makes a typo in the type, with and without a last valid version
// at hand.
func TestAServiceWhoseTypeCannotBeUnderstoodKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	front := Service{Config: service.Config{DefaultTargetType: "ip"}}
	key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}
	known := facts.Facts{VPC: &facts.VPC{ID: "vpc-1", CIDRs: []string{"10.0.0.0/16"}}, Subnets: map[string]facts.Subnet{
		"subnet-a": {ID: "subnet-a", VPC: "vpc-1", Zone: "us-west-2a", CIDR: "10.0.0.0/20", AvailableIPs: 100,
			Tags: map[string]string{"kubernetes.io/role/internal-elb": "1"}},
	}}
	typed := func(kind string) Input {
		return front.Load(objects.FromObjects([]any{balancer(func(s *corev1.Service) {
			s.Spec.LoadBalancerClass, s.Finalizers = nil, []string{finalizer}
			s.Annotations["service.beta.kubernetes.io/aws-load-balancer-type"] = kind
		})}), key.ID)
	}
	cfg := compiling()
	good, _, err := Compiler{&oracle{known: known}, cfg}.Compile(t.Context(), key, typed("external"), nil)
	if err != nil || good.Stack.Empty() {
		t.Fatalf("%v, %v, %v", good.Stack, good.Diagnostics, err)
	}
	after, _, err := Compiler{&oracle{known: known}, cfg}.Compile(t.Context(), key, typed("externl"), good.Memory)
	if err != nil || !reflect.DeepEqual(after.Stack, good.Stack) || !after.Diagnostics.HasErrors() {
		t.Errorf("with a last valid version: %+v, %v, %v", after.Stack, after.Diagnostics, err)
	}
	fresh, _, err := Compiler{&oracle{known: known}, cfg}.Compile(t.Context(), key, typed("externl"), nil)
	if err != nil || fresh.Stack != nil || !fresh.Diagnostics.HasErrors() {
		t.Errorf("without one nothing may be touched: %+v, %v, %v", fresh.Stack, fresh.Diagnostics, err)
	}
}
