package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/spf13/cobra"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/cmd/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// TestThePlanShowsThatDeletionProtectionOfAWSRefusesTheDeletion plans the deletion of an Ingress that declares nothing about protection, in a
// process that has not read the load balancer's attributes.
func TestThePlanShowsThatDeletionProtectionOfAWSRefusesTheDeletion(t *testing.T) {
	t.Parallel()
	sim, clients := simulated(t)
	deploy(t, clients, "testdata/settings.yaml")
	balancer := sim.Resources().LoadBalancers[0]
	for _, protected := range []string{"true", "false"} {
		if _, err := sim.Balancing.ModifyLoadBalancerAttributes(t.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &balancer.ARN, Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: &protected}},
		}); err != nil {
			t.Fatal(err)
		}
		text := deletionPlan(t, clients)
		refused := strings.Contains(text, "REFUSED: deletion protection is enabled on load balancer "+balancer.Name)
		if !strings.Contains(text, "DeleteLoadBalancer") || refused != (protected == "true") {
			t.Errorf("protected: %s\n%s", protected, text)
		}
	}
}

// deletionPlan is the plan of the Ingress of the settings once it is deleted.
func deletionPlan(t *testing.T, clients cloud.Clients) string {
	t.Helper()
	var i inputs
	i.flags(&cobra.Command{}) // for the defaults
	i.files = []string{"testdata/settings.yaml"}
	src, err := i.open(t.Context(), os.Stderr, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	for _, p := range src.fromFiles {
		if ing, ok := p.object.(*networkingv1.Ingress); ok {
			ing.DeletionTimestamp, ing.Finalizers = &metav1.Time{Time: time.Now()}, []string{"ingress.k8s.aws/resources"}
		}
	}
	inv := inventory.New(clients, inventory.Config{Cluster: i.config.ClusterName, VPC: i.config.VPC, Now: time.Now, AddOnTimeout: time.Minute})
	got, err := offline.Plans(t.Context(), objects.New(src.reader), func(stack.Key) bool { return true }, inv, &i.config, func(stack.Key) []elb.Binding { return nil })
	if err != nil || len(got.Stacks) != 1 {
		t.Fatalf("%d plans, %v", len(got.Stacks), err)
	}
	return got.Stacks[0].Plan.Text(plan.TextOptions{})
}
