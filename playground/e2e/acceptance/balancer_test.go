package acceptance

import (
	"cmp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestAnnotationsShapeTheLoadBalancer shows that an ALB with each address type, a name, tags,
// listener attributes or on an Outpost serves requests. These are cases 8 and 13 to 15.
func TestAnnotationsShapeTheLoadBalancer(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "shaped"
	c.Apply(t, scene.Namespace(ns, 1)+scene.InZone(outpostZone, scene.Backend(ns, "near", 1)))
	family := func(want string) func(*testing.T, simclient.LoadBalancer) {
		return func(t *testing.T, lb simclient.LoadBalancer) {
			if lb.IPAddressType != want {
				t.Errorf("address type %s", lb.IPAddressType)
			}
			for _, z := range lb.Zones {
				if z.IPv6.IsValid() != (want != "ipv4") || z.Public.IsValid() == (want == "dualstack-without-public-ipv4") {
					t.Errorf("addresses in %s: %v, %v", z.Name, z.Public, z.IPv6)
				}
			}
		}
	}
	for _, row := range []struct {
		name        string
		ingress     string
		annotations scene.Annotations
		service     string // "" for web
		look        func(*testing.T, simclient.LoadBalancer)
	}{
		{"8 its name", "named", scene.Annotations{"load-balancer-name": "acceptance-by-name"}, "",
			func(t *testing.T, lb simclient.LoadBalancer) {
				if lb.Name != "acceptance-by-name" {
					t.Errorf("name %s", lb.Name)
				}
			}},
		{"13 IPv4", "four", scene.Annotations{"ip-address-type": "ipv4"}, "", family("ipv4")},
		{"13 both families", "both", scene.Annotations{"ip-address-type": "dualstack"}, "", family("dualstack")},
		{"13 public by IPv6 only", "six", scene.Annotations{"ip-address-type": "dualstack-without-public-ipv4"}, "",
			family("dualstack-without-public-ipv4")},
		{"14 attributes of a listener", "attributed", scene.Annotations{
			"listener-attributes.HTTP-80": "routing.http.response.server.enabled=false"}, "",
			func(t *testing.T, lb simclient.LoadBalancer) {
				if got := lb.Listeners[0].Attributes["routing.http.response.server.enabled"]; got != "false" {
					t.Errorf("the attribute is %q", got)
				}
				if r := c.WaitGet(t, url(lb, "/elsewhere"), "", 404, ""); r.Header.Get("Server") != "" {
					t.Errorf("its own answers have the Server header %s", r.Header.Get("Server"))
				}
			}},
		{"15 tags", "tagged", scene.Annotations{"tags": "k1=v1,k2=v2"}, "", func(t *testing.T, lb simclient.LoadBalancer) {
			if lb.Tags["k1"] != "v1" || lb.Tags["k2"] != "v2" {
				t.Errorf("tags %v", lb.Tags)
			}
		}},
		{"on an Outpost with a pool of the customer's addresses", "outpost", scene.Annotations{"subnets": outpostSubnet,
			"customer-owned-ipv4-pool": customerPool}, "near", func(t *testing.T, lb simclient.LoadBalancer) {
			out, err := c.Simulator.Balancing.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{
				LoadBalancerArns: []string{lb.ARN}})
			if err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(out.LoadBalancers[0].CustomerOwnedIpv4Pool); got != customerPool || len(lb.Zones) != 1 ||
				lb.Zones[0].Subnet != outpostSubnet {
				t.Errorf("pool %q, zones %v", got, lb.Zones)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c.Apply(t, scene.Ingress(ns, row.ingress, scene.Class, public(row.annotations),
				scene.Path{Path: "/path", Type: "Exact", Service: row.service}))
			lb := check(t, c, ns, row.ingress, balancer{groups: []string{"ip HTTP 1, 1 targets"}})
			c.WaitGet(t, url(lb, "/path"), "", 200, cmp.Or(row.service, "web"))
			row.look(t, lb)
		})
	}
}
