package tenants

import (
	"fmt"
	"strings"
	"testing"
)

// ranges are so many source ranges that cannot be joined.
func ranges(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "%d.%d.%d.%d/32,", 20+i/65536, i/256%256, i%256, i*7%256)
	}
	return strings.TrimSuffix(out.String(), ",")
}

// TestHugeObjectsOfTenantHoldNobody shows that objects as large as etcd accepts are refused, and others' edits go on.
// They are ranges times ports of a Service, source ranges of an Ingress, and paths of a member of the group.
func TestHugeObjectsOfTenantHoldNobody(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "hugevic"), tenant(t, c, "hugemal")
	front := func(namespace, text string) string {
		return strings.Replace(inFront(namespace, text, nil), "group.name: front", "group.name: huge", 1)
	}
	vic.Apply(t, front("hugevic", "v0"))
	address := c.IngressAddress(t, "hugevic", "web")
	answers(t, c, address, "hugevic", "v0")

	var ports, paths []string
	for i := range 40 {
		ports = append(ports, fmt.Sprintf("{name: p%d, port: %d}", i, 7000+i))
	}
	for i := range 6000 {
		paths = append(paths, fmt.Sprintf(
			"{path: /p%d, pathType: Prefix, backend: {service: {name: says, port: {name: use-annotation}}}}", i))
	}
	member := front("hugemal", "mine")
	one := "{path: /, pathType: Prefix, backend: {service: {name: says, port: {name: use-annotation}}}}"
	mal.Kubectl(t, "create", "-f", written(t, fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: nlb
  namespace: hugemal
  annotations: {service.beta.kubernetes.io/aws-load-balancer-scheme: internal}
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  loadBalancerSourceRanges: [%s]
  selector: {app: web}
  ports: [%s]
---
`, ranges(10_000), strings.Join(ports, ", "))+strings.Replace(member, one, strings.Join(paths, ", "), 1)+"---\n"+
		strings.NewReplacer("name: web", "name: cidrs", "group.name: huge", "inbound-cidrs: "+ranges(10_000)).Replace(member)))
	waitTold(t, c, "Service", "hugemal/nlb", "[QuotaExceeded]")
	waitTold(t, c, "Ingress", "hugemal/cidrs", "[QuotaExceeded]")
	waitTold(t, c, "Ingress", "hugemal/web", "5000")
	for i := range 3 {
		text := fmt.Sprint("v", i+1)
		vic.Apply(t, front("hugevic", text))
		answers(t, c, address, "hugevic", text)
	}
	for _, o := range []string{"service/nlb", "ingress/web", "ingress/cidrs"} {
		mal.Kubectl(t, "delete", o, "-n", "hugemal", "--timeout=2m")
	}
	answers(t, c, address, "hugevic", "v3")
}
