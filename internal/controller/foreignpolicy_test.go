package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// forPlatform is the smallest policy of a controller whose objects may use load balancer platform.
func forPlatform(t *testing.T) iampolicy.Document {
	t.Helper()
	d, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
		Cluster: "demo-cluster", VPC: labVPC, Features: []iampolicy.Feature{iampolicy.ExistingBalancers}, Existing: []string{"platform"}, Apart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return besides(everyFeature(t, "aws"), d)
}

// judgeDenied holds that the policy of a role denied nothing.
func (r *role) judgeDenied(when string) {
	r.lab.Helper()
	if len(r.denied) > 0 {
		r.lab.Errorf("%s, denied are %v:\n%s", when, r.denied, strings.Join(r.lab.events, "\n"))
	}
}

func TestSharedLoadBalancerNeedsFeatureOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("api"))
	arn, key := l.platform(), implicit("web")
	theirs := l.others()
	r := l.hold(forPlatform(t))
	a := onPlatform()
	a["listen-ports"] = `[{"HTTP":80},{"HTTP":7070}]`
	l.create(labIngress("web", a, "web"))
	r.during(func() { l.settle(key) })
	if len(l.rulesOn(arn, 80)) == 0 || len(l.rulesOn(arn, 7070)) == 0 {
		t.Errorf("rules at 80: %v, at 7070: %v\n%s", l.rulesOn(arn, 80), l.rulesOn(arn, 7070), strings.Join(l.events, "\n"))
	}
	r.judgeDenied("created")
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/tags"] = "team=shop"
		i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":80}]`
		paths := i.Spec.Rules[0].HTTP
		more := paths.Paths[0]
		more.Path, more.Backend.Service = "/more", &networkingv1.IngressServiceBackend{Name: "api", Port: more.Backend.Service.Port}
		paths.Paths = append(paths.Paths, more)
	})
	r.during(func() { l.settle(key) })
	r.judgeDenied("edited")
	l.remove("web")
	r.during(func() { l.settle(key) })
	r.judgeDenied("deleted")
	if diff := cmp.Diff(theirs, l.others()); diff != "" || len(l.rulesOn(arn, 7070)) > 0 {
		t.Errorf("what is others' is changed (-want +got):\n%s", diff)
	}
}

func TestAdoptedLoadBalancerNeedsFeatureOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	arn, key := l.platform(), implicit("web")
	l.furnished(arn)
	r := l.hold(forPlatform(t))
	l.create(labIngress("web", adopting(nil), "web"))
	r.during(func() { l.settle(key) })
	r.judgeDenied("taken over")
	l.annotate("web", "approved-plan", l.lastDigest(0))
	r.during(func() { l.settle(key) })
	r.judgeDenied("approved")
	if got := l.listenersOf(arn); len(got) != 2 || l.balancerOf(arn).Attributes["idle_timeout.timeout_seconds"] != "100" {
		t.Errorf("once approved, listeners %v, attributes %v", got, l.balancerOf(arn).Attributes)
	}
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/ownership"] = "managed"
		delete(i.Annotations, "alb.ingress.kubernetes.io/approved-plan")
	})
	l.tag(arn, deletableBy, "demo-cluster")
	r.during(func() { l.settle(key) })
	l.remove("web")
	r.during(func() { l.settle(key) })
	r.judgeDenied("deleted")
	if l.balancers() != 0 {
		t.Error("the load balancer is there")
	}
}

// TestLoadBalancersOfOthersNeedFeature has consent by the flag, and IAM refuse all the same.
func TestLoadBalancersOfOthersNeedFeature(t *testing.T) {
	t.Parallel()
	for name, annotations := range map[string]map[string]string{"shared": onPlatform(), "adopted": adopting(nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"))
			l.platform()
			theirs := l.others()
			r := l.hold(everyFeature(t, "aws"))
			l.create(labIngress("web", annotations, "web"))
			r.during(func() {
				for range 5 {
					_, _ = l.round(implicit("web"))
					l.clock.Advance(time.Minute)
				}
			})
			if diff := cmp.Diff(theirs, l.others()); diff != "" {
				t.Errorf("what is others' is changed (-want +got):\n%s", diff)
			}
			if !l.told("web", "Untagged with feature existing-load-balancers or untagged-listeners") {
				t.Errorf("no event names the feature:\n%s", strings.Join(l.events, "\n"))
			}
		})
	}
}

