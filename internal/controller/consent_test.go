package controller

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

const sharedWith, deletableBy = "elbv2.k8s.aws/shared-with", "elbv2.k8s.aws/deletable-by"

func (l *lab) tag(arn, key, value string) {
	l.Helper()
	_, err := l.sim.Balancing.AddTags(l.Context(), &elbv2.AddTagsInput{ResourceArns: []string{arn}, Tags: []elbtypes.Tag{{Key: &key, Value: &value}}})
	l.must(err)
}

func (l *lab) withdraw(arn, key string) {
	l.Helper()
	_, err := l.sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: []string{key}})
	l.must(err)
}

// allowing has the controller run with a value of --existing-load-balancers.
func (l *lab) allowing(list ...string) {
	l.Helper()
	l.config.ExistingLoadBalancers = list
	l.restart()
}

// onPlatform are annotations of an Ingress that shares load balancer platform.
func onPlatform() map[string]string {
	return map[string]string{"scheme": "internal", "ownership": "shared", "existing-load-balancer": "platform"}
}

func TestNothingOfOthersIsTouchedWithoutConsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flag string
		tag  string
	}{
		"none":                        {},
		"the flag for another":        {flag: "finance=*"},
		"the flag of another one":     {flag: "shop=payroll"},
		"the tag for another":         {tag: "demo-cluster/finance"},
		"the tag for another cluster": {tag: "demo"},
	} {
		for _, ownership := range []string{"shared", "adopted"} {
			t.Run(name+", "+ownership, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, account.Profile{}, labClass(), labService("web"))
				l.allowing(c.flag)
				arn := l.platform()
				if c.tag != "" {
					l.tag(arn, sharedWith, c.tag)
				}
				theirs, mark := l.others(), l.mark()
				a := onPlatform()
				a["ownership"] = ownership
				for _, named := range []string{"platform", arn} {
					a["existing-load-balancer"] = named
					l.create(labIngress("web", a, "web"))
					l.settle(implicit("web"))
					if diff := cmp.Diff(theirs, l.others()); diff != "" || len(l.writes(mark)) > 0 {
						t.Fatalf("it writes %v; what is others' is changed (-want +got):\n%s", l.writes(mark), diff)
					}
					if !l.told("web", "[LoadBalancerNotAllowed]", "--existing-load-balancers=shop=platform", sharedWith+": demo-cluster/shop") {
						t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
					}
					l.must(l.client.Delete(t.Context(), labIngress("web", nil)))
					l.settle(implicit("web"))
				}
				if diff := cmp.Diff(theirs, l.others()); diff != "" || l.get(&networkingv1.Ingress{}, "web") {
					t.Errorf("once it is deleted, what is others' is changed (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestWithdrawnConsentKeepsWhatServes(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("api"))
	l.allowing()
	arn := l.platform()
	l.tag(arn, sharedWith, "demo-cluster")
	l.create(labIngress("web", onPlatform(), "web"))
	l.settle(implicit("web"))
	before := l.rulesOn(arn, 80)
	if len(before) == 0 {
		t.Fatalf("no rules:\n%s", strings.Join(l.events, "\n"))
	}
	edit := func() {
		l.edit("web", func(i *networkingv1.Ingress) {
			i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":80},{"HTTP":8080}]`
		})
	}

	_, err := l.sim.Gate.AddFault(gate.Fault{ID: "unread", Action: "DescribeTags", Code: "Throttling", Status: 400, Message: "Rate exceeded"})
	l.must(err)
	mark := l.mark()
	edit()
	for range 3 {
		_, _ = l.round(implicit("web"))
	}
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("while its consent cannot be read, it writes %v", w)
	}
	l.sim.Gate.RemoveFault("unread")

	l.withdraw(arn, sharedWith)
	mark = l.mark()
	edit()
	l.settle(implicit("web"))
	l.restart()
	l.settle(implicit("web"))
	if w := l.writes(mark); len(w) > 0 || !l.told("web", "[LoadBalancerNotAllowed]") {
		t.Errorf("without consent, it writes %v\n%s", w, strings.Join(l.events, "\n"))
	}
	if diff := cmp.Diff(before, l.rulesOn(arn, 80)); diff != "" {
		t.Errorf("what serves is changed: %s", diff)
	}

	l.tag(arn, sharedWith, "demo-cluster/shop")
	l.settle(implicit("web"))
	if len(l.rulesOn(arn, 8080)) == 0 {
		t.Errorf("with consent again, nothing is written:\n%s", strings.Join(l.events, "\n"))
	}
	l.withdraw(arn, sharedWith)
	l.must(l.client.Delete(t.Context(), labIngress("web", nil)))
	l.settle(implicit("web"))
	if n := len(l.rulesOn(arn, 80)) + len(l.rulesOn(arn, 8080)); n > 0 || l.get(&networkingv1.Ingress{}, "web") || l.balancers() != 1 {
		t.Errorf("once it is deleted, %d rules of its own are left", n)
	}
}

func TestWhoAsksDoesNotApproveOfTakeover(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	l.allowing("platform") // to every namespace
	arn := l.platform()
	l.furnished(arn)
	listeners := l.listenersOf(arn)
	theirs := l.formerly(arn, listeners)
	untouched := func(when string) {
		t.Helper()
		if diff := cmp.Diff(theirs, l.formerly(arn, listeners)); diff != "" {
			t.Errorf("%s, what the former owner made is changed (-want +got):\n%s", when, diff)
		}
	}
	l.create(labIngress("web", adopting(nil), "web"))
	l.settle(implicit("web"))
	if l.balancerOf(arn).Tags["elbv2.k8s.aws/adopted"] != "true" || len(l.rulesOn(arn, 80)) == 0 {
		t.Fatalf("tags %v\n%s", l.balancerOf(arn).Tags, strings.Join(l.events, "\n"))
	}
	l.annotate("web", "approved-plan", l.lastDigest(0))
	l.settle(implicit("web"))
	untouched("approved of by who takes it over")
	l.annotate("web", "ownership", "managed")
	l.settle(implicit("web"))
	untouched("once it is managed")
	l.annotate("web", "deletion-policy", "Delete")
	l.annotate("web", "allow-deletion", "true")
	l.must(l.client.Delete(t.Context(), labIngress("web", nil)))
	l.settle(implicit("web"))
	untouched("once its object is deleted")
	if l.get(&networkingv1.Ingress{}, "web") || !l.told("web", "[LoadBalancerRetained]", deletableBy+": demo-cluster/shop") {
		t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
	}
}

func TestClassApprovesOfTakeover(t *testing.T) {
	t.Parallel()
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	class, _ := labClass().(*networkingv1.IngressClass)
	class.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &v1beta1.GroupVersion.Group, Kind: "IngressClassParams", Name: "p"}
	l := newLab(t, account.Profile{}, params, class, labService("web"))
	l.allowing("platform")
	arn := l.platform()
	l.furnished(arn)
	l.create(labIngress("web", adopting(nil), "web"))
	l.settle(implicit("web"))
	if l.balancerOf(arn).Tags["Owner"] == "" {
		t.Fatal("it is taken over at once")
	}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(params), params))
	params.Annotations = map[string]string{"elbv2.k8s.aws/approved-plan": l.lastDigest(0)}
	l.must(l.client.Update(t.Context(), params))
	l.settle(implicit("web"))
	if l.balancerOf(arn).Tags["Owner"] != "" {
		t.Errorf("the approval of the class does not count:\n%s", strings.Join(l.events, "\n"))
	}
}

