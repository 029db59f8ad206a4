package guides

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// scale changes the number of pods of a Deployment.
func (s *scenario) scale(t *testing.T, deployment string, replicas int) {
	t.Helper()
	s.kubectl(t, "scale", "deployment", deployment, "-n", s.namespace, fmt.Sprintf("--replicas=%d", replicas))
}

// annotate changes annotations of an Ingress, each "key=value" without the prefix.
func (s *scenario) annotate(t *testing.T, ingress string, annotations ...string) {
	t.Helper()
	args := []string{"annotate", "ingress", ingress, "-n", s.namespace, "--overwrite"}
	for _, a := range annotations {
		args = append(args, "alb.ingress.kubernetes.io/"+a)
	}
	s.kubectl(t, args...)
}

// url of a load balancer of the row.
func (s *scenario) url(t *testing.T, index int) string { return "http://" + s.host(t, index) + "/" }

// wrote waits until the controller is idle after an edit that brings passes, and compares what it changed. An attempt
// at what the object wished before, and AWS refused, may fall into that time.
func (s *scenario) wrote(t *testing.T, what string, edit func(), done func(p *picture) error, want ...string) {
	t.Helper()
	mark := s.c.Mark()
	from, err := progress(t.Context(), s.c)
	if err != nil {
		t.Fatal(err)
	}
	edit()
	s.c.WaitFor(t, what, func(ctx context.Context) error {
		p, err := look(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		return done(p)
	})
	waitPasses(t, s.c, from, map[string]int{s.balancers[0].passes(): 1})
	if have := s.c.Changes(mark); !slices.Equal(have, want) {
		t.Errorf("%s: wrote %q, want %q", what, have, want)
	}
}

// warned waits for a Warning that contains all of the texts.
func (s *scenario) warned(t *testing.T, kind, namespace, name, reason string, contains ...string) {
	t.Helper()
	s.c.WaitFor(t, fmt.Sprintf("the Warning %s %q on %s %s/%s", reason, contains, kind, namespace, name),
		func(ctx context.Context) error {
			list, err := s.c.Client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
				FieldSelector: "type=" + corev1.EventTypeWarning + ",involvedObject.kind=" + kind + ",involvedObject.name=" + name,
			})
			if err != nil {
				return err
			}
			var seen []string
			for _, e := range list.Items {
				if (reason == "" || e.Reason == reason) && !slices.ContainsFunc(contains,
					func(text string) bool { return !strings.Contains(e.Message, text) }) {
					return nil
				}
				seen = append(seen, e.Reason+": "+e.Message)
			}
			return fmt.Errorf("there are: %s", strings.Join(seen, "; "))
		})
}

