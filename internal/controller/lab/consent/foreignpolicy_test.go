package consent

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// forPlatform is the smallest policy of a controller whose objects may use load balancer platform.
func forPlatform(t *testing.T) iampolicy.Document {
	t.Helper()
	d, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
		Cluster: "demo-cluster", VPC: lab.VPC, Features: []iampolicy.Feature{iampolicy.ExistingBalancers}, Existing: []string{
			"platform"}, Apart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return lab.Besides(lab.EveryFeature(t, "aws"), d)
}

func TestSharedLoadBalancerNeedsFeatureOnly(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("api"))
	arn, key := platform(l), lab.Key("web")
	theirs := l.Others()
	r := l.Hold(forPlatform(t))
	a := onPlatform()
	a["listen-ports"] = `[{"HTTP":80},{"HTTP":7070}]`
	l.Create(lab.Ingress("web", a, "web"))
	r.During(func() { l.Settle(key) })
	if len(rulesOn(l, arn, 80)) == 0 || len(rulesOn(l, arn, 7070)) == 0 {
		t.Errorf("rules at 80: %v, at 7070: %v\n%s", rulesOn(l, arn, 80), rulesOn(l, arn, 7070), strings.Join(l.Events, "\n"))
	}
	r.JudgeDenied("created")
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/tags"] = "team=shop"
		i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":80}]`
		paths := i.Spec.Rules[0].HTTP
		more := paths.Paths[0]
		more.Path, more.Backend.Service = "/more", &networkingv1.IngressServiceBackend{
			Name: "api", Port: more.Backend.Service.Port}
		paths.Paths = append(paths.Paths, more)
	})
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("edited")
	l.Remove("web")
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("deleted")
	if diff := cmp.Diff(theirs, l.Others()); diff != "" || len(rulesOn(l, arn, 7070)) > 0 {
		t.Errorf("what is others' is changed (-want +got):\n%s", diff)
	}
}

func TestAdoptedLoadBalancerNeedsFeatureOnly(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	arn, key := platform(l), lab.Key("web")
	furnished(l, arn)
	r := l.Hold(forPlatform(t))
	l.Create(lab.Ingress("web", adopting(nil), "web"))
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("taken over")
	l.Annotate("web", "approved-plan", l.LastDigest(0))
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("approved")
	if got := listenersOf(l, arn); len(got) != 2 || balancerOf(l, arn).Attributes["idle_timeout.timeout_seconds"] !=
		"100" {
		t.Errorf("once approved, listeners %v, attributes %v", got, balancerOf(l, arn).Attributes)
	}
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/ownership"] = "managed"
		delete(i.Annotations, "alb.ingress.kubernetes.io/approved-plan")
	})
	tag(l, arn, deletableBy, "demo-cluster")
	r.During(func() { l.Settle(key) })
	l.Remove("web")
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("deleted")
	if l.Balancers() != 0 {
		t.Error("the load balancer is there")
	}
}

// TestLoadBalancersOfOthersNeedFeature has consent by the flag, and IAM refuse all the same.
func TestLoadBalancersOfOthersNeedFeature(t *testing.T) {
	t.Parallel()
	for name, annotations := range map[string]map[string]string{"shared": onPlatform(), "adopted": adopting(nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
			platform(l)
			theirs := l.Others()
			r := l.Hold(lab.EveryFeature(t, "aws"))
			l.Create(lab.Ingress("web", annotations, "web"))
			r.During(func() {
				for range 5 {
					_, _ = l.Round(lab.Key("web"))
					l.Clock.Advance(time.Minute)
				}
			})
			if diff := cmp.Diff(theirs, l.Others()); diff != "" {
				t.Errorf("what is others' is changed (-want +got):\n%s", diff)
			}
			if !l.Told("web", "Untagged with feature existing-load-balancers or untagged-listeners") {
				t.Errorf("no event names the feature:\n%s", strings.Join(l.Events, "\n"))
			}
		})
	}
}

