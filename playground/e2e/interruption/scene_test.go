// Package interruption shows end to end how many requests are lost while pods, nodes, settings and the controller
// change: a table of changes by load balancers, at the times that AWS takes, on a clock that runs thirty times as fast
// as the machine's. It has tests only.
//
// A run of the tests takes a part of the table. LBC_INTERRUPTION_RUNS=20 takes all of it so often, with and without
// what the controller gives pods for their end; "make interruptions" does that, and prints the table.
package interruption

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

// speed is how much faster than the machine's the clock of the account runs.
const speed = 30

// times are AWS's own, but for the provisioning of load balancers, for which nobody waits here.
var times = account.Profile{
	Name: "interruption", TargetInitial: 10 * time.Second, NetworkTargetInitial: time.Minute, NetworkDeregister: lateOut,
	Draining: 5 * time.Minute,
}

// drainFor is for how many seconds of the machine's a pod that is asked to end goes on: what the controller would
// compute, and more than the time of a restart of the controller, which is no faster here. restart is what one took at
// the pace of this machine.
func drainFor(restart time.Duration) int { return 180/speed + max(4, int(4*restart.Seconds())) }

// goOn is how long the pods go on that are asked to end.
func (s *scene) goOn() time.Duration { return time.Duration(cmp.Or(s.sleeps, s.drain)) * time.Second }

// endsBefore reports whether pods end before what happens has, and load balancers send them nothing more: with a clock
// that is so much faster than the machine, a restart of the controller that takes ten seconds lasts five minutes, which
// no drain is made for.
func (s *scene) endsBefore(m moment) bool { return *m.took+lateOut/speed >= s.goOn() }

const pods = 10

func TestMain(m *testing.M) {
	harness.Parallel(2 * len(balancers))
	harness.Main(m)
}

// balancer is a load balancer of the table.
type balancer struct {
	name       string // of the column, and in part of the namespace
	network    bool
	targetType string
	local      bool // externalTrafficPolicy
	protocol   protocol
}

// protocol is what clients speak.
type protocol string

const (
	requests  protocol = "requests" // HTTP, through TCP listeners of network load balancers
	secure    protocol = "TLS"
	datagrams protocol = "datagrams"
	streams   protocol = "gRPC"
	sockets   protocol = "WebSocket"
)

var balancers = []balancer{
	{name: "NLB ip", network: true, targetType: "ip", protocol: requests},
	{name: "NLB instance", network: true, targetType: "instance", protocol: requests},
	{name: "NLB Local", network: true, targetType: "instance", local: true, protocol: requests},
	{name: "NLB TLS", network: true, targetType: "ip", protocol: secure},
	{name: "NLB UDP", network: true, targetType: "ip", protocol: datagrams},
	{name: "ALB ip", targetType: "ip", protocol: requests},
	{name: "ALB instance", targetType: "instance", protocol: requests},
	{name: "ALB gRPC", targetType: "ip", protocol: streams},
	{name: "ALB WebSocket", targetType: "ip", protocol: sockets},
}

// scene is a load balancer with its pods in a namespace of its own.
type scene struct {
	balancer
	*harness.Cluster
	namespace string
	host      string
	with      bool // what the controller gives pods for their end
	drain     int  // see drainFor
	sleeps    int  // for how many seconds its pods go on when they are asked to end, if sleepFor was called
}

const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

// set applies the scene, without pods.
func (s *scene) set(t *testing.T) {
	t.Helper()
	s.namespace = strings.ToLower(strings.ReplaceAll(s.name, " ", "-"))
	if !s.with {
		s.namespace += "-abrupt"
	}
	s.Apply(t, s.workload()+s.front())
}

// fill waits for the load balancer, and then until all its targets serve.
func (s *scene) fill(t *testing.T) {
	t.Helper()
	if s.network {
		s.host = s.ServiceAddress(t, s.namespace, "web")
	} else {
		s.host = s.IngressAddress(t, s.namespace, "web")
	}
	// before there is none, pods get no readiness gates
	s.WaitFor(t, "a binding in "+s.namespace, func(context.Context) error {
		out, err := s.TryKubectl(t, "get", "targetgroupbindings", "-n", s.namespace, "-o", "name")
		if err == nil && strings.TrimSpace(out) == "" {
			err = fmt.Errorf("there is none")
		}
		return err
	})
	s.scale(t, pods)
	s.serves(t)
	if why := s.incomplete(t); why != "" {
		t.Fatal(why)
	}
}

// WaitFor asks less often than the harness does: eighteen scenes wait at once, and their requests need the processor.
func (s *scene) WaitFor(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	s.Cluster.WaitFor(t, what, func(ctx context.Context) error {
		err := f(ctx)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
		return err
	})
}

