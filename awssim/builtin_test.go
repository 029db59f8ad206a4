package awssim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/seed"
)

// The built-in account has a subnet for every kind of refusal that subnets cause. No load balancer finds it by a role.
func TestTheBuiltInAccountHasASubnetWithoutIPv6(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	at := slices.IndexFunc(s.description.VPC.Subnets, func(n seed.Subnet) bool { return n.IPv6CIDR == "" })
	if at < 0 {
		t.Fatal("every subnet has IPv6")
	}
	bare := s.description.VPC.Subnets[at]
	for key := range bare.Tags {
		if strings.HasPrefix(key, "kubernetes.io/role/") {
			t.Errorf("subnet %s has the role %s", bare.ID, key)
		}
	}
	for i, tt := range []struct {
		kind elbtypes.IpAddressType
		want string
	}{
		{"ipv4", ""}, {"dualstack", "InvalidConfigurationRequest"}, {"dualstack-without-public-ipv4", "InvalidConfigurationRequest"},
	} {
		_, err := s.balancing.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{
			Name: aws.String(fmt.Sprint("lb", i)), Subnets: []string{bare.ID, "subnet-0a1de0000000000b1"}, IpAddressType: tt.kind,
		})
		if code(err) != tt.want {
			t.Errorf("%s: %v, want code %q", tt.kind, err, tt.want)
		}
	}
}
