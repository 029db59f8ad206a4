package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// aim is an address to which a tenant aims a Service of his own.
type aim struct {
	name, address string
	port          int
	ref           string // targetRef, empty: none
}

// manifests are the Service without selector and its EndpointSlice.
func (a aim) manifests(namespace string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec: {ports: [{name: http, port: %[4]d, targetPort: %[4]d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[2]s-by-hand, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}
addressType: IPv4
ports: [{name: http, port: %[4]d, protocol: TCP}]
endpoints: [{addresses: [%[3]s], conditions: {ready: true}%[5]s}]
---
`, namespace, a.name, a.address, a.port, a.ref)
}

// mirrored are the same by an Endpoints object, of which Kubernetes makes an EndpointSlice.
func (a aim) mirrored(namespace string) string {
	return strings.Split(a.manifests(namespace), "---\n")[0] + fmt.Sprintf(`---
apiVersion: v1
kind: Endpoints
metadata: {name: %[2]s, namespace: %[1]s}
subsets: [{addresses: [{ip: %[3]s}], ports: [{name: http, port: %[4]d, protocol: TCP}]}]
---
`, namespace, a.name, a.address, a.port)
}

// targetsOf are the targets of the Services of a namespace, as "service address:port".
func targetsOf(c *harness.Cluster, namespace string) (all []string) {
	for _, g := range c.Simulator.Resources().TargetGroups {
		for _, target := range scene.Targets(c, g.ARN) {
			if rest, ok := strings.CutPrefix(g.Name, "k8s-"+namespace+"-"); ok {
				name, _, _ := strings.Cut(rest, "-")
				all = append(all, fmt.Sprintf("%s %s:%d", name, target.ID, target.Port))
			}
		}
	}
	slices.Sort(all)
	return all
}

func waitTargetsOf(t *testing.T, c *harness.Cluster, namespace string, want ...string) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("targets %v", want), func(context.Context) error {
		if got := targetsOf(c, namespace); !slices.Equal(got, want) {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
}

// noRule expects that no security group admits anybody to a port.
func noRule(t *testing.T, c *harness.Cluster, port int32) {
	t.Helper()
	for _, g := range c.Simulator.Resources().SecurityGroups {
		for _, p := range g.Ingress {
			if p.Protocol == "tcp" && p.From <= port && port <= p.To && p.To-p.From < 60000 {
				t.Errorf("%s admits %s to port %d", g.Name, p.Peer, port)
			}
		}
	}
}

// podOf is the name and the address of the only pod of a namespace.
func podOf(t *testing.T, c *harness.Cluster, namespace string) (name, address string) {
	t.Helper()
	c.WaitFor(t, "a ready pod in "+namespace, func(context.Context) error {
		out := strings.Fields(c.Kubectl(t, "get", "pods", "-n", namespace, "-o",
			"jsonpath={range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name} {.status.podIP}{end}"))
		if len(out) != 2 {
			return fmt.Errorf("there is %v", out)
		}
		name, address = out[0], out[1]
		return nil
	})
	return name, address
}

// TestEndpointsOfTenantReachHisPodsOnly shows that a tenant with rights to EndpointSlices reaches no kubelet, machine
// of the VPC, or pod of others.
func TestEndpointsOfTenantReachHisPodsOnly(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "epvic"), tenant(t, c, "epmal")
	vic.Apply(t, scene.Backend("epvic", "web", 1))
	mal.Apply(t, scene.Backend("epmal", "web", 1))
	victimPod, victim := podOf(t, c, "epvic")
	minePod, mine := podOf(t, c, "epmal")
	node := strings.Fields(c.Kubectl(t, "get", "nodes", "-o",
		`jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}`))[0]
	ref := func(namespace, pod string) string {
		return fmt.Sprintf(", targetRef: {kind: Pod, name: %s, namespace: %s}", pod, namespace)
	}
	aims := []aim{
		{"kubelet", node, 10250, ""}, {"kubeletref", node, 10250, ref("epmal", minePod)}, {"machine", "10.0.0.10", 5432, ""},
		{"resolver", "10.0.0.2", 53, ""},
		{"raw", victim, 8080, ""}, {"theirs", victim, 8080, ref("epvic", victimPod)},
		{"forged", victim, 8080, ref("epmal", minePod)}, {"ghost", victim, 8080, ref("epmal", "ghost")},
		{"vm", victim, 8080, ", targetRef: {kind: VirtualMachine, name: vm}"}, {"mine", mine, 8080, ref("epmal", minePod)},
	}
	manifests, mirrored := "", aim{"mirrored", victim, 8080, ""}
	paths := []scene.Path{{Path: "/mirrored", Service: mirrored.name}}
	for _, a := range aims {
		manifests += a.manifests("epmal")
		paths = append(paths, scene.Path{Path: "/" + a.name, Service: a.name})
	}
	mal.Apply(t, manifests+mirrored.mirrored("epmal")+scene.Ingress("epmal", "aim", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip"}, paths...))
	address := c.IngressAddress(t, "epmal", "aim")
	waitTargetsOf(t, c, "epmal", fmt.Sprintf("mine %s:8080", mine))
	c.WaitGet(t, "http://"+address+"/mine", "", 200, "web")
	c.WaitFor(t, "an event about each other address", func(context.Context) error {
		told := ""
		for _, e := range c.Events(t, "Ingress", "epmal", "aim") {
			told += e.Message + "\n"
		}
		for _, want := range []string{node + ":10250 (the address of node ", "10.0.0.10:5432 (not allowed",
			"10.0.0.2:53 (not allowed", victim + ":8080 (not allowed",
			"pod epvic/" + victimPod + " (its pod is in another namespace)", "pod epmal/" + minePod +
				" (the pod does not have this address)", "pod epmal/ghost (its pod does not exist)",
			"--endpoints-without-pods=epmal=CIDR"} {
			if !strings.Contains(told, want) {
				return fmt.Errorf("not told %q in\n%s", want, told)
			}
		}
		return nil
	})
	waitTargetsOf(t, c, "epmal", fmt.Sprintf("mine %s:8080", mine))
	for _, port := range []int32{10250, 5432, 53} {
		noRule(t, c, port)
	}

	// The slice outlives the pod, whose address another tenant's pod may get.
	mal.Kubectl(t, "delete", "deployment", "web", "-n", "epmal", "--wait=true")
	mal.Kubectl(t, "delete", "pod", minePod, "-n", "epmal", "--force", "--grace-period=0", "--ignore-not-found")
	waitTargetsOf(t, c, "epmal")

	c.RestartController(t, "--endpoints-without-pods=epmal=10.0.0.10/32,epmal="+node+"/32")
	waitTargetsOf(t, c, "epmal", "machine 10.0.0.10:5432")
	for _, port := range []int32{10250, 5432, 53} {
		noRule(t, c, port)
	}
}

// onNodes are the manifests of an aim whose Service has a node port.
func (a aim) onNodes(namespace string) string {
	return strings.Replace(a.manifests(namespace), "spec: {ports:", "spec: {type: NodePort, ports:", 1)
}

// TestNodePortsOfTenantReachHisPodsOnly shows that a tenant who writes EndpointSlices reaches only his own pods by
// instance targets. He tries a Service without selector, and one more EndpointSlice of a Service that serves.
func TestNodePortsOfTenantReachHisPodsOnly(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "npvic"), tenant(t, c, "npmal")
	vic.Apply(t, scene.Backend("npvic", "web", 1))
	mal.Apply(t, scene.Backend("npmal", "web", 1))
	victimPod, victim := podOf(t, c, "npvic")
	minePod, mine := podOf(t, c, "npmal")
	own := fmt.Sprintf(", targetRef: {kind: Pod, name: %s, namespace: npmal}", minePod)
	aims := []aim{{"raw", victim, 8080, ""}, {"machine", "10.0.0.10", 5432, ""}, {"forged", victim, 8080, own},
		{"mine", mine, 8080, own}}
	manifests, paths := "", []scene.Path(nil)
	for _, a := range aims {
		manifests += a.onNodes("npmal")
		paths = append(paths, scene.Path{Path: "/" + a.name, Service: a.name})
	}
	mal.Apply(t, manifests+scene.Ingress("npmal", "aim", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "instance"}, paths...))
	address := "http://" + c.IngressAddress(t, "npmal", "aim")
	c.WaitGet(t, address+"/mine", "", 200, "web")
	unanswered := func(path string) {
		t.Helper()
		c.WaitFor(t, "no answer at "+path, func(ctx context.Context) error {
			r, err := c.Get(ctx, address+path, "")
			if err == nil && r.Status != 503 {
				return fmt.Errorf("%d of %+v (the victim is pod %s)", r.Status, r.Pod, victimPod)
			}
			return err
		})
		for _, target := range targetsOf(c, "npmal") {
			if strings.HasPrefix(target, path[1:]+" ") {
				t.Errorf("target %s", target)
			}
		}
	}
	for _, a := range aims[:3] {
		unanswered("/" + a.name)
	}
	mal.Apply(t, strings.NewReplacer("name: raw-by-hand", "name: one-more", "service-name: raw", "service-name: mine").
		Replace(strings.SplitN(aims[0].manifests("npmal"), "---\n", 2)[1]))
	unanswered("/mine")
	mal.Kubectl(t, "delete", "endpointslice", "one-more", "-n", "npmal")
	c.WaitGet(t, address+"/mine", "", 200, "web")
}