func TestUsersTagsGiveNoConsent(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	l.create(labIngress("web", map[string]string{"tags": sharedWith + "=demo-cluster/shop," + deletableBy + "=demo-cluster"}, "web"))
	l.settle(implicit("web"))
	for _, lb := range l.sim.Resources().LoadBalancers {
		if lb.Tags[sharedWith]+lb.Tags[deletableBy] != "" {
			t.Errorf("tags %v", lb.Tags)
		}
	}
}

// TestTakeoverBeforeConsentGoesOn has a load balancer that was taken over when nobody had to consent: it has the tags of the stack, and no mark.
func TestTakeoverBeforeConsentGoesOn(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	arn := l.platform()
	l.create(labIngress("web", adopting(nil), "web"))
	l.settle(implicit("web"))
	l.withdraw(arn, "elbv2.k8s.aws/adopted")
	l.allowing()
	mark := l.mark()
	l.settle(implicit("web"))
	if w := l.writes(mark); len(w) > 0 || !l.told("web", "[TakenWithoutConsent]") {
		t.Errorf("after the upgrade, it writes %v\n%s", w, strings.Join(l.events, "\n"))
	}
	l.annotate("web", "listen-ports", `[{"HTTP":80},{"HTTP":8080},{"HTTP":7070}]`)
	l.settle(implicit("web"))
	if len(l.rulesOn(arn, 7070)) == 0 {
		t.Errorf("it is not managed any more:\n%s", strings.Join(l.events, "\n"))
	}
	l.annotate("web", "deletion-policy", "Delete")
	l.must(l.client.Delete(t.Context(), labIngress("web", nil)))
	l.settle(implicit("web"))
	if l.balancers() != 1 || l.get(&networkingv1.Ingress{}, "web") {
		t.Errorf("%d load balancers", l.balancers())
	}
}