func TestBindingToForeignTargetGroupNeedsFeature(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("s1"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Checkpointed = true // else all that is registered when a process starts stays
	l.Restart()
	l.Create(lab.ChaosEndpoints("s1", "a", lab.SoakAddress(1, 0))...)
	bound := lab.Binding(l.TargetGroup("ip"), v1beta1.TargetTypeIP)
	bound.Spec.ServiceRef.Name, bound.Spec.Networking = "s1", nil
	l.Create(bound)
	r := l.Hold(lab.EveryFeature(t, "aws"))
	r.During(func() { l.PassWith(15 * time.Minute) })
	if got := l.TargetsOf("theirs"); len(got) > 0 || r.Denied["elasticloadbalancing:RegisterTargets"] == 0 {
		t.Errorf("targets %v, denied %v", got, r.Denied)
	}
	if said := strings.Join(l.Events, "\n"); !strings.Contains(said,
		"or ForeignTargetGroups with feature foreign-target-groups, of lbc iam-policy") {
		t.Errorf("no event names the feature:\n%s", said)
	}
	r.Change(lab.Besides(lab.EveryFeature(t, "aws"), lab.Beside(t, "aws", iampolicy.ForeignTargetGroups)))
	clear(r.Denied)
	r.During(func() { l.PassWith(20 * time.Minute) })
	if got := l.TargetsOf("theirs"); !slices.Equal(got, []string{lab.SoakAddress(1, 0) + ":8080"}) {
		t.Errorf("with the feature, targets %v", got)
	}
	r.JudgeDenied("with the feature")
}

// TestUntaggedListenersNeedFeature has the gate off, as an installation may have had it.
func TestUntaggedListenersNeedFeature(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("api"))
	l.Flags("--feature-gates=ListenerRulesTagging=false")
	l.Restart()
	key := lab.Key("web")
	full := lab.Besides(lab.EveryFeature(t, "aws"), lab.Beside(t, "aws", iampolicy.UntaggedListeners))
	r := l.Hold(full)
	l.Create(lab.Ingress("web", nil, "web"))
	r.During(func() { l.Settle(key) })
	l.Annotate("web", "listen-ports", `[{"HTTP":80},{"HTTP":8080}]`)
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("with the gate off")
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if len(lb.Listeners) != 2 || len(lb.Listeners[0].Tags) > 0 {
			t.Fatalf("listeners %+v", lb.Listeners)
		}
	}
	l.Flags("--feature-gates=ListenerRulesTagging=true")
	l.Restart()
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("with the gate on")
	r.Change(lab.EveryFeature(t, "aws")) // all has tags now
	l.Annotate("web", "listen-ports", `[{"HTTP":80}]`)
	r.During(func() { l.Settle(key) })
	l.Remove("web")
	r.During(func() { l.Settle(key) })
	r.JudgeDenied("once all has tags")
	if l.Balancers() != 0 {
		t.Error("the load balancer is there")
	}
}

func TestSecurityGroupsOfOthersNeedFeature(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Node("fargate", "aws:///us-west-2a/8c1d/fargate-ip-10-0-128-60"))
	l.Flags("--default-target-type=ip")
	group := l.SecurityGroup("pods")
	pods := l.NetworkInterface(group, 0)
	l.Create(lab.ChaosEndpoints("web", "fargate", *pods.PrivateIpAddress)...)
	l.Restart()
	r := l.Hold(lab.EveryFeature(t, "aws"))
	l.Create(lab.Ingress("web", nil, "web"))
	keys := []stack.Key{lab.Key("web")}
	r.During(func() { l.PassWith(15*time.Minute, keys...) })
	if got := l.Admitted(group); len(got) > 0 || r.Denied["ec2:AuthorizeSecurityGroupIngress"] == 0 {
		t.Errorf("rules %v, denied %v", got, r.Denied)
	}
	if said := strings.Join(l.Events, "\n"); !strings.Contains(said,
		"or ForeignSecurityGroups with feature foreign-security-groups, of lbc iam-policy") {
		t.Errorf("no event names the feature:\n%s", said)
	}
	named, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
		Cluster: "demo-cluster", VPC: lab.VPC, Features: []iampolicy.Feature{iampolicy.ForeignSecurityGroups},
		SecurityGroups: []string{group}, Apart: true,
	})
	l.Must(err)
	r.Change(lab.Besides(lab.EveryFeature(t, "aws"), named))
	clear(r.Denied)
	r.During(func() { l.PassWith(20*time.Minute, keys...) })
	if got := l.Admitted(group); len(got) == 0 {
		t.Error("with the feature, the group has no rule")
	}
	r.JudgeDenied("with the feature")
}
