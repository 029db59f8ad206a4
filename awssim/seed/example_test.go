package seed_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// An account file is what the account holds before the first call.
func ExampleLoad() {
	file, err := seed.Load(strings.NewReader(`
account: "111122223333"
region: eu-central-1
vpc:
  id: vpc-00000001
  cidr: 10.1.0.0/16
  subnets:
    - {id: subnet-00000001, zone: eu-central-1a, cidr: 10.1.0.0/20, public: false, tags: {Name: shop-a}}
    - {id: subnet-00000002, zone: eu-central-1b, cidr: 10.1.16.0/20, public: false, tags: {Name: shop-b}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	sim, err := awssim.New(awssim.Options{Seed: &file})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sim.Close() }()
	out, err := sim.Compute.DescribeSubnets(context.Background(), &ec2.DescribeSubnetsInput{
		SubnetIds: []string{"subnet-00000002"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := out.Subnets[0]
	fmt.Println(aws.ToString(s.SubnetArn), aws.ToString(s.CidrBlock), aws.ToInt32(s.AvailableIpAddressCount))

	// What is wrong is named by field and value.
	_, err = seed.Load(
		strings.NewReader(`{account: "111122223333", region: eu-central-1, vpc: {id: vpc-00000001, cidr: 10.1.0.0}}`))
	fmt.Println(err)
	// Output:
	// arn:aws:ec2:eu-central-1:111122223333:subnet/subnet-00000002 10.1.16.0/20 4091
	// account file: vpc.cidr: "10.1.0.0" is not a CIDR block
}
