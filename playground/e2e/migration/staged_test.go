package migration

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

// exampleZone is the hosted zone of example.com in the built-in account.
const exampleZone = "Z0A1DE00000001"

// weigh gives the records of a name for load balancers their weights, of which the record of a load balancer has its
// name.
func weigh(t *testing.T, c *harness.Cluster, name string, weights map[string]int64) {
	t.Helper()
	for balancer, weight := range weights {
		found, err := c.Simulator.Balancing.DescribeLoadBalancers(t.Context(),
			&elasticloadbalancingv2.DescribeLoadBalancersInput{Names: []string{balancer}})
		if err != nil {
			t.Fatal(err)
		}
		lb := found.LoadBalancers[0]
		change(t, c, types.ChangeActionUpsert, types.ResourceRecordSet{
			Name: aws.String(name), Type: types.RRTypeA, SetIdentifier: aws.String(balancer), Weight: aws.Int64(weight),
			AliasTarget: &types.AliasTarget{HostedZoneId: lb.CanonicalHostedZoneId, DNSName: lb.DNSName,
				EvaluateTargetHealth: true},
		})
	}
}

func change(t *testing.T, c *harness.Cluster, action types.ChangeAction, set types.ResourceRecordSet) {
	t.Helper()
	if _, err := c.Simulator.Names.ChangeResourceRecordSets(context.WithoutCancel(t.Context()),
		&route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(exampleZone), ChangeBatch: &types.ChangeBatch{
				Changes: []types.Change{{Action: action, ResourceRecordSet: &set}}},
		}); err != nil {
		t.Fatal(err)
	}
}

