package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMain(m *testing.M) { Main(m) }

// This package proves the playground itself: everything but the controller, whose part the test plays by hand.
func cluster(t *testing.T) *Cluster {
	t.Helper()
	return Start(t, Options{NoController: true})
}

const workload = `
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: example.com/app
        env: [{name: SERVICE_NAME, value: web}]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /health, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`

// endpoints waits for n ready pods and returns their addresses.
func endpoints(t *testing.T, c *Cluster, namespace string, n int) []string {
	t.Helper()
	var addresses []string
	c.WaitFor(t, fmt.Sprintf("%d ready endpoints", n), func(ctx context.Context) error {
		slices, err := c.Client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		addresses = nil
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				if e.Conditions.Ready != nil && *e.Conditions.Ready {
					addresses = append(addresses, e.Addresses...)
				}
			}
		}
		if len(addresses) != n {
			return fmt.Errorf("%d are ready", len(addresses))
		}
		return nil
	})
	return addresses
}

func TestPodAddressesBelongToTheNodesInterfaces(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the playground, which every end-to-end test uses")
	}
	t.Parallel()
	c := cluster(t)
	c.Apply(t, fmt.Sprintf(workload, "addresses"))
	a := c.Simulator.Account
	for _, address := range endpoints(t, c, "addresses", 3) {
		found := ""
		a.Lock()
		for _, eni := range a.Interfaces {
			for _, private := range eni.Addresses {
				if private.Addr.String() == address && eni.Attachment != nil {
					found = eni.Attachment.Instance
				}
			}
		}
		a.Unlock()
		if found == "" {
			t.Errorf("no interface of an instance has %s", address)
		}
	}
}

func TestNodesAreReadyAndHaveTheirInstances(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the playground, which every end-to-end test uses")
	}
	t.Parallel()
	c := cluster(t)
	seeded := c.Simulator.Seed().Cluster.Nodes
	c.WaitFor(t, "ready nodes", func(ctx context.Context) error {
		list, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(list.Items) != len(seeded) {
			return fmt.Errorf("%d nodes, want %d", len(list.Items), len(seeded))
		}
		for _, n := range list.Items {
			if len(n.Spec.Taints) > 0 {
				return fmt.Errorf("%s has taints %v", n.Name, n.Spec.Taints)
			}
			if !strings.HasPrefix(n.Spec.ProviderID, "aws:///"+n.Labels["topology.kubernetes.io/zone"]+"/i-") {
				return fmt.Errorf("provider id %s", n.Spec.ProviderID)
			}
		}
		return nil
	})
}

// balancer makes an ALB with one listener for the targets, as the controller would.
func balancer(t *testing.T, c *Cluster, name string, targets []string, port int32,
	targetType types.TargetTypeEnum) string {
	t.Helper()
	ctx := t.Context()
	service := c.Simulator.Balancing
	seeded := c.Simulator.Seed()
	var subnets []string
	for _, s := range seeded.VPC.Subnets {
		if s.Public {
			subnets = append(subnets, s.ID)
		}
	}
	node, web := seeded.SecurityGroups[0].ID, seeded.SecurityGroups[1].ID
	c.admit(t, node, web)
	tg, err := service.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: &name, Protocol: types.ProtocolEnumHttp, Port: &port, TargetType: targetType, VpcId: &seeded.VPC.ID,
		HealthCheckPath: aws.String("/health"),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := tg.TargetGroups[0].TargetGroupArn
	var descriptions []types.TargetDescription
	for _, id := range targets {
		descriptions = append(descriptions, types.TargetDescription{Id: &id, Port: &port})
	}
	if _, err := service.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: arn,
		Targets: descriptions}); err != nil {
		t.Fatal(err)
	}
	lb, err := service.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: &name, Type: types.LoadBalancerTypeEnumApplication, Scheme: types.LoadBalancerSchemeEnumInternetFacing,
		Subnets: subnets, SecurityGroups: []string{web},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_, err := service.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{
			LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn})
		_, err2 := service.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: arn})
		if err := errors.Join(err, err2); err != nil {
			t.Error(err)
		}
	})
	if _, err := service.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: arn}},
	}); err != nil {
		t.Fatal(err)
	}
	return *lb.LoadBalancers[0].DNSName
}

func TestALoadBalancerReachesPodsByAddressAndByNodePort(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the playground, which every end-to-end test uses")
	}
	t.Parallel()
	c := cluster(t)
	c.Apply(t, fmt.Sprintf(workload, "reach"))
	pods := endpoints(t, c, "reach", 3)
	svc, err := c.Client.CoreV1().Services("reach").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var instances []string
	for _, n := range c.Simulator.Seed().Cluster.Nodes {
		instances = append(instances, n.Instance)
	}
	for name, host := range map[string]string{
		"pods":      balancer(t, c, "reach-pods", pods, 8080, types.TargetTypeEnumIp),
		"node port": balancer(t, c, "reach-nodes", instances, svc.Spec.Ports[0].NodePort, types.TargetTypeEnumInstance),
	} {
		r := c.WaitAnswer(t, Request{Target: "http://" + host + "/deep/path?x=1", Host: "shop.example.com", Headers: []string{
			"X-Test: yes"}}, http.StatusOK, "web")
		if r.Pod.Path != "/deep/path" || r.Pod.Host != "shop.example.com" || r.Pod.Headers.Get("X-Test") != "yes" ||
			r.Pod.Headers.Get("X-Forwarded-For") == "" {
			t.Errorf("%s: the pod saw %+v", name, r.Pod)
		}
		c.WaitHealthy(t, c.LoadBalancer(t, host))
		c.waitPods(t, name, "http://"+host+"/", 3)
	}
}

// waitPods waits until n pods have answered. A load balancer keeps its connections to targets, and each connection to a
// node port leads to one pod: overlapping requests, one more with each attempt, make the load balancer open further
// ones.
func (c *Cluster) waitPods(t *testing.T, name, url string, n int) {
	t.Helper()
	seen := map[string]bool{}
	overlapping := 1
	c.WaitFor(t, fmt.Sprintf("%s: %d pods to answer", name, n), func(ctx context.Context) error {
		answers := make([]Response, overlapping)
		var requests errgroup.Group
		for i := range answers {
			requests.Go(func() (err error) {
				answers[i], err = c.Get(ctx, url, "", "X-Delay: 100ms")
				return err
			})
		}
		if err := requests.Wait(); err != nil {
			return err
		}
		for _, r := range answers {
			if r.Status != http.StatusOK {
				return fmt.Errorf("%d pods answered, then status %d", len(seen), r.Status)
			}
			seen[r.Pod.Pod] = true
		}
		if overlapping++; len(seen) != n {
			return fmt.Errorf("%d pods answered", len(seen))
		}
		return nil
	})
}