func TestBindingToForeignTargetGroupNeedsFeature(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("s1"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.checkpointed = true // else all that is registered when a process starts stays
	l.restart()
	l.create(chaosEndpoints("s1", "a", soakAddress(1, 0))...)
	bound := labBinding(l.targetGroup("ip"), v1beta1.TargetTypeIP)
	bound.Spec.ServiceRef.Name, bound.Spec.Networking = "s1", nil
	l.create(bound)
	r := l.hold(everyFeature(t, "aws"))
	r.during(func() { l.passWith(15 * time.Minute) })
	if got := l.targetsOf("theirs"); len(got) > 0 || r.denied["elasticloadbalancing:RegisterTargets"] == 0 {
		t.Errorf("targets %v, denied %v", got, r.denied)
	}
	if said := strings.Join(l.events, "\n"); !strings.Contains(said, "or ForeignTargetGroups with feature foreign-target-groups, of lbc iam-policy") {
		t.Errorf("no event names the feature:\n%s", said)
	}
	r.change(besides(everyFeature(t, "aws"), beside(t, "aws", iampolicy.ForeignTargetGroups)))
	clear(r.denied)
	r.during(func() { l.passWith(20 * time.Minute) })
	if got := l.targetsOf("theirs"); !slices.Equal(got, []string{soakAddress(1, 0) + ":8080"}) {
		t.Errorf("with the feature, targets %v", got)
	}
	r.judgeDenied("with the feature")
}

// TestUntaggedListenersNeedFeature has the gate off, as an installation may have had it.
func TestUntaggedListenersNeedFeature(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("api"))
	l.flags("--feature-gates=ListenerRulesTagging=false")
	l.restart()
	key := implicit("web")
	full := besides(everyFeature(t, "aws"), beside(t, "aws", iampolicy.UntaggedListeners))
	r := l.hold(full)
	l.create(labIngress("web", nil, "web"))
	r.during(func() { l.settle(key) })
	l.annotate("web", "listen-ports", `[{"HTTP":80},{"HTTP":8080}]`)
	r.during(func() { l.settle(key) })
	r.judgeDenied("with the gate off")
	for _, lb := range l.sim.Resources().LoadBalancers {
		if len(lb.Listeners) != 2 || len(lb.Listeners[0].Tags) > 0 {
			t.Fatalf("listeners %+v", lb.Listeners)
		}
	}
	l.flags("--feature-gates=ListenerRulesTagging=true")
	l.restart()
	r.during(func() { l.settle(key) })
	r.judgeDenied("with the gate on")
	r.change(everyFeature(t, "aws")) // all has tags now
	l.annotate("web", "listen-ports", `[{"HTTP":80}]`)
	r.during(func() { l.settle(key) })
	l.remove("web")
	r.during(func() { l.settle(key) })
	r.judgeDenied("once all has tags")
	if l.balancers() != 0 {
		t.Error("the load balancer is there")
	}
}

func TestSecurityGroupsOfOthersNeedFeature(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labNode("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60"))
	l.flags("--default-target-type=ip")
	group := l.securityGroup("pods")
	pods := l.networkInterface(group, 0)
	l.create(chaosEndpoints("web", "fargate", *pods.PrivateIpAddress)...)
	l.restart()
	r := l.hold(everyFeature(t, "aws"))
	l.create(labIngress("web", nil, "web"))
	keys := []stack.Key{implicit("web")}
	r.during(func() { l.passWith(15*time.Minute, keys...) })
	if got := l.admitted(group); len(got) > 0 || r.denied["ec2:AuthorizeSecurityGroupIngress"] == 0 {
		t.Errorf("rules %v, denied %v", got, r.denied)
	}
	if said := strings.Join(l.events, "\n"); !strings.Contains(said, "or ForeignSecurityGroups with feature foreign-security-groups, of lbc iam-policy") {
		t.Errorf("no event names the feature:\n%s", said)
	}
	named, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
		Cluster: "demo-cluster", VPC: labVPC, Features: []iampolicy.Feature{iampolicy.ForeignSecurityGroups}, SecurityGroups: []string{group}, Apart: true,
	})
	l.must(err)
	r.change(besides(everyFeature(t, "aws"), named))
	clear(r.denied)
	r.during(func() { l.passWith(20*time.Minute, keys...) })
	if got := l.admitted(group); len(got) == 0 {
		t.Error("with the feature, the group has no rule")
	}
	r.judgeDenied("with the feature")
}
