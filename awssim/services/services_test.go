package services

import (
	"context"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	simec2 "github.com/k8s-lbc/lbc/awssim/ec2"
	"github.com/k8s-lbc/lbc/awssim/elbv2"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

func TestServicesAnswerFromSeed(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Compute.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil || len(out.Subnets) != len(s.Seed().VPC.Subnets) {
		t.Fatalf("%v, %v; the seed has %d subnets", out, err, len(s.Seed().VPC.Subnets))
	}
}

func TestOtherAccountsAreFoundByRoles(t *testing.T) {
	t.Parallel()
	f := seed.Default()
	const id = "222222222222"
	f.Accounts = []seed.File{
		{Account: id, Region: f.Region, VPC: seed.VPC{ID: "vpc-0a1de000000000002", CIDR: "10.1.0.0/16"}}}
	s, err := New(Options{Seed: &f})
	if err != nil {
		t.Fatal(err)
	}
	other := s.Elsewhere[id]
	if other == nil || len(s.All()) != 2 || s.All()[1] != other {
		t.Fatalf("accounts %v", s.All())
	}
	for _, x := range s.All() {
		if x.Identity.Elsewhere(id) != other.Account {
			t.Errorf("account %s does not find %s", x.Account.ID, id)
		}
	}
}

func TestDriftFailsWithoutPerform(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	describe := func() error {
		_, err := s.Balancing.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})
		return err
	}
	drift := gate.Fault{Action: "DescribeLoadBalancers", Drift: &gate.Drift{Service: "ec2", Action: "DeleteSubnet"}}
	if _, err := s.Gate.AddFault(drift); err != nil {
		t.Fatal(err)
	}
	if describe() == nil {
		t.Error("a call succeeded although nothing performs the change of its fault")
	}
	var performed string
	s.Perform = func(_ context.Context, service, action string, _ []byte) error {
		performed = service + "." + action
		return nil
	}
	if err := describe(); err != nil || performed != "ec2.DeleteSubnet" {
		t.Errorf("performed %q, error %v", performed, err)
	}
}

// TestServicesHaveEveryActionOfTheirParts compares a service with the structs that it embeds, one for each kind of
// resource. Go promotes no method whose name occurs in two of them.
func TestServicesHaveEveryActionOfTheirParts(t *testing.T) {
	t.Parallel()
	for _, service := range []reflect.Type{reflect.TypeFor[*simec2.Service](), reflect.TypeFor[*elbv2.Service]()} {
		for _, part := range reflect.VisibleFields(service.Elem()) {
			if !part.Anonymous {
				continue
			}
			if part.Type.NumMethod() == 0 {
				t.Errorf("%s of %s has no actions", part.Name, service)
			}
			for i := range part.Type.NumMethod() {
				name := part.Type.Method(i).Name
				if _, ok := service.MethodByName(name); !ok {
					t.Errorf("%s lacks %s of %s: another part has a method of this name", service, name, part.Name)
				}
			}
		}
	}
}