func TestAnotherStackIsNeverTaken(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string]map[string]string{
		"of this cluster":     {"elbv2.k8s.aws/cluster": "demo-cluster", "service.k8s.aws/stack": "finance/net", "service.k8s.aws/resource": "LoadBalancer"},
		"of another cluster":  {"elbv2.k8s.aws/cluster": "other"},
		"of the first ones":   {"ingress.k8s.aws/cluster": "demo-cluster"},
		"without its cluster": {"ingress.k8s.aws/stack": "finance/payroll"},
		"of Gateways":         {"gateway.k8s.aws.alb/stack": "finance/payroll"},
		"of EKS Auto Mode":    {"ingress.eks.amazonaws.com/stack": "finance/payroll"},
		"of the cloud's":      {"kubernetes.io/service-name": "finance/payroll"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"))
			l.allowing("*", "shop=*")
			arn := l.foreign("platform")
			l.tag(arn, sharedWith, "demo-cluster/shop")
			for k, v := range tags {
				l.tag(arn, k, v)
			}
			mark := l.mark()
			for _, ownership := range []string{"shared", "adopted"} {
				a := onPlatform()
				a["ownership"] = ownership
				l.create(labIngress(ownership, a, "web"))
				l.settle(implicit(ownership))
				if !l.told(ownership, "[LoadBalancerUnfit]") {
					t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
				}
			}
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("it writes %v", w)
			}
		})
	}
}

func TestSuccessorOfSameNameNeedsConsent(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	l.allowing()
	arn := l.foreign("platform")
	l.tag(arn, sharedWith, "demo-cluster/shop")
	l.create(labIngress("web", onPlatform(), "web"))
	l.settle(implicit("web"))
	if len(l.rulesOn(arn, 80)) == 0 {
		t.Fatalf("events:\n%s", strings.Join(l.events, "\n"))
	}
	_, err := l.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(arn)})
	l.must(err)
	next := l.foreign("platform")
	l.annotate("web", "listen-ports", `[{"HTTP":8080}]`)
	for range 5 {
		_, _ = l.round(implicit("web"))
		l.clock.Advance(10 * 60e9)
	}
	if lb := l.balancerOf(next); len(lb.Listeners) > 0 || len(lb.Tags) > 0 {
		t.Errorf("its successor has %d listeners, tags %v", len(lb.Listeners), lb.Tags)
	}
}
