// Package guides applies the examples of examples/guides to a playground, one by one and all together, and checks what
// must then be true: the account, the answers of the load balancers, status and events, what edits write, and what is
// left after deletion.
package guides

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/trial"
	"github.com/k8s-lbc/lbc/playground/verify"
)

func TestMain(m *testing.M) { harness.Main(m) }

// shared is what the tests of this binary have in common.
var shared = struct {
	sync.Mutex
	trial    *trial.Trial
	defaults map[string]map[string]string
}{}

func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	c := harness.Start(t, harness.Options{Account: root.Example(filepath.Join("guides", "account.yaml")),
		Policy: harness.Bindings})
	shared.Lock()
	defer shared.Unlock()
	if shared.trial == nil {
		if shared.trial, err = trial.New(c.Env, trial.Options{CacheDir: filepath.Join(c.Env.Dir, "cache-of-guides"),
			Timeout: harness.Timeout}); err != nil {
			t.Fatal(err)
		}
		shared.defaults = defaultAttributes(t, c)
	}
	return c
}

// defaultAttributes are those of load balancers without declared attributes.
func defaultAttributes(t *testing.T, c *harness.Cluster) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, kind := range []types.LoadBalancerTypeEnum{types.LoadBalancerTypeEnumApplication,
		types.LoadBalancerTypeEnumNetwork} {
		for scheme, subnets := range map[types.LoadBalancerSchemeEnum][]string{
			types.LoadBalancerSchemeEnumInternetFacing: publicSubnets, types.LoadBalancerSchemeEnumInternal: privateSubnets,
		} {
			out, err := c.Simulator.Balancing.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{
				Name: aws.String("defaults-" + string(kind)), Type: kind, Scheme: scheme, Subnets: subnets,
			})
			if err != nil {
				t.Fatal(err)
			}
			arn := out.LoadBalancers[0].LoadBalancerArn
			all[string(kind)+" "+string(scheme)] = c.LoadBalancer(t, aws.ToString(out.LoadBalancers[0].DNSName)).Attributes
			if _, err := c.Simulator.Balancing.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{
				LoadBalancerArn: arn}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func newScenario(c *harness.Cluster, r *row) *scenario {
	return &scenario{row: r, c: c, trial: shared.trial, defaults: shared.defaults}
}

// TestEachExampleAloneDoesWhatItShows shows what each example of the guides changes in the account,
// and what its story of edits and requests does. TestAllExamplesTogetherDoWhatTheyShow shows for
// all examples that a restart and unrelated edits write nothing.
func TestEachExampleAloneDoesWhatItShows(t *testing.T) {
	c := cluster(t)
	before := c.Simulator.Resources()
	chosen := sample.OneOf(12)
	for _, r := range slices.Concat(rows, gatewayRows) {
		if !chosen.Next() {
			continue
		}
		s := newScenario(c, &r)
		t.Run(s.file, func(t *testing.T) {
			s.gone(t)
			c.WaitAccount(t, before) // what an example that failed made takes a while to go
			mark := c.Mark()
			s.apply(t)
			s.settled(t)
			s.only(t, before)
			s.frugal(t, mark)
			s.requests(t)
			s.toldOff(t)
			if s.story != nil {
				s.story(t, s)
			}
			s.remove(t)
			c.WaitAccount(t, before)
		})
	}
}

// TestAllExamplesTogetherDoWhatTheyShow shows that all examples of the guides serve at once, and
// that neither a restart nor an unrelated edit writes anything.
func TestAllExamplesTogetherDoWhatTheyShow(t *testing.T) {
	if testing.Short() {
		t.Skip("it has some forty examples settle, and all requests of them answered again after each edit")
	}
	c := cluster(t)
	var all []*scenario
	for _, r := range slices.Concat(rows, gatewayRows) {
		s := newScenario(c, &r)
		s.gone(t)
		all = append(all, s)
	}
	before := c.Simulator.Resources()
	for _, s := range all {
		s.apply(t)
	}
	each := func(name string, f func(*testing.T, *scenario)) {
		t.Run(name, func(t *testing.T) {
			for _, s := range all {
				t.Run(s.file, func(t *testing.T) {
					t.Parallel()
					f(t, s)
				})
			}
		})
	}
	each("applied", func(t *testing.T, s *scenario) {
		s.settled(t)
		s.requests(t)
	})
	if err := untouched(before, c.Simulator.Resources()).err(); err != nil {
		t.Error(err)
	}
	expectNoWrites(t, c, restart, stacks(all...), func() { c.RestartController(t) })
	expectNoWrites(t, c, "unrelated labels and annotations", touched(all...), func() {
		each("touched", func(t *testing.T, s *scenario) { s.touch(t) })
	})
	each("deleted", func(t *testing.T, s *scenario) { s.remove(t) })
	c.WaitAccount(t, before)
}

// only checks what else the account has more, or has no more, since before.
func (s *scenario) only(t *testing.T, before simclient.Resources) {
	t.Helper()
	after := s.c.Simulator.Resources()
	var ps problems
	ps.same("load balancers made", len(after.LoadBalancers)-len(before.LoadBalancers), len(s.balancers))
	groups, managed := 0, 0
	var ports []string
	p := &picture{aws: after}
	for _, b := range s.balancers {
		groups += len(b.groups)
		if b.own != nil {
			continue
		}
		managed++
		lb, _ := p.loadBalancer(b.name)
		for _, tg := range after.TargetGroups {
			if tg.LoadBalancer == lb.ARN {
				ports = append(ports, fmt.Sprintf("tcp %d", tg.Port))
				if tg.Protocol == "UDP" { // which is checked by TCP
					ports = append(ports, fmt.Sprintf("udp %d", tg.Port))
				}
			}
		}
	}
	ps.same("target groups made", len(after.TargetGroups)-len(before.TargetGroups), groups)
	ps.same("security groups made", len(after.SecurityGroups)-len(before.SecurityGroups), managed+min(managed, 1))
	ps = append(ps, untouched(before, after)...)
	slices.Sort(ports)
	ps.same("ports of the node group opened for the backend group", opened(&ps, p, before), slices.Compact(ports))
	if err := ps.err(); err != nil {
		t.Error(err)
	}
}

// frugal checks that what the row has no need of was not written.
func (s *scenario) frugal(t *testing.T, mark uint64) {
	t.Helper()
	for _, w := range s.c.Writes(mark) {
		_, action, _ := strings.Cut(w, " ")
		if slices.Contains(s.without, action) || len(s.balancers) == 0 && action != "RegisterTargets" {
			t.Errorf("wrote %s", w)
		}
	}
}

// untouched lists what of the account before is no more or has other tags or rules, but for what the node group admits
// from the backend group.
func untouched(before, after simclient.Resources) (ps problems) {
	for _, line := range verify.Difference(before, after) {
		if strings.HasPrefix(line, "- ") {
			ps.add("%s", line)
		}
	}
	for _, b := range before.SecurityGroups {
		if b.ID == nodeGroup {
			continue
		}
		g := (&picture{aws: after}).groupID(b.ID)
		ps.same("rules of "+b.ID, inbound(g), inbound(b))
		ps.tags(b.ID, g.Tags, b.Tags)
	}
	return ps
}

// opened are the ports that the rules admit which the node group has more than before, all of which must be ours.
func opened(ps *problems, p *picture, before simclient.Resources) (ports []string) {
	known := map[string]bool{}
	for _, r := range (&picture{aws: before}).groupID(nodeGroup).Ingress {
		known[r.ID] = true
	}
	backend, _ := p.group(backendGroup)
	for _, r := range p.groupID(nodeGroup).Ingress {
		if known[r.ID] {
			continue
		}
		if r.Protocol != "tcp" && r.Protocol != "udp" || r.Peer != backend.ID || r.Description != nodeRule {
			ps.add("the node group admits %s %d-%d from %s %q", r.Protocol, r.From, r.To, r.Peer, r.Description)
		}
		for port := r.From; port <= r.To; port++ {
			ports = append(ports, fmt.Sprintf("%s %d", r.Protocol, port))
		}
	}
	slices.Sort(ports)
	return ports
}

// TestTheClassIsListed shows that kubectl get ingressclass prints the class of the guides as they
// print it.
func TestTheClassIsListed(t *testing.T) {
	s := newScenario(cluster(t), &row{file: "00-ingressclass-alb.yaml"})
	s.kubectl(t, "apply", "-f", s.path()) // it stays: the playground brings the same
	s.printed(t, s.kubectl(t, "get", "ingressclass"), "NAME CONTROLLER PARAMETERS AGE", "alb ingress.k8s.aws/alb <none> …")
}
