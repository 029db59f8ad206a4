package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/standin"
)

var acceleratorResource = schema.GroupVersionResource{Group: "aga.k8s.aws", Version: "v1beta1",
	Resource: "globalaccelerators"}

// edge is a GlobalAccelerator.
type edge struct {
	*harness.Cluster
	ns, name string
}

// manifest is the object with the fields of its spec in a line of YAML.
func (e edge) manifest(spec string) string {
	return fmt.Sprintf("apiVersion: aga.k8s.aws/v1beta1\nkind: GlobalAccelerator\nmetadata: {name: %s, namespace: "+
		"%s}\nspec: {%s}\n---\n", e.name, e.ns, spec)
}

// listening is the manifest with one listener, whose one endpoint group has the endpoints. Of the listener and of the
// group further fields are given.
func (e edge) listening(listener, group string, endpoints ...string) string {
	return e.manifest(fmt.Sprintf("listeners: [{%sendpointGroups: [{%sendpoints: [{%s}]}]}]", fields(listener),
		fields(group), strings.Join(endpoints, "}, {")))
}

// fields are fields before others.
func fields(text string) string {
	if text != "" {
		text += ", "
	}
	return text
}

// onPort are the fields of a listener of one TCP port.
func onPort(port int) string {
	return fmt.Sprintf("protocol: TCP, portRanges: [{fromPort: %d, toPort: %[1]d}]", port)
}

// get reads the object.
func (e edge) get(ctx context.Context) (*agav1beta1.GlobalAccelerator, error) {
	o, err := e.Dynamic.Resource(acceleratorResource).Namespace(e.ns).Get(ctx, e.name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	ga := new(agav1beta1.GlobalAccelerator)
	return ga, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, ga)
}

// deployed waits until the object is ready, AWS has deployed its accelerator with the tree that is wanted, and every
// endpoint is healthy. It compares what the status shows with what AWS holds.
func (e edge) deployed(t *testing.T, want ...string) simclient.Accelerator {
	t.Helper()
	var a simclient.Accelerator
	var ga *agav1beta1.GlobalAccelerator
	e.WaitFor(t, "the accelerator of "+e.ns+"/"+e.name, func(ctx context.Context) (err error) {
		if ga, err = e.get(ctx); err != nil {
			return err
		}
		s := ga.Status
		ready := apimeta.FindStatusCondition(s.Conditions, "Ready")
		if ready == nil || ready.Status != metav1.ConditionTrue || ptr.Deref(s.ObservedGeneration, 0) != ga.Generation ||
			ptr.Deref(s.Status, "") != "DEPLOYED" {
			return fmt.Errorf("status %s, conditions %+v", ptr.Deref(s.Status, "none"), s.Conditions)
		}
		var ok bool
		if a, ok = e.inAWS(ptr.Deref(s.AcceleratorARN, "")); !ok {
			return fmt.Errorf("AWS has no accelerator %s", ptr.Deref(s.AcceleratorARN, ""))
		}
		if complaint := differs("accelerator", strings.Join(tree(a), "\n"), strings.Join(want, "\n")); complaint != "" {
			return fmt.Errorf("%s; conditions %+v", complaint, s.Conditions)
		}
		return nil
	})
	var shown []netip.Addr
	for _, set := range ga.Status.IPSets {
		for _, ip := range set.IPAddresses {
			shown = append(shown, netip.MustParseAddr(ip))
		}
	}
	s := ga.Status
	if !slices.Equal(shown, a.Addresses) || len(shown) != 2*len(s.IPSets) || ptr.Deref(s.DNSName, "") != a.DNSName ||
		ptr.Deref(s.DualStackDNSName, "") != a.DualStackDNSName {
		t.Errorf("the status %+v is not that of %+v", s, a)
	}
	if a.Status != "DEPLOYED" || !a.Enabled || a.IPAddressType != string(ga.Spec.IPAddressType) {
		t.Errorf("the accelerator is %s, of type %s, enabled %v", a.Status, a.IPAddressType, a.Enabled)
	}
	if a.Tags["aga.k8s.aws/stack"] != e.ns+"/"+e.name || a.Tags["aga.k8s.aws/resource"] != "GlobalAccelerator" ||
		a.Tags["elbv2.k8s.aws/cluster"] != e.Simulator.Seed().Cluster.Name {
		t.Errorf("tags %v", a.Tags)
	}
	return a
}

