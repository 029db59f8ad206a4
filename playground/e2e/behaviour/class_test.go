package behaviour

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

func TestAClassHasTheLastWord(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "enforced"
	params := func(policy, team string) string {
		return fmt.Sprintf(`{scheme: internet-facing, group: {name: %s}, inboundCIDRs: [10.0.0.0/8, 0.0.0.0/1, 128.0.0.0/1],
  certificateArn: [%q], sslPolicy: %s, tags: [{key: team, value: %s}], targetType: ip, namespaceSelector: {matchLabels: {team: platform}},
  loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: "77"}]}`, ns, certificate, policy, team)
	}
	contrary := scene.Annotations{
		"scheme": "internal", "group.name": "elsewhere", "inbound-cidrs": "192.0.2.0/24", "ssl-policy": "ELBSecurityPolicy-2016-08",
		"tags": "team=mine,mine=yes", "target-type": "instance", "load-balancer-attributes": "idle_timeout.timeout_seconds=30",
	}
	first := scene.Ingress(ns, "first", ns, contrary, scene.Path{Path: "/first"})
	c.Apply(t, scene.IngressClass(ns, params("ELBSecurityPolicy-TLS13-1-2-2021-06", "platform"))+scene.Namespace(ns, 1))

	// The namespace is not admitted until it has the label.
	if out := c.ApplyRefused(t, first); !strings.Contains(out, "namespaceSelector of IngressClassParams "+ns+" mismatch") {
		t.Errorf("refused with: %s", out)
	}
	c.Kubectl(t, "label", "namespace", ns, "team=platform")
	c.Apply(t, first)
	host := c.IngressAddress(t, ns, "first")
	c.WaitGet(t, "https://"+host+"/first", "www.example.com", 200, "web")

	look := func(policy, team string) func() string {
		return func() string {
			lb := c.LoadBalancer(t, host)
			var wrong []string
			is := func(what string, got, want any) {
				if fmt.Sprint(got) != fmt.Sprint(want) {
					wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", what, got, want))
				}
			}
			is("scheme", lb.Scheme, "internet-facing")
			is("group", lb.Tags["ingress.k8s.aws/stack"], ns)
			is("tag of the class", lb.Tags["team"], team)
			is("tag of the Ingress", lb.Tags["mine"], "yes")
			is("idle timeout", lb.Attributes["idle_timeout.timeout_seconds"], "77")
			is("listeners", len(lb.Listeners), 1)
			is("port", lb.Listeners[0].Port, 443)
			is("certificate", lb.Listeners[0].Certificates[0], certificate)
			is("policy", lb.Listeners[0].SSLPolicy, policy)
			is("inbound ranges", peers(c.Simulator.Resources(), lb), "[0.0.0.0/1 10.0.0.0/8 128.0.0.0/1]")
			for _, tg := range c.TargetGroups(lb) {
				is("target type", tg.TargetType, "ip")
			}
			return strings.Join(wrong, "\n")
		}
	}
	wait(t, c, "the settings of the class", look("ELBSecurityPolicy-TLS13-1-2-2021-06", "platform"))

	// An edit of the class reaches its Ingresses.
	scene.Change(t, c, scene.Params(ns, params("ELBSecurityPolicy-TLS13-1-3-2021-06", "network")))
	wait(t, c, "the new settings of the class", look("ELBSecurityPolicy-TLS13-1-3-2021-06", "network"))
}

// peers are the ranges that the managed security group of a load balancer admits, sorted.
func peers(r simclient.Resources, lb simclient.LoadBalancer) []string {
	var all []string
	for _, sg := range r.SecurityGroups {
		if !slices.Contains(lb.SecurityGroups, sg.ID) {
			continue
		}
		for _, p := range sg.Ingress {
			all = append(all, p.Peer)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