// printed demands lines of kubectl's output, compared word by word; "…" stands for any words at the end.
func (s *scenario) printed(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		found := false
		for line := range strings.Lines(out) {
			words := strings.Join(strings.Fields(line), " ")
			prefix, open := strings.CutSuffix(want, "…")
			found = found || words == want || open && strings.HasPrefix(words, prefix)
		}
		if !found {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

func scaleToNothing(t *testing.T, s *scenario) {
	url := s.url(t, 0)
	s.scale(t, "example", 0)
	s.c.WaitGet(t, url, "example.com", 503, "")
	s.scale(t, "example", 2)
	s.c.WaitGet(t, url, "example.com", 200, "example-service")
}

const asked = 2000

// count makes many requests and counts the answers, by service or status.
func (s *scenario) count(t *testing.T, a ask, n int) map[string]int {
	t.Helper()
	host := s.host(t, a.balancer)
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	const workers = 8
	for range workers {
		all.Go(func() {
			for range n / workers {
				r, err := s.get(t.Context(), a, host)
				answer := fmt.Sprint(r.Status)
				if err != nil {
					answer = err.Error()
				} else if r.Status == 200 {
					answer = r.Pod.Service
				}
				mu.Lock()
				answers[answer]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return answers
}

// share demands that about so many of a sample are answered so, and the rest by the other one. Three standard
// deviations are allowed; one sample in 370 lies outside of them by chance, so a second one decides.
func (s *scenario) share(t *testing.T, percent, deviation int, answer, other string) {
	t.Helper()
	var answers map[string]int
	for range 2 {
		answers = s.count(t, s.asks[0], asked)
		if answers[answer]+answers[other] != asked {
			break
		}
		if d := answers[answer] - asked*percent/100; -deviation <= d && d <= deviation {
			return
		}
	}
	t.Errorf("answers of %d: %v, want %d %% %s, else %s", asked, answers, percent, answer, other)
}

func shiftWeights(t *testing.T, s *scenario) {
	const of20, of50 = 54, 67 // three standard deviations of 2,000 trials
	s.share(t, 20, of20, "green-service", "blue-service")
	s.scale(t, "green", 0)
	s.c.WaitFor(t, "no targets of green-service", func(ctx context.Context) error {
		p, err := look(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		for _, tg := range p.aws.TargetGroups {
			if strings.HasSuffix(tg.Tags["ingress.k8s.aws/resource"], "-green-service:80") &&
				strings.HasPrefix(tg.Tags["ingress.k8s.aws/resource"], s.namespace+"/") && len(tg.Targets) > 0 {
				return fmt.Errorf("%v", tg.Targets)
			}
		}
		return nil
	})
	s.share(t, 20, of20, "503", "blue-service")
	s.wrote(t, "weights 50:50", func() {
		s.annotate(t, "blue-green-ingress", `actions.weighted-routing={"type":"forward","forwardConfig":{"targetGroups":[`+
			`{"serviceName":"blue-service","servicePort":80,"weight":50},{"serviceName":"green-service","servicePort":80,"weight":50}]}}`)
	}, func(p *picture) error {
		lb, _ := p.loadBalancer(s.balancers[0].name)
		if text := lb.Listeners[0].Rules[0].Text; strings.Count(text, "(50)") != 2 {
			return fmt.Errorf("the rule is: %s", text)
		}
		return nil
	}, "elasticloadbalancing ModifyRule")
	s.share(t, 50, of50, "503", "blue-service")
}

func listBindings(t *testing.T, s *scenario) {
	s.printed(t, s.kubectl(t, "get", "targetgroupbindings", "-n", s.namespace),
		"NAME SERVICE-NAME SERVICE-PORT TARGET-TYPE AGE", "example-tgb example-service 80 ip …")
}

func relabelNode(t *testing.T, s *scenario) {
	const node, instance = "ip-10-0-160-10", "i-00000000000000c01"
	registered := func(want bool) {
		t.Helper()
		s.c.WaitFor(t, fmt.Sprintf("registered %s: %v", instance, want), func(context.Context) error {
			tg, _ := (&picture{aws: s.c.Simulator.Resources()}).targetGroup("example-tg-instance")
			have := slices.ContainsFunc(tg.Targets, func(x simclient.Target) bool {
				return x.ID == instance && x.State != "draining"
			})
			if have != want {
				return fmt.Errorf("targets: %v", tg.Targets)
			}
			return nil
		})
	}
	registered(false)
	s.kubectl(t, "label", "node", node, "kubernetes.io/arch=amd64", "--overwrite")
	registered(true)
	s.kubectl(t, "label", "node", node, "kubernetes.io/arch=arm64", "--overwrite")
	registered(false)
}

func onlyFromInside(t *testing.T, s *scenario) {
	lb := s.c.LoadBalancer(t, s.host(t, 0))
	for _, z := range lb.Zones {
		at := netip.AddrPortFrom(z.Private, 443)
		conn, err := s.c.Simulator.Network.DialTCP(t.Context(), netip.MustParseAddr("10.9.8.7"), at)
		if err != nil {
			t.Errorf("from 10.9.8.7 to %s: %v", at, err)
		} else {
			_ = conn.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), shortWait)
		conn, err = s.c.Simulator.Network.DialTCP(ctx, netip.MustParseAddr("198.51.100.7"), at)
		cancel()
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s admits 198.51.100.7", at)
		}
	}
}

// refuseOutsider shows that the class admits one namespace only.
func refuseOutsider(t *testing.T, s *scenario) {
	s.printed(t, s.kubectl(t, "get", "ingressclass"),
		"dev-alb ingress.k8s.aws/alb IngressClassParams.elbv2.k8s.aws/dev-class-params …")
	s.printed(t, s.kubectl(t, "get", "ingressclassparams"), "NAME GROUP-NAME SCHEME IP-ADDRESS-TYPE AGE",
		"dev-class-params internet-facing ipv4 …")
	path := s.c.Repo.Example(filepath.Join("guides", "refused", "15-class-in-wrong-namespace.yaml"))
	mark := s.c.Mark()
	s.refused(t, path, "namespaceSelector of IngressClassParams dev-class-params excludes this namespace",
		"add the labels of the selector to the namespace")
	if _, err := s.c.Client.NetworkingV1().Ingresses("dev-outsider").Get(t.Context(), "dev-app",
		metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the outsider was stored: %v", err)
	}
	if w := s.c.Writes(mark); len(w) > 0 {
		t.Errorf("written for the outsider: %v", w)
	}
	if err := s.state(t.Context()); err != nil {
		t.Errorf("dev-app is affected: %v", err)
	}
	s.kubectl(t, "delete", "-f", path, "--ignore-not-found", "--wait=false")
}

const unprotected = `{"spec":{"loadBalancerAttributes":[{"key":"deletion_protection.enabled","value":"false"},{"key":"idle_timeout.timeout_seconds","value":"120"}]}}`

// liftProtection deletes the Ingress of a class that protects, which must not do it, and then lifts the protection.
func liftProtection(t *testing.T, s *scenario) {
	arn := s.c.LoadBalancer(t, s.balancers[0].name).ARN
	s.kubectl(t, "delete", "ingress", "dev-app", "-n", s.namespace, "--wait=false")
	s.warned(t, "Ingress", s.namespace, "dev-app", "", "deletion protection", "dev-class-params")
	i, err := s.c.Client.NetworkingV1().Ingresses(s.namespace).Get(t.Context(), "dev-app", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(i.Finalizers) == 0 {
		t.Error("the Ingress lost its finalizer")
	}
	if lb := s.c.LoadBalancer(t, s.balancers[0].name); lb.ARN != arn {
		t.Errorf("the load balancer is another one")
	}
	s.kubectl(t, "patch", "ingressclassparams", "dev-class-params", "--type=merge", "-p", unprotected)
	s.c.WaitFor(t, "the end of the Ingress", func(ctx context.Context) error {
		_, err := s.c.Client.NetworkingV1().Ingresses(s.namespace).Get(ctx, "dev-app", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it is still there"))
	})
}

// leaveGroup takes one of two members away.
func leaveGroup(t *testing.T, s *scenario) {
	arn := s.c.LoadBalancer(t, s.balancers[0].name).ARN
	traffic := scene.Send(t, s.c, s.url(t, 0), "app2.example.com", scene.OK)
	scene.More(t, s.c, traffic, 20)
	s.kubectl(t, "delete", "ingress", "app1-ingress", "-n", s.namespace, "--wait=false")
	left := s.balancers[0]
	left.edited = true
	left.objects, left.groups = []string{"app2-ingress"}, left.groups[1:]
	left.listeners = slices.Clone(left.listeners)
	left.listeners[0].rules = left.listeners[0].rules[1:]
	s.c.WaitFor(t, "app2 alone", func(ctx context.Context) error {
		p, err := look(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		ps := left.check(p, s.namespace, s.defaults)
		ps.same("number of bindings", len(p.bindings), 1)
		ps.same("number of Ingresses", len(p.ingresses), 1)
		return ps.err()
	})
	scene.More(t, s.c, traffic, 20)
	if tally := traffic.Stop(); tally.Failed > 0 {
		t.Errorf("app2 was interrupted: %s", tally)
	}
	if lb := s.c.LoadBalancer(t, s.balancers[0].name); lb.ARN != arn {
		t.Error("the load balancer is another one")
	}
}

// readPodName connects to the database.
func readPodName(t *testing.T, s *scenario) {
	conn, err := s.c.Simulator.DialContext(t.Context(), "tcp", s.host(t, 1)+":5432")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "database-proxy-") {
		t.Errorf("received %q, %v", line, err)
	}
}

// needNodePorts takes the node ports away.
func needNodePorts(t *testing.T, s *scenario) {
	s.kubectl(t, "patch", "service", "web-service", "-n", s.namespace, "-p", `{"spec":{"type":"ClusterIP"}}`)
	s.warned(t, "Ingress", s.namespace, "instance-ingress", "FailedBuildModel", "NodePort", "LoadBalancer")
	s.kubectl(t, "patch", "service", "web-service", "-n", s.namespace, "-p", `{"spec":{"type":"NodePort"}}`)
	s.c.WaitFor(t, "targets with the new node port", func(ctx context.Context) error {
		p, err := look(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		lb, _ := p.loadBalancer(s.balancers[0].name)
		var ps problems
		for _, tg := range s.c.TargetGroups(lb) { // the port of a target group cannot be changed, and does not matter
			checkTargets(&ps, lb, tg, allNodes, p.nodePort("web-service:80"), false)
		}
		ps.succeeded(p, "Ingress", "instance-ingress")
		return ps.err()
	})
	s.c.WaitGet(t, s.url(t, 0), "instance.example.com", 200, "web-service")
}

func scaleUnderLoad(t *testing.T, s *scenario) {
	url := s.url(t, 0)
	seen := map[string]bool{}
	for range 300 {
		r, err := s.c.Get(t.Context(), url, "ip.example.com")
		if err != nil || r.Status != 200 {
			t.Fatalf("%d, %v", r.Status, err)
		}
		seen[r.Pod.Pod] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d pods answered, want 3", len(seen))
	}
	resized := func(pods int) {
		t.Helper()
		s.scale(t, "web", pods)
		changed := s.balancers[0]
		changed.groups = []targetGroup{{service: "web-service:80", port: 8080, targets: pods}}
		s.c.WaitFor(t, fmt.Sprintf("%d targets", pods), func(ctx context.Context) error {
			p, err := look(ctx, s.c, s.namespace)
			if err != nil {
				return err
			}
			return changed.check(p, s.namespace, s.defaults).err()
		})
	}
	traffic := scene.Send(t, s.c, url, "ip.example.com", scene.OK)
	resized(5)
	scene.More(t, s.c, traffic, 50)
	if tally := traffic.Stop(); tally.Failed > 0 {
		t.Errorf("from 3 to 5 pods: %s", tally)
	}
	// These pods do not wait before they end: some requests meet one that is no more.
	traffic = scene.Send(t, s.c, url, "ip.example.com", func(r harness.Response) bool {
		return r.Status == 200 ||
			r.Status == 502
	})
	resized(1)
	failed := traffic.Stop()
	if failed.Failed > 0 {
		t.Errorf("from 5 pods to 1: %s", failed)
	}
	traffic = scene.Send(t, s.c, url, "ip.example.com", scene.OK)
	scene.More(t, s.c, traffic, 50)
	if tally := traffic.Stop(); tally.Failed > 0 {
		t.Errorf("with 1 pod left: %s", tally)
	}
}

func changeSubnets(t *testing.T, s *scenario) {
	const a, b, c = "subnet-00000000000000a01", "subnet-00000000000000b01", "subnet-00000000000000c01"
	arn := s.c.LoadBalancer(t, s.balancers[0].name).ARN
	s.wrote(t, "a third subnet", func() {
		s.annotate(t, "subnets-ingress", "subnets="+a+","+b+","+c)
	}, func(p *picture) error {
		lb, _ := p.loadBalancer(s.balancers[0].name)
		if len(lb.Zones) != 3 || lb.ARN != arn {
			return fmt.Errorf("%s in %d zones", lb.ARN, len(lb.Zones))
		}
		return nil
	}, "elasticloadbalancing SetSubnets")
	s.annotate(t, "subnets-ingress", "subnets="+a)
	s.warned(t, "Ingress", s.namespace, "subnets-ingress", "FailedBuildModel", "subnet",
		"alb.ingress.kubernetes.io/subnets")
	s.annotate(t, "subnets-ingress", "subnets="+a+",subnet-00000000000000a02")
	s.warned(t, "Ingress", s.namespace, "subnets-ingress", "FailedBuildModel", "us-west-2a")
	s.annotate(t, "subnets-ingress", "subnets="+a+","+c)
	s.c.WaitFor(t, "two subnets again", s.state)
}

func listGame(t *testing.T, s *scenario) {
	out := s.kubectl(t, "get", "ingress/2048-ingress", "-n", s.namespace)
	s.printed(t, out, "NAME CLASS HOSTS ADDRESS PORTS AGE", "2048-ingress <none> * "+strings.ToLower(s.host(t, 0))+" 80 …")
}

func repairPort(t *testing.T, s *scenario) {
	tg := func() simclient.TargetGroup { return s.c.TargetGroups(s.c.LoadBalancer(t, s.balancers[0].name))[0] }
	before := tg().ARN
	s.kubectl(t, "patch", "service", "my-app-service", "-n", s.namespace, "-p",
		`{"spec":{"ports":[{"port":80,"targetPort":8081}]}}`)
	s.c.WaitGet(t, s.url(t, 0), "broken.example.com", 200, "my-app-service")
	if after := tg().ARN; after != before {
		t.Errorf("the target group is another one: %s, was %s", after, before)
	}
}