// records are the record sets of a name.
func records(t *testing.T, c *harness.Cluster, name string) (out []types.ResourceRecordSet) {
	t.Helper()
	all, err := c.Simulator.Names.ListResourceRecordSets(context.WithoutCancel(t.Context()),
		&route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(exampleZone)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all.ResourceRecordSets {
		if *s.Name == name+"." {
			out = append(out, s)
		}
	}
	return out
}

// visitor is a client that looks a name up and remembers the answer for a number of requests, which is what passes of
// the TTL.
type visitor struct {
	cluster  *harness.Cluster
	name     string
	path     string
	service  string
	left     int
	balancer *atomic.Value // the name of the load balancer that it remembers
	dns      string
}

// remembered is for how many requests a visitor remembers an answer.
const remembered = 10

// Call implements load.Client.
func (v *visitor) Call(ctx context.Context) error {
	if v.left--; v.left < 0 {
		if err := v.resolve(); err != nil {
			return err
		}
	}
	r, err := v.cluster.Get(ctx, "http://"+v.dns+v.path, v.name)
	if err != nil {
		return err
	}
	if r.Status != 200 || r.Pod.Service != v.service {
		return fmt.Errorf("%d of service %q from %s", r.Status, r.Pod.Service, v.balancer.Load())
	}
	return nil
}

func (v *visitor) resolve() error {
	addresses, err := v.cluster.Simulator.Resolve(v.name)
	if err != nil {
		return err
	}
	addresses = slices.DeleteFunc(addresses, func(a netip.Addr) bool { return !a.Unmap().Is4() })
	if len(addresses) == 0 {
		return fmt.Errorf("%s has no address", v.name)
	}
	for _, e := range v.cluster.Simulator.Endpoints() {
		if e.Address == addresses[0].Unmap() {
			v.dns, v.left = e.DNSName, remembered-1
			v.balancer.Store(e.Name)
			return nil
		}
	}
	return fmt.Errorf("%s is at %s, where no load balancer is", v.name, addresses)
}

// Close implements load.Client.
func (v *visitor) Close() {}

// taken is how many requests the rules of a load balancer took.
func taken(lb simclient.LoadBalancer) (n int64) {
	for _, l := range lb.Listeners {
		for _, r := range l.Rules {
			n += r.Requests
		}
	}
	return n
}

// TestTrafficMovesByDNSWeightsWithoutAFailure shows that no request fails while DNS weights move
// traffic from Ingresses to their Gateway in stages.
func TestTrafficMovesByDNSWeightsWithoutAFailure(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of cmd/lbc show the Gateways that it makes")
	}
	t.Parallel()
	c := cluster(t)
	const ns, name = "staged", "staged.example.com"
	c.Apply(t, scene.Namespace(ns, 2)+scene.Backend(ns, "api", 2)+group(ns, ns, name, nil))
	old := c.LoadBalancer(t, c.IngressAddress(t, ns, "shop"))
	c.WaitHealthy(t, old)
	t.Cleanup(func() {
		for _, s := range records(t, c, name) {
			change(t, c, types.ChangeActionDelete, s)
		}
	})
	weigh(t, c, name, map[string]int64{old.Name: 100})

	clients := load.Start(t.Context())
	t.Cleanup(func() { clients.Stop() })
	var remember []*atomic.Value
	for path, service := range map[string]string{"/": "web", "/api": "api"} {
		clients.Add(3, 10*time.Millisecond, func() load.Client {
			at := &atomic.Value{}
			remember = append(remember, at)
			return &visitor{cluster: c, name: name, path: path, service: service, balancer: at}
		})
	}
	scene.More(t, c, clients, 60)

	out := t.TempDir()
	migrated(t, c, out, "--from-cluster", "--kubeconfig", c.Env.Kubeconfig, "--namespaces", ns, "--dry-run=false")
	apply(t, c, filepath.Join(out, "gateway-resources.yaml"))
	address := scene.GatewayAddress(t, c, ns, gateways(t, c, ns)[0])
	// Two target groups before healthy targets are asked about: without routes there would be none.
	wait(t, c, "the target groups of the Gateway", func() string {
		if n := len(c.TargetGroups(c.LoadBalancer(t, address))); n != 2 {
			return fmt.Sprintf("there are %d", n)
		}
		return ""
	})
	lb := c.LoadBalancer(t, address)
	c.WaitHealthy(t, lb)
	for path, service := range map[string]string{"/": "web", "/api": "api"} {
		c.WaitGet(t, "http://"+lb.DNSName+path, name, 200, service)
	}
	if a, b := pods(c, old), pods(c, lb); a != b {
		t.Errorf("targets of the Ingresses %s, of the Gateway %s", a, b)
	}

	for _, share := range []int64{10, 50, 100} {
		before := taken(c.LoadBalancer(t, lb.Name))
		weigh(t, c, name, map[string]int64{lb.Name: share, old.Name: 100 - share})
		wait(t, c, fmt.Sprintf("requests at the Gateway with %d %%", share), func() string {
			if n := taken(c.LoadBalancer(t, lb.Name)) - before; n < 50 {
				return fmt.Sprintf("it took %d", n)
			}
			return ""
		})
	}
	wait(t, c, "no client to remember the former address", func() string {
		var stale []string
		for i, at := range remember {
			if at.Load() == old.Name {
				stale = append(stale, fmt.Sprint(i))
			}
		}
		return strings.Join(stale, ", ")
	})
	scene.More(t, c, clients, len(remember)) // those that were under way
	last := taken(c.LoadBalancer(t, old.Name))
	scene.More(t, c, clients, 100)
	if now := taken(c.LoadBalancer(t, old.Name)); now != last {
		t.Errorf("the Ingresses' load balancer took %d more requests after all clients had the new address", now-last)
	}

	for _, s := range records(t, c, name) {
		if *s.SetIdentifier == old.Name {
			change(t, c, types.ChangeActionDelete, s)
		}
	}
	c.Kubectl(t, "delete", "ingress", "-n", ns, "api", "shop")
	wait(t, c, "the end of the Ingresses' load balancer", func() string {
		for _, x := range c.Simulator.Resources().LoadBalancers {
			if x.ARN == old.ARN {
				return "it is there"
			}
		}
		return ""
	})
	scene.More(t, c, clients, 200)
	if r := clients.Stop(); r.Failed > 0 || r.Requests == 0 {
		t.Error(r)
	}
}

// pods are the targets of a load balancer, sorted.
func pods(c *harness.Cluster, lb simclient.LoadBalancer) string {
	var out []string
	for _, g := range c.TargetGroups(lb) {
		for _, x := range g.Targets {
			out = append(out, fmt.Sprintf("%s:%d", x.ID, x.Port))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
