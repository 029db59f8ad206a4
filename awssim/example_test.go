package awssim_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

// A test in Go calls the services without a wire: they have the methods of the SDK's clients. Time stands until the
// test moves it.
func Example() {
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	sim, err := awssim.New(awssim.Options{Clock: c, Profile: account.Real()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sim.Close() }()

	ctx := context.Background()
	made, err := sim.Balancing.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{
		// of the built-in account
		Name: aws.String("web"), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(made.LoadBalancers[0].State.Code)

	c.Advance(2 * time.Minute)
	now, err := sim.Balancing.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{Names: []string{"web"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(now.LoadBalancers[0].State.Code)
	// Output:
	// provisioning
	// active
}

// Programs in any language call the simulator over HTTP, with AWS_ENDPOINT_URL or the SDK's BaseEndpoint set to it.
func ExampleSimulator_Handler() {
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sim.Close() }()
	server := httptest.NewServer(sim.Handler())
	defer server.Close()

	client := elbv2.New(elbv2.Options{
		BaseEndpoint: aws.String(server.URL), Region: "us-west-2",
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "simulated", ""),
	})
	out, err := client.CreateTargetGroup(context.Background(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String("vpc-0a1de000000000001"),
		TargetType: "ip",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(aws.ToString(out.TargetGroups[0].TargetGroupName),
		aws.ToInt32(out.TargetGroups[0].HealthCheckIntervalSeconds))
	// Output:
	// web 30
}
