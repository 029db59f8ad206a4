package acceptance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// servedBy is a namespace with a backend "web", which serves HTTP and datagrams, and Services with NLBs whose targets
// are of one type.
type servedBy struct {
	*harness.Cluster
	ns, targets string
}

// onService runs a case in a namespace of its own with pods and, unless only names one type, with nodes as targets.
func onService(t *testing.T, name string, f func(*testing.T, *servedBy), only ...string) {
	eachTargetType(t, func(t *testing.T, targets string) {
		s := &servedBy{Cluster: cluster(t), ns: name + "-" + targets, targets: targets}
		s.Apply(t, datagrams(scene.Namespace(s.ns, 2)))
		f(t, s)
	}, only...)
}

const onePort = "{name: http, port: 80, targetPort: 8080}"

// manifest is a Service over the pods of the backend. Annotations are without
// service.beta.kubernetes.io/aws-load-balancer-, or in full; spec has further fields.
func (s *servedBy) manifest(name string, annotations scene.Annotations, ports, spec string) string {
	all := scene.Annotations{"scheme": "internet-facing", "nlb-target-type": s.targets}
	maps.Copy(all, annotations)
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  namespace: %s\n  annotations:\n", name, s.ns)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		full := key
		if !strings.Contains(key, "/") {
			full = "service.beta.kubernetes.io/aws-load-balancer-" + key
		}
		fmt.Fprintf(&b, "    %s: %q\n", full, all[key])
	}
	fmt.Fprintf(&b, "spec:\n  type: LoadBalancer\n  loadBalancerClass: service.k8s.aws/nlb\n  selector: {app: web}\n  "+
		"ports: [%s]\n  %s\n---\n", ports, spec)
	return b.String()
}

// serve applies the Service "net" and waits until its NLB has the listeners, and healthy targets.
func (s *servedBy) serve(t *testing.T, annotations scene.Annotations, ports, spec string,
	listeners ...string) simclient.LoadBalancer {
	t.Helper()
	s.Apply(t, s.manifest("net", annotations, ports, spec))
	return s.serves(t, "net", listeners...)
}

func (s *servedBy) serves(t *testing.T, name string, listeners ...string) simclient.LoadBalancer {
	t.Helper()
	lb := s.LoadBalancer(t, s.ServiceAddress(t, s.ns, name))
	listening(t, s.Cluster, lb, listeners...)
	s.WaitHealthy(t, lb)
	return s.LoadBalancer(t, lb.Name)
}

// edit applies the Service anew, waits until a look at its load balancer has no complaint, and holds the changes of AWS
// that name it, in order.
func (s *servedBy) edit(t *testing.T, annotations scene.Annotations, ports, spec, what string,
	look func(simclient.LoadBalancer) string, writes ...string) simclient.LoadBalancer {
	t.Helper()
	mark, name := s.Mark(), s.ServiceAddress(t, s.ns, "net")
	scene.Change(t, s.Cluster, s.manifest("net", annotations, ports, spec))
	var lb simclient.LoadBalancer
	wait(t, s.Cluster, what, func() string {
		lb = s.LoadBalancer(t, name)
		if complaint := look(lb); complaint != "" {
			return complaint
		}
		got := s.writes(mark) // in the order of their ends
		slices.Sort(got)
		return differs("writes", got, slices.Sorted(slices.Values(writes)))
	})
	return lb
}

// writes are the actions of changes after number that name the namespace, but for those of targets.
func (s *servedBy) writes(after uint64) (out []string) {
	for _, w := range scene.Writes(s.Cluster, after, scene.Marks(s.ns)...) {
		if action, _, _ := strings.Cut(w, " "); action != "RegisterTargets" && action != "DeregisterTargets" {
			out = append(out, action)
		}
	}
	return out
}

// checked reports what the health checks of a load balancer lack.
func checked(c *harness.Cluster, lb simclient.LoadBalancer, want string) string {
	for _, tg := range c.TargetGroups(lb) {
		if !strings.HasPrefix(tg.HealthCheck, want) {
			return fmt.Sprintf("health check %q, want %q", tg.HealthCheck, want)
		}
	}
	return ""
}