func (e edge) inAWS(arn string) (simclient.Accelerator, bool) {
	all := e.Simulator.Resources().Accelerators
	if i := slices.IndexFunc(all, func(a simclient.Accelerator) bool { return a.ARN == arn }); i >= 0 {
		return all[i], true
	}
	return simclient.Accelerator{}, false
}

// tree is an accelerator as a line for each endpoint group, sorted: "TCP 80-81,443 NONE us-west-2 100% 443→80: NAME×128
// preserving". An endpoint that is not healthy has its state.
func tree(a simclient.Accelerator) []string {
	var lines []string
	for _, l := range a.Listeners {
		var ports []string
		for _, p := range l.Ports {
			ports = append(ports, fmt.Sprintf("%d-%d", p.From, p.To))
		}
		line := fmt.Sprintf("%s %s %s", l.Protocol, strings.Join(ports, ","), l.ClientAffinity)
		if len(l.Groups) == 0 {
			lines = append(lines, line)
		}
		for _, g := range l.Groups {
			text := fmt.Sprintf("%s %s %g%%", line, g.Region, g.TrafficDial)
			for _, o := range g.PortOverrides {
				text += fmt.Sprintf(" %d→%d", o.Listener, o.Endpoint)
			}
			var endpoints []string
			for _, x := range g.Endpoints {
				endpoint := fmt.Sprintf("%s×%d", balancerName(x.ID), x.Weight)
				if x.PreserveClientIP {
					endpoint += " preserving"
				}
				if x.State != "HEALTHY" {
					endpoint += " " + x.State
				}
				endpoints = append(endpoints, endpoint)
			}
			slices.Sort(endpoints)
			lines = append(lines, text+": "+strings.Join(endpoints, ", "))
		}
	}
	slices.Sort(lines)
	return lines
}

// balancerName is the name in the ARN of a load balancer.
func balancerName(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 4 {
		return parts[2]
	}
	return arn
}

// inOrder is a list as tree has it.
func inOrder(list []string) []string { return slices.Sorted(slices.Values(list)) }

// to is the text of an endpoint as tree has it, with the settings by default.
func to(lb simclient.LoadBalancer) string { return lb.Name + "×128 preserving" }

// answers waits until a pod of a service answers HTTP on a new connection to a port of the accelerator, by its name.
func (e edge) answers(t *testing.T, a simclient.Accelerator, port int, service string) harness.Response {
	t.Helper()
	return e.WaitAnswer(t, harness.Request{Target: fmt.Sprintf("http://%s:%d/", a.DNSName, port), Headers: []string{
		"Connection: close"}}, 200, service)
}

// shares counts the services that answer so many requests, each on a connection of its own.
func (e edge) shares(t *testing.T, a simclient.Accelerator, requests int) map[string]int {
	t.Helper()
	out := map[string]int{}
	for range requests {
		r, err := e.Get(t.Context(), "http://"+a.DNSName+"/", "", "Connection: close")
		if err != nil || r.Status != 200 {
			t.Fatalf("%d, %v", r.Status, err)
		}
		out[r.Pod.Service]++
	}
	return out
}

// answersInside sends a request to a static address of the accelerator from elsewhere in the world, without loopback.
func (e edge) answersInside(t *testing.T, at netip.Addr, port uint16, service string) {
	t.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return e.Simulator.Network.DialTCPFrom(ctx, netip.MustParseAddrPort("198.51.100.7:0"), netip.AddrPortFrom(at, port))
		}}}
	e.WaitFor(t, fmt.Sprintf("an answer at %v port %d", at, port), func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://accelerator/", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var answer standin.Answer
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || answer.Service != service {
			return fmt.Errorf("%s from service %q", resp.Status, answer.Service)
		}
		return nil
	})
}

