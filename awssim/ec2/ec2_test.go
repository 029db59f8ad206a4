package ec2

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// Ids of the built-in account.
const (
	vpcID     = "vpc-0a1de000000000001"
	nodeGroup = "sg-0a1de000000000001"
	webGroup  = "sg-0a1de000000000002"
	subnetA   = "subnet-0a1de0000000000a2" // private, zone a
	nodeA     = "i-0a1de0000000000a1"
)

// newService is EC2 over the built-in account.
func newService(t *testing.T) *Service {
	t.Helper()
	a := &account.Account{Clock: clock.NewStepped(time.Unix(1_700_000_000, 0)), Profile: account.Instant()}
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	return New(a, nil)
}

// wantCode fails the test if err does not have AWS's error code. "" stands for success.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := apierr.CodeOf(err); got != code || got == "" && err != nil {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func filterOn(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// newGroup makes a security group and returns its id.
func newGroup(t *testing.T, s *Service, name string) string {
	t.Helper()
	out, err := s.CreateSecurityGroup(context.Background(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(name), Description: aws.String("test"), VpcId: aws.String(vpcID),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.GroupId
}

func tcp(port int32, cidrs ...string) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port)}
	for _, c := range cidrs {
		p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: aws.String(c)})
	}
	return p
}

func authorize(s *Service, group string, permissions ...types.IpPermission) error {
	_, err := s.AuthorizeSecurityGroupIngress(context.Background(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(group), IpPermissions: permissions})
	return err
}

func revoke(s *Service, group string, permissions ...types.IpPermission) error {
	_, err := s.RevokeSecurityGroupIngress(context.Background(), &ec2.RevokeSecurityGroupIngressInput{
		GroupId: aws.String(group), IpPermissions: permissions})
	return err
}

func describeGroup(t *testing.T, s *Service, id string) types.SecurityGroup {
	t.Helper()
	out, err := s.DescribeSecurityGroups(context.Background(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil || len(out.SecurityGroups) != 1 {
		t.Fatalf("describe %s: %v, %v", id, out, err)
	}
	return out.SecurityGroups[0]
}