// incomplete is what a pod lacks or has too much, and which node lacks a pod.
func (s *scene) incomplete(t *testing.T) string {
	t.Helper()
	if s.local { // a node without a pod is unhealthy
		for _, n := range s.Simulator.Seed().Cluster.Nodes {
			if len(s.on(t, n.Name)) == 0 {
				return n.Name + " has no pod"
			}
		}
	}
	for _, p := range s.all(t) {
		l, grace := p.Spec.Containers[0].Lifecycle, *p.Spec.TerminationGracePeriodSeconds
		sleeps := l != nil && l.PreStop != nil && l.PreStop.Sleep != nil
		if !s.with && (l != nil || grace != 30) || s.with && (!sleeps || l.PreStop.Sleep.Seconds < int64(s.drain) ||
			grace != l.PreStop.Sleep.Seconds+30) {
			return fmt.Sprintf("%s has hooks %+v and %d seconds to end", p.Name, l, grace)
		}
		if gates := len(p.Spec.ReadinessGates); s.targetType == "ip" && gates != 1 {
			return fmt.Sprintf("%s has %d readiness gates", p.Name, gates)
		}
	}
	return ""
}

// complete replaces the pods if the webhook did not answer when one was made, because the controller was down, and if a
// node that was drained lacks one.
func (s *scene) complete(t *testing.T) {
	t.Helper()
	if why := s.incomplete(t); why != "" {
		t.Logf("%s: all pods are replaced", why)
		restart(t, s)
		s.rolledOut(t)
	}
	s.serves(t)
	if why := s.incomplete(t); why != "" {
		t.Fatal(why)
	}
}

// sleepFor begins a rollout of pods that go on for so many seconds when they are asked to end.
func (s *scene) sleepFor(t *testing.T, seconds int) {
	t.Helper()
	s.sleeps = seconds
	s.Kubectl(t, "patch", "deployment", "-n", s.namespace, "web", "-p",
		fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"elbv2.k8s.aws/pod-drain-seconds":"%d"}}}}}`, seconds))
}

func (s *scene) workload() string {
	labels, annotations, image := "", "", "example.com/app"
	if s.targetType == "ip" {
		labels = "elbv2.k8s.aws/pod-readiness-gate-inject: enabled"
	}
	if s.with {
		labels += ", elbv2.k8s.aws/pod-drain-inject: enabled"
		annotations = fmt.Sprintf("elbv2.k8s.aws/pod-drain-seconds: %q", fmt.Sprint(s.drain))
	}
	ports := "{name: http, containerPort: 8080}, {name: other, containerPort: 8081}, {name: packets, containerPort: " +
		"8080, protocol: UDP}"
	env := ""
	if s.protocol == sockets {
		image, env = "registry.k8s.io/gateway-api/echo-basic:v1.5.1", "\n        env: [{name: HTTP_PORT, value: \"8080\"}]"
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s, labels: {%[2]s}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {%[3]s}}
    spec:
      containers:
      - name: app
        image: %[4]s
        ports: [%[5]s]%[6]s
        readinessProbe: {httpGet: {path: /health, port: http}, periodSeconds: 1}
---
`, s.namespace, strings.TrimPrefix(labels, ", "), annotations, image, ports, env)
}

// front is the Service, and the Ingress of an ALB, with annotations of an edit.
func (s *scene) front(edits ...string) string {
	var b strings.Builder
	annotate := func(prefix string, pairs ...string) {
		for _, p := range pairs {
			key, value, _ := strings.Cut(p, "=")
			fmt.Fprintf(&b, "    %s%s: %q\n", prefix, key, value)
		}
	}
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: %s\n  annotations:\n "+
		"   app: web\n", s.namespace)
	if s.network {
		// each zone has one node only
		all := []string{"scheme=internet-facing", "attributes=load_balancing.cross_zone.enabled=true"}
		if s.protocol == secure {
			all = append(all, "ssl-cert="+certificate)
		}
		if s.local { // AWS resets connections to a node whose last ready pod ends
			all = append(all, "target-group-attributes=target_health_state.unhealthy.connection_termination.enabled=false")
		}
		if s.protocol == datagrams {
			all = append(all, tcpUDP)
		}
		annotate("service.beta.kubernetes.io/aws-load-balancer-",
			edited(append(all, "nlb-target-type="+s.targetType), edits)...)
		policy, more := "Cluster", ""
		if s.local {
			policy = "Local"
		}
		if s.packets(edits) {
			more = ", {name: packets, port: 80, targetPort: 8080, protocol: UDP}"
		}
		fmt.Fprintf(&b, "spec:\n  type: LoadBalancer\n  loadBalancerClass: service.k8s.aws/nlb\n  externalTrafficPolicy: "+
			"%s\n  selector: {app: web}\n  ports: [{name: http, port: 80, targetPort: 8080}%s]\n---\n", policy, more)
		return b.String()
	}
	fmt.Fprintf(&b, "spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: "+
		"8080}]}\n---\n")
	fmt.Fprintf(&b, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  namespace: %s\n  "+
		"annotations:\n", s.namespace)
	all := []string{"scheme=internet-facing", "healthcheck-path=/health"}
	if s.protocol == streams {
		all = []string{"scheme=internet-facing", "certificate-arn=" + certificate, "backend-protocol-version=GRPC"}
	}
	annotate("alb.ingress.kubernetes.io/", edited(append(all, "target-type="+s.targetType), edits)...)
	fmt.Fprintf(&b, "spec: {ingressClassName: alb, defaultBackend: {service: {name: web, port: {name: http}}}}\n---\n")
	return b.String()
}

