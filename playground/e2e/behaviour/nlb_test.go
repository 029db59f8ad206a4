package behaviour

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// allowCapacity raises the quota of reserved capacity, which is 0 at first, for all tests of the package.
func allowCapacity(t *testing.T, c *harness.Cluster) {
	t.Helper()
	c.Simulator.Account.Lock()
	defer c.Simulator.Account.Unlock()
	if err := c.Simulator.Account.SetQuota("reserved-load-balancer-capacity-units", 100_000); err != nil {
		t.Fatal(err)
	}
}

// The subnets of the load balancer that is edited, and their addresses and prefixes.
const (
	subnetA, subnetB = "subnet-0a1de0000000000a2", "subnet-0a1de0000000000b2"
	addressA         = "2600:1f14:abc:de10::15"
	addressB         = "2600:1f14:abc:de11::15"
	prefixB          = "2600:1f14:abc:de11:7::/80"
	otherPrefixB     = "2600:1f14:abc:de11:8::/80"
)

// balanced is a Service with a network load balancer, with annotations without their prefix.
func balanced(namespace, name string, annotations map[string]string) string {
	var lines strings.Builder
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		fmt.Fprintf(&lines, "    service.beta.kubernetes.io/aws-load-balancer-%s: %q\n", k, annotations[k])
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: %s
  namespace: %s
  annotations:
%sspec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
`, name, namespace, lines.String())
}

// held describes what AWS holds of a network load balancer: its address type, source NAT, the IPv6 addresses that were
// chosen and the prefixes of its subnets, the use of inbound rules for PrivateLink traffic, and the reserved capacity.
func held(t *testing.T, c *harness.Cluster, arn string) string {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{
		LoadBalancerArns: []string{arn}})
	if err != nil {
		t.Fatal(err)
	}
	lb := out.LoadBalancers[0]
	text := fmt.Sprintf("%s %s", lb.IpAddressType, cmp.Or(lb.EnablePrefixForIpv6SourceNat, "off"))
	for _, z := range lb.AvailabilityZones {
		text += " " + aws.ToString(z.ZoneName)
		for _, a := range z.LoadBalancerAddresses {
			text += " " + aws.ToString(a.IPv6Address)
		}
		for _, p := range z.SourceNatIpv6Prefixes {
			text += " " + p
		}
	}
	return fmt.Sprintf("%s, PrivateLink %s, %d units", text,
		cmp.Or(aws.ToString(lb.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic), "default"), reserved(t, c, arn))
}

// TestEditsOfAnNLBCostOneWriteAndInterruptNothing shows that each edit of an NLB makes one AWS call
// for its setting and fails no request.
func TestEditsOfAnNLBCostOneWriteAndInterruptNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "nlbedits"
	allowCapacity(t, c)
	now := map[string]string{"scheme": "internal", "nlb-target-type": "ip", "subnets": subnetA + ", " + subnetB}
	c.Apply(t, scene.Namespace(ns, 2)+balanced(ns, "nlb", now))
	host := c.ServiceAddress(t, ns, "nlb")
	c.WaitGet(t, "http://"+host, "", 200, "web")
	lb := c.LoadBalancer(t, host)
	scene.WaitTargets(t, c, c.TargetGroups(lb)[0].ARN, 2) // the second pod may be late
	c.WaitHealthy(t, lb)
	const ipv4, chosenA = "ipv4 off us-west-2a us-west-2b", "2600:1f14:abc:de10:1::/80"
	dual := func(prefix string) string {
		return "dualstack on us-west-2a " + addressA + " " + chosenA + " us-west-2b " + addressB + " " + prefix
	}
	for _, e := range []struct {
		name   string
		edit   map[string]string // "" takes an annotation away
		want   string
		writes string // with numbers, sorted
		note   string // part of an event
	}{{
		name: "dualstack with addresses and prefixes", want: dual(prefixB) + ", PrivateLink default, 0 units",
		writes: "AuthorizeSecurityGroupIngress 1, SetSubnets 1",
		edit: map[string]string{"ip-address-type": "dualstack", "ipv6-addresses": addressB + ", " + addressA,
			"enable-prefix-for-ipv6-source-nat": "on", "source-nat-ipv6-prefixes": "auto_assigned, " + prefixB},
	}, {
		name: "another prefix", edit: map[string]string{"source-nat-ipv6-prefixes": "auto_assigned, " + otherPrefixB},
		want: dual(otherPrefixB) + ", PrivateLink default, 0 units", writes: "SetSubnets 1",
	}, {
		name: "capacity", edit: map[string]string{"minimum-load-balancer-capacity": "CapacityUnits=5500"},
		want: dual(otherPrefixB) + ", PrivateLink default, 5500 units", writes: "ModifyCapacityReservation 1",
	}, {
		name: "no rules for PrivateLink", edit: map[string]string{"inbound-sg-rules-on-private-link-traffic": "off"},
		want: dual(otherPrefixB) + ", PrivateLink off, 5500 units", writes: "SetSecurityGroups 1",
	}, {
		name: "capacity reset", edit: map[string]string{"minimum-load-balancer-capacity": "CapacityUnits=0"},
		want: dual(otherPrefixB) + ", PrivateLink off, 0 units", writes: "ModifyCapacityReservation 1",
	}, {
		name: "rules for PrivateLink", edit: map[string]string{"inbound-sg-rules-on-private-link-traffic": "on"},
		want: dual(otherPrefixB) + ", PrivateLink on, 0 units", writes: "SetSecurityGroups 1",
	}, {
		name: "capacity again", edit: map[string]string{"minimum-load-balancer-capacity": "CapacityUnits=6000"},
		want: dual(otherPrefixB) + ", PrivateLink on, 6000 units", writes: "ModifyCapacityReservation 1",
	}, {
		name: "capacity and rules that are no longer declared, and what has no effect", want: dual(otherPrefixB) +
			", PrivateLink on, 6000 units",
		edit: map[string]string{"minimum-load-balancer-capacity": "", "inbound-sg-rules-on-private-link-traffic": "",
			"name": "another", "ipv6-addresses": addressA + ", 2600:1f14:abc:de11::16",
			"private-ipv4-addresses": "10.0.128.99, 10.0.144.99"},
		note: "keeps the name " + lb.Name,
	}, {
		name: "ipv4 again", want: ipv4 + ", PrivateLink on, 6000 units", writes: "RevokeSecurityGroupIngress 1, SetSubnets 1",
		edit: map[string]string{"ip-address-type": "", "ipv6-addresses": "", "enable-prefix-for-ipv6-source-nat": "",
			"source-nat-ipv6-prefixes": "", "private-ipv4-addresses": "", "name": ""},
	}} {
		traffic := scene.Send(t, c, "http://"+host, "", scene.OK)
		mark := c.Mark()
		for key, value := range e.edit {
			now[key] = value
			if value == "" {
				delete(now, key)
			}
		}
		scene.Change(t, c, balanced(ns, "nlb", now))
		written := func() string {
			counts := map[string]int{}
			for _, w := range scene.Writes(c, mark, append(scene.Marks(ns), lb.SecurityGroups[0])...) {
				action, _, _ := strings.Cut(w, " ")
				counts[action]++
			}
			var all []string
			for _, action := range slices.Sorted(maps.Keys(counts)) {
				all = append(all, fmt.Sprintf("%s %d", action, counts[action]))
			}
			return strings.Join(all, ", ")
		}
		wait(t, c, e.name, func() string {
			return differs("the load balancer", held(t, c, lb.ARN), e.want) + differs("written", written(), e.writes)
		})
		if e.note != "" {
			waitNote(t, c, ns, "nlb", e.note)
		}
		scene.More(t, c, traffic, 20)
		noneWrong(t, e.name, traffic.Stop())
		// also after the wait, for what is sent again
		if complaint := differs("written", written(), e.writes); complaint != "" {
			t.Errorf("%s: %s", e.name, complaint)
		}
	}
	for _, part := range []string{"IPv6 addresses have no effect", "10.0.128.99"} {
		waitNote(t, c, ns, "nlb", part)
	}
	if again := c.LoadBalancer(t, host); again.ARN != lb.ARN {
		t.Errorf("the load balancer was replaced: %s", again.ARN)
	}
	expectNoWarnings(t, c, ns)
}

// waitNote waits for a note on a Service with a text.
func waitNote(t *testing.T, c *harness.Cluster, namespace, name, text string) {
	t.Helper()
	c.WaitFor(t, "a note with "+text, func(context.Context) error {
		var all []string
		for _, e := range c.Events(t, "Service", namespace, name) {
			if e.Reason == "Note" && strings.Contains(e.Message, text) {
				return nil
			}
			all = append(all, e.Reason+": "+e.Message)
		}
		return fmt.Errorf("there is none among %q", all)
	})
}

// reserved is the reserved capacity of a load balancer.
func reserved(t *testing.T, c *harness.Cluster, arn string) int32 {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeCapacityReservation(t.Context(), &elb.DescribeCapacityReservationInput{
		LoadBalancerArn: aws.String(arn)})
	if err != nil {
		t.Fatal(err)
	}
	if out.MinimumLoadBalancerCapacity == nil {
		return 0
	}
	return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits)
}
