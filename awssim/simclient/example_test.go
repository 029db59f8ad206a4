package simclient_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// A fault rule fails the next call of an action; the recorded calls show what was called and what came of it. The
// simulator may as well be another process: awssim prints its URL when it starts.
func Example() {
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sim.Close() }()
	server := httptest.NewServer(sim.Handler())
	defer server.Close()

	ctx := context.Background()
	c := simclient.New(server.URL, nil)
	if _, err := c.AddFault(ctx, gate.Fault{Action: "CreateLoadBalancer", Code: "Throttling", Times: 1}); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 { // the program under test
		_, _ = sim.Balancing.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{
			Name: aws.String("web"), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"},
		})
	}

	calls, err := c.Calls(ctx, gate.Filter{Action: "CreateLoadBalancer"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, call := range calls {
		fmt.Printf("%s: %d %s\n", call.Action, call.Status, cmp.Or(call.Code, "OK"))
	}
	held, err := c.Resources(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(held.LoadBalancers[0].Name)
	// Output:
	// CreateLoadBalancer: 400 Throttling
	// CreateLoadBalancer: 200 OK
	// web
}