// edited are annotations with those of an edit, which take the place of others with their keys.
func edited(annotations, edits []string) []string {
	return append(slices.DeleteFunc(annotations, func(a string) bool {
		key, _, _ := strings.Cut(a, "=")
		return slices.ContainsFunc(edits, func(e string) bool { return strings.HasPrefix(e, key+"=") })
	}), edits...)
}

func (s *scene) scale(t *testing.T, n int) {
	t.Helper()
	s.Kubectl(t, "scale", "deployment", "-n", s.namespace, "web", fmt.Sprintf("--replicas=%d", n))
	s.settle(t, n)
}

// all are the pods, those that end among them. A list that the API server does not answer in time, because the machine
// has much else to do, is asked for again.
func (s *scene) all(t *testing.T) (pods []corev1.Pod) {
	t.Helper()
	s.WaitFor(t, "the pods of "+s.namespace, func(ctx context.Context) error {
		list, err := s.Client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
		if err == nil {
			pods = list.Items
		}
		return err
	})
	return pods
}

// settle waits until so many pods are ready and no other is left.
func (s *scene) settle(t *testing.T, n int) {
	t.Helper()
	s.WaitFor(t, fmt.Sprintf("%d pods in %s, and no other", n, s.namespace), func(context.Context) error {
		all, ready := s.all(t), 0
		for i := range all {
			for _, x := range all[i].Status.Conditions {
				// those that end are ready for a while
				if x.Type == corev1.PodReady && x.Status == corev1.ConditionTrue && all[i].DeletionTimestamp == nil {
					ready++
				}
			}
		}
		if len(all) != n || ready != n {
			return fmt.Errorf("there are %d, of which %d are ready", len(all), ready)
		}
		return nil
	})
}

// serves waits until the load balancer has one target group, of which all targets are healthy, but for those in other
// states that are given.
func (s *scene) serves(t *testing.T, besides ...string) {
	t.Helper()
	s.WaitFor(t, s.namespace+" to have one target group, with healthy targets", func(context.Context) error {
		lb := s.LoadBalancer(t, s.host)
		groups := s.TargetGroups(lb)
		if len(groups) != 1 || len(lb.Listeners) != 1 {
			return fmt.Errorf("it has %d, and %d listeners", len(groups), len(lb.Listeners))
		}
		healthy := 0
		for _, x := range groups[0].Targets {
			switch {
			case x.State == "healthy":
				healthy++
			case !slices.Contains(besides, x.State):
				return fmt.Errorf("%s:%d is %s %s", x.ID, x.Port, x.State, x.Reason)
			}
		}
		if healthy == 0 {
			return fmt.Errorf("no target is healthy")
		}
		return nil
	})
}

// lasts is the length of streams: pods that end stay longer.
const lasts = time.Second

// send begins requests, about so many a second.
func (s *scene) send(t *testing.T, rate int) *load.Clients {
	t.Helper()
	clients, dial := load.Start(t.Context()), load.Dial(s.Simulator.DialContext)
	t.Cleanup(func() { clients.Stop() })
	const each = 8 // requests a second of a client, in its pauses
	switch s.protocol {
	case requests, secure:
		at := "http://" + s.host + "/"
		if s.protocol == secure {
			at = "https://" + net.JoinHostPort(s.host, "80") + "/"
		}
		for _, on := range []load.Connections{load.Fresh, load.Kept} {
			clients.Add(max(1, rate/each/2), time.Second/each, func() load.Client { return load.Requests(dial, at, on) })
		}
	case datagrams:
		clients.Add(max(1, rate/each), lasts/each, func() load.Client {
			return load.Datagrams(dial, net.JoinHostPort(s.host, "80"), lasts)
		})
	case streams:
		clients.Add(max(1, rate/each), lasts/each, func() load.Client {
			return load.GRPCStreams(dial, "https://"+s.host+"/shop.Cart/Watch", lasts)
		})
	case sockets:
		u := &url.URL{Scheme: "ws", Host: s.host, Path: "/ws"}
		clients.Add(max(1, rate/each), lasts/each, func() load.Client { return load.WebSockets(dial, u, lasts) })
	}
	return clients
}
