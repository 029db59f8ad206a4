package companions

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// zone is a hosted zone of the playground's account.
const zone = "example.com"

// TestExternalDNSMakesTheNamesOfIngressesServicesAndRoutes shows that the real external-dns
// publishes names from the statuses that the controller writes, and follows replaced load
// balancers.
func TestExternalDNSMakesTheNamesOfIngressesServicesAndRoutes(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the programs of make companions")
	}
	c := cluster(t)
	const ns = "names"
	name := func(first string) string { return first + "." + ns + "." + zone }
	public := scene.Annotations{"scheme": "internet-facing", "target-type": "ip"}
	c.Apply(t, scene.Namespace(ns, 2)+
		scene.Ingress(ns, "web", scene.Class, public, scene.Path{Host: name("ingress"), Path: "/"})+
		scene.Ingress(ns, "both", scene.Class, scene.Annotations{"scheme": "internet-facing", "target-type": "ip",
			"ip-address-type": "dualstack"}, scene.Path{Host: name("both"), Path: "/"})+
		fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: net
  namespace: %s
  annotations:
    external-dns.kubernetes.io/hostname: %s
    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: companions}
spec: {controllerName: gateway.k8s.aws/alb}
---
`, ns, name("service"))+
		scene.TargetGroups(ns, "web", "targetReference: {name: web}, defaultConfiguration: {targetType: ip}")+
		scene.Gateway(ns, "web", "companions", "scheme: internet-facing", "name: http, port: 80, protocol: HTTP")+
		scene.Route("HTTPRoute", ns, "web", fmt.Sprintf("parentRefs: [{name: web}], hostnames: [%s], rules: [{backendRefs: "+
			"[{name: web, port: 80}]}]", name("route"))))

	ports := freePorts(t, 1)
	start(t, c, "external-dns", "--provider=aws", "--registry=txt", "--txt-owner-id=companions", "--policy=sync",
		"--domain-filter="+zone, "--namespace="+ns,
		"--source=ingress", "--source=service", "--source=gateway-httproute", "--interval=2s", "--log-level=debug",
		"--metrics-address=127.0.0.1:"+ports[0])

	addresses := map[string]string{
		"ingress": c.IngressAddress(t, ns, "web"), "both": c.IngressAddress(t, ns, "both"),
		"service": c.ServiceAddress(t, ns, "net"), "route": scene.GatewayAddress(t, c, ns, "web"),
	}
	for first, address := range addresses {
		waitRecord(t, c, name(first), address)
		c.WaitGet(t, "http://"+address+"/", name(first), 200, "")
	}
	if got := kinds(t, c, name("both")); !slices.Contains(got, types.RRTypeA) || !slices.Contains(got, types.RRTypeAaaa) {
		t.Errorf("the name of a load balancer with both families has records of types %v", got)
	}

	// Another scheme is another load balancer.
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internal", "target-type": "ip"},
		scene.Path{Host: name("ingress"), Path: "/"}))
	c.WaitFor(t, "the new load balancer's address", func(context.Context) error {
		if now := c.IngressAddress(t, ns, "web"); now == addresses["ingress"] {
			return fmt.Errorf("the Ingress still shows %s", now)
		}
		return nil
	})
	waitRecord(t, c, name("ingress"), c.IngressAddress(t, ns, "web"))

	c.Kubectl(t, "delete", "ingress,httproute,gateway", "-n", ns, "--all")
	c.Kubectl(t, "delete", "service", "-n", ns, "net")
	c.WaitFor(t, "the end of the records", func(context.Context) error {
		for first := range addresses {
			if got := kinds(t, c, name(first)); len(got) > 0 {
				return fmt.Errorf("%s has records of types %v", name(first), got)
			}
		}
		return nil
	})
}

// waitRecord waits until a name is an alias of a load balancer, in the hosted zone that AWS has for load balancers of
// its kind.
func waitRecord(t *testing.T, c *harness.Cluster, name, address string) {
	t.Helper()
	lb := c.LoadBalancer(t, address)
	c.WaitFor(t, name+" to be "+address, func(context.Context) error {
		for _, r := range records(t, c, name) {
			if r.AliasTarget == nil {
				continue
			}
			if target := strings.TrimSuffix(aws.ToString(r.AliasTarget.DNSName), "."); !strings.EqualFold(
				strings.TrimPrefix(target, "dualstack."), lb.DNSName) {
				return fmt.Errorf("it is an alias of %s", target)
			}
			got, err := c.Simulator.Resolve(name)
			if err != nil {
				return err
			}
			want, err := c.Simulator.Resolve(address)
			if err != nil {
				return err
			}
			slices.SortFunc(got, netip.Addr.Compare)
			slices.SortFunc(want, netip.Addr.Compare)
			if !slices.Equal(got, want) {
				return fmt.Errorf("it resolves to %v, the load balancer to %v", got, want)
			}
			return nil
		}
		return fmt.Errorf("it has no alias")
	})
}

// kinds are the types of the records of a name, without those of external-dns itself.
func kinds(t *testing.T, c *harness.Cluster, name string) (out []types.RRType) {
	t.Helper()
	for _, r := range records(t, c, name) {
		if r.Type != types.RRTypeTxt {
			out = append(out, r.Type)
		}
	}
	return out
}

// records are the record sets of a name.
func records(t *testing.T, c *harness.Cluster, name string) (out []types.ResourceRecordSet) {
	t.Helper()
	zones, err := c.Simulator.Names.ListHostedZonesByName(t.Context(), &route53.ListHostedZonesByNameInput{
		DNSName: aws.String(zone + ".")})
	if err != nil || len(zones.HostedZones) == 0 {
		t.Fatalf("the zone %s: %v", zone, err)
	}
	all, err := c.Simulator.Names.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{
		HostedZoneId: zones.HostedZones[0].Id})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all.ResourceRecordSets {
		if aws.ToString(r.Name) == name+"." {
			out = append(out, r)
		}
	}
	return out
}