// ends deletes the object, and holds that nothing of it is left and that its load balancers serve on.
func (e edge) ends(t *testing.T, a simclient.Accelerator, balancers ...simclient.LoadBalancer) {
	t.Helper()
	e.Kubectl(t, "delete", "globalaccelerator", "-n", e.ns, e.name, "--timeout="+harness.Timeout.String())
	if _, there := e.inAWS(a.ARN); there {
		t.Errorf("the object is gone, and its accelerator is there")
	}
	if r, err := e.Get(t.Context(), "http://"+a.DNSName+"/", ""); err == nil {
		t.Errorf("a deleted accelerator answers %d", r.Status)
	}
	for _, lb := range balancers {
		e.WaitAnswer(t, harness.Request{Target: url(lb, "/"), Headers: []string{"Connection: close"}}, 200, "")
	}
}

// grant admits that GlobalAccelerators of a namespace name objects of a kind of another one.
func grant(name, namespace, group, kind, from string) string {
	return fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: %s, "+
		"namespace: %s}\n"+
		"spec: {from: [{group: aga.k8s.aws, kind: GlobalAccelerator, namespace: %s}], to: [{group: %q, kind: %s}]}\n---\n",
		name, namespace, from, group, kind)
}

// empty is the manifest of a namespace with nothing in it.
func empty(namespace string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", namespace)
}

// accelerated are load balancers of every kind that an accelerator may have as endpoints, each of a namespace of its
// own.
type accelerated struct {
	*harness.Cluster
	service, ingress, application, network simclient.LoadBalancer
}

const (
	ofService     = "type: Service, name: net, namespace: g7-service-ip"
	ofIngress     = "type: Ingress, name: web, namespace: g7-ingress"
	ofApplication = "type: Gateway, name: web, namespace: g7-alb"
	ofNetwork     = "type: Gateway, name: net, namespace: g7-nlb"
)

func accelerate(t *testing.T) *accelerated {
	t.Helper()
	c := cluster(t)
	s := &servedBy{Cluster: c, ns: "g7-service-ip", targets: "ip"}
	alb := &site{Cluster: c, ns: "g7-alb", targets: "ip"}
	nlb := &network{Cluster: c, ns: "g7-nlb", targets: "ip"}
	c.Apply(t, scene.Namespace(s.ns, 1)+s.manifest("net", nil, onePort+", {name: more, port: 81, targetPort: 8080}, "+
		"{name: plain, port: 443, targetPort: 8080}", "")+
		empty("g7-ingress")+scene.Backend("g7-ingress", "shop", 1)+scene.Ingress("g7-ingress", "web", scene.Class,
		public(scene.Annotations{"ip-address-type": "dualstack"}), scene.Path{Path: "/", Service: "shop"})+
		scene.Namespace(alb.ns, 1)+alb.groups()+scene.Gateway(alb.ns, "web", "alb", facing, onHTTP)+
		scene.Namespace(nlb.ns, 1)+nlb.groups()+scene.Gateway(nlb.ns, "net", "nlb", facing, onTCP))
	alb.route(t, "web", "", toWeb)
	nlb.route(t, "TCPRoute", "web", "tcp", "{name: web, port: 80}")
	a := &accelerated{
		Cluster: c, service: s.serves(t, "net", "TCP 443: ip TCP", "TCP 80: ip TCP", "TCP 81: ip TCP"),
		ingress:     c.LoadBalancer(t, c.IngressAddress(t, "g7-ingress", "web")),
		application: alb.balancer(t, 1, "HTTP 80"), network: nlb.balancer(t, "TCP 80: ip TCP"),
	}
	c.WaitHealthy(t, a.ingress)
	c.WaitHealthy(t, a.network)
	return a
}