// tagged reports which of a load balancer, its listeners and its target groups, each of which is tagged by a call of
// its own, has other values of the tags mode and key1.
func (s *servedBy) tagged(t *testing.T, name, want string) string {
	t.Helper()
	lb := s.LoadBalancer(t, name)
	all := []map[string]string{lb.Tags}
	for _, l := range lb.Listeners {
		all = append(all, l.Tags)
	}
	for _, g := range s.TargetGroups(lb) {
		all = append(all, g.Tags)
	}
	for _, tags := range all {
		if got := tags["mode"] + " " + tags["key1"]; got != want {
			return differs("tags of "+tags["service.k8s.aws/resource"], got, want)
		}
	}
	return ""
}

// TestAServiceIsEditedInPlace shows which AWS calls the controller makes for each edit of a
// Service, while its NLB keeps answering.
func TestAServiceIsEditedInPlace(t *testing.T) {
	t.Parallel()
	onService(t, "sv-1", func(t *testing.T, s *servedBy) {
		listener := "TCP 80: " + s.targets + " TCP"
		lb := s.serve(t, nil, onePort, "", listener)
		answersTCP(t, s.Cluster, lb, 80, "web")
		if complaint := checked(s.Cluster, lb, "TCP on traffic-port"); lb.Scheme != "internet-facing" || complaint != "" {
			t.Errorf("scheme %s, %s", lb.Scheme, complaint)
		}
		// one pod may be late
		scene.WaitTargets(t, s.Cluster, s.TargetGroups(lb)[0].ARN, map[string]int{"ip": 2, "instance": 3}[s.targets])
		for _, target := range s.TargetGroups(lb)[0].Targets {
			if target.QUICServerID != "" {
				t.Errorf("target %s has a QUIC server id", target.ID)
			}
		}
		a := scene.Annotations{"attributes": "load_balancing.cross_zone.enabled=true"}
		s.edit(t, a, onePort, "", "cross-zone load balancing", func(lb simclient.LoadBalancer) string {
			return differs("attribute", lb.Attributes["load_balancing.cross_zone.enabled"], "true")
		}, "ModifyLoadBalancerAttributes")
		a["listener-attributes.TCP-80"] = "tcp.idle_timeout.seconds=400"
		s.edit(t, a, onePort, "", "the listener's attribute", func(lb simclient.LoadBalancer) string {
			return differs("attribute", lb.Listeners[0].Attributes["tcp.idle_timeout.seconds"], "400")
		}, "ModifyListenerAttributes")
		a["additional-resource-tags"] = "mode=edited,key1=value1"
		scene.Change(t, s.Cluster, s.manifest("net", a, onePort, ""))
		wait(t, s.Cluster, "tags", func() string { return s.tagged(t, lb.Name, "edited value1") })
		a["additional-resource-tags"] = "mode=edited"
		scene.Change(t, s.Cluster, s.manifest("net", a, onePort, ""))
		wait(t, s.Cluster, "one tag less", func() string { return s.tagged(t, lb.Name, "edited ") })
		if s.targets == "instance" {
			s.edit(t, a, onePort, "externalTrafficPolicy: Local", "the health check of nodes",
				func(lb simclient.LoadBalancer) string {
					return checked(s.Cluster, lb, "HTTP /healthz on 3")
				}, "ModifyTargetGroup")
		}
		answersTCP(t, s.Cluster, lb, 80, "web")
		s.edit(t, a, onePort+", {name: more, port: 81, targetPort: 8080}", "externalTrafficPolicy: Cluster", "a port more",
			func(lb simclient.LoadBalancer) string {
				return differs("listeners", len(lb.Listeners), 2)
			}, portMore(s.targets)...)
		answersTCP(t, s.Cluster, lb, 81, "web")
		expectNoWarnings(t, s.Cluster, s.ns)
	})
}

// portMore is what a further port writes; with nodes the health check returns to that of externalTrafficPolicy Cluster
// in the same edit.
func portMore(targets string) []string {
	if targets == "ip" {
		return []string{"CreateTargetGroup", "CreateListener"}
	}
	return []string{"CreateTargetGroup", "ModifyTargetGroup", "CreateListener"}
}
