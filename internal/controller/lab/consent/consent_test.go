package consent

import (
	"strings"
	"testing"
	"time"

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

const sharedWith, deletableBy = "elbv2.k8s.aws/shared-with", "elbv2.k8s.aws/deletable-by"

func tag(l *lab.Lab, arn, key, value string) {
	l.Helper()
	_, err := l.Sim.Balancing.AddTags(l.Context(), &elbv2.AddTagsInput{ResourceArns: []string{arn}, Tags: []elbtypes.Tag{
		{Key: &key, Value: &value}}})
	l.Must(err)
}

func withdraw(l *lab.Lab, arn, key string) {
	l.Helper()
	_, err := l.Sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{arn},
		TagKeys: []string{key}})
	l.Must(err)
}

// allowing has the controller run with a value of --existing-load-balancers.
func allowing(l *lab.Lab, list ...string) {
	l.Helper()
	l.Config.ExistingLoadBalancers = list
	l.Restart()
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
				l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
				allowing(l, c.flag)
				arn := platform(l)
				if c.tag != "" {
					tag(l, arn, sharedWith, c.tag)
				}
				theirs, mark := l.Others(), l.Mark()
				a := onPlatform()
				a["ownership"] = ownership
				for _, named := range []string{"platform", arn} {
					a["existing-load-balancer"] = named
					l.Create(lab.Ingress("web", a, "web"))
					l.Settle(lab.Key("web"))
					if diff := cmp.Diff(theirs, l.Others()); diff != "" || len(l.Writes(mark)) > 0 {
						t.Fatalf("it writes %v; what is others' is changed (-want +got):\n%s", l.Writes(mark), diff)
					}
					if !l.Told("web", "[LoadBalancerNotAllowed]", "--existing-load-balancers=shop=platform", sharedWith+
						": demo-cluster/shop") {
						t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
					}
					l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
					l.Settle(lab.Key("web"))
				}
				if diff := cmp.Diff(theirs, l.Others()); diff != "" || l.Get(&networkingv1.Ingress{}, "web") {
					t.Errorf("once it is deleted, what is others' is changed (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestWithdrawnConsentKeepsWhatServes(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("api"))
	allowing(l)
	arn := platform(l)
	tag(l, arn, sharedWith, "demo-cluster")
	l.Create(lab.Ingress("web", onPlatform(), "web"))
	l.Settle(lab.Key("web"))
	before := rulesOn(l, arn, 80)
	if len(before) == 0 {
		t.Fatalf("no rules:\n%s", strings.Join(l.Events, "\n"))
	}
	edit := func() {
		l.Edit("web", func(i *networkingv1.Ingress) {
			i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":80},{"HTTP":8080}]`
		})
	}

	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "unread", Action: "DescribeTags", Code: "Throttling", Status: 400,
		Message: "Rate exceeded"})
	l.Must(err)
	mark := l.Mark()
	edit()
	for range 3 {
		_, _ = l.Round(lab.Key("web"))
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("while its consent cannot be read, it writes %v", w)
	}
	l.Sim.Gate.RemoveFault("unread")

	withdraw(l, arn, sharedWith)
	mark = l.Mark()
	edit()
	l.Settle(lab.Key("web"))
	l.Restart()
	l.Settle(lab.Key("web"))
	if w := l.Writes(mark); len(w) > 0 || !l.Told("web", "[LoadBalancerNotAllowed]") {
		t.Errorf("without consent, it writes %v\n%s", w, strings.Join(l.Events, "\n"))
	}
	if diff := cmp.Diff(before, rulesOn(l, arn, 80)); diff != "" {
		t.Errorf("what serves is changed: %s", diff)
	}

	tag(l, arn, sharedWith, "demo-cluster/shop")
	l.Clock.Advance(time.Minute) // tags that were just read are not read again
	l.Settle(lab.Key("web"))
	if len(rulesOn(l, arn, 8080)) == 0 {
		t.Errorf("with consent again, nothing is written:\n%s", strings.Join(l.Events, "\n"))
	}
	withdraw(l, arn, sharedWith)
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
	l.Settle(lab.Key("web"))
	if n := len(rulesOn(l, arn, 80)) + len(rulesOn(l, arn, 8080)); n > 0 || l.Get(&networkingv1.Ingress{}, "web") ||
		l.Balancers() != 1 {
		t.Errorf("once it is deleted, %d rules of its own are left", n)
	}
}

func TestWhoAsksDoesNotApproveOfTakeover(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	allowing(l, "platform") // to every namespace
	arn := platform(l)
	furnished(l, arn)
	listeners := listenersOf(l, arn)
	theirs := formerly(l, arn, listeners)
	untouched := func(when string) {
		t.Helper()
		if diff := cmp.Diff(theirs, formerly(l, arn, listeners)); diff != "" {
			t.Errorf("%s, what the former owner made is changed (-want +got):\n%s", when, diff)
		}
	}
	l.Create(lab.Ingress("web", adopting(nil), "web"))
	l.Settle(lab.Key("web"))
	if balancerOf(l, arn).Tags["elbv2.k8s.aws/adopted"] != "true" || len(rulesOn(l, arn, 80)) == 0 {
		t.Fatalf("tags %v\n%s", balancerOf(l, arn).Tags, strings.Join(l.Events, "\n"))
	}
	l.Annotate("web", "approved-plan", l.LastDigest(0))
	l.Settle(lab.Key("web"))
	untouched("approved of by who takes it over")
	l.Annotate("web", "ownership", "managed")
	l.Settle(lab.Key("web"))
	untouched("once it is managed")
	l.Annotate("web", "deletion-policy", "Delete")
	l.Annotate("web", "allow-deletion", "true")
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
	l.Settle(lab.Key("web"))
	untouched("once its object is deleted")
	if l.Get(&networkingv1.Ingress{}, "web") || !l.Told("web", "[LoadBalancerRetained]", deletableBy+
		": demo-cluster/shop") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
}

func TestClassApprovesOfTakeover(t *testing.T) {
	t.Parallel()
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	class, _ := lab.Class().(*networkingv1.IngressClass)
	class.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &v1beta1.GroupVersion.Group,
		Kind: "IngressClassParams", Name: "p"}
	l := lab.New(t, account.Profile{}, params, class, lab.Service("web"))
	allowing(l, "platform")
	arn := platform(l)
	furnished(l, arn)
	l.Create(lab.Ingress("web", adopting(nil), "web"))
	l.Settle(lab.Key("web"))
	if balancerOf(l, arn).Tags["Owner"] == "" {
		t.Fatal("it is taken over at once")
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(params), params))
	params.Annotations = map[string]string{"elbv2.k8s.aws/approved-plan": l.LastDigest(0)}
	l.Must(l.Client.Update(t.Context(), params))
	l.Settle(lab.Key("web"))
	if balancerOf(l, arn).Tags["Owner"] != "" {
		t.Errorf("the approval of the class does not count:\n%s", strings.Join(l.Events, "\n"))
	}
}

func TestUsersTagsGiveNoConsent(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	l.Create(lab.Ingress("web", map[string]string{"tags": sharedWith + "=demo-cluster/shop," + deletableBy +
		"=demo-cluster"}, "web"))
	l.Settle(lab.Key("web"))
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if lb.Tags[sharedWith]+lb.Tags[deletableBy] != "" {
			t.Errorf("tags %v", lb.Tags)
		}
	}
}

// TestTakeoverBeforeConsentGoesOn has a load balancer that was taken over when nobody had to consent: it has the tags
// of the stack, and no mark.
func TestTakeoverBeforeConsentGoesOn(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	arn := platform(l)
	l.Create(lab.Ingress("web", adopting(nil), "web"))
	l.Settle(lab.Key("web"))
	withdraw(l, arn, "elbv2.k8s.aws/adopted")
	allowing(l)
	mark := l.Mark()
	l.Settle(lab.Key("web"))
	if w := l.Writes(mark); len(w) > 0 || !l.Told("web", "[TakenWithoutConsent]") {
		t.Errorf("after the upgrade, it writes %v\n%s", w, strings.Join(l.Events, "\n"))
	}
	l.Annotate("web", "listen-ports", `[{"HTTP":80},{"HTTP":8080},{"HTTP":7070}]`)
	l.Settle(lab.Key("web"))
	if len(rulesOn(l, arn, 7070)) == 0 {
		t.Errorf("it is not managed any more:\n%s", strings.Join(l.Events, "\n"))
	}
	l.Annotate("web", "deletion-policy", "Delete")
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
	l.Settle(lab.Key("web"))
	if l.Balancers() != 1 || l.Get(&networkingv1.Ingress{}, "web") {
		t.Errorf("%d load balancers", l.Balancers())
	}
}

func TestAnotherStackIsNeverTaken(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string]map[string]string{
		"of this cluster": {"elbv2.k8s.aws/cluster": "demo-cluster", "service.k8s.aws/stack": "finance/net",
			"service.k8s.aws/resource": "LoadBalancer"},
		"of another cluster":  {"elbv2.k8s.aws/cluster": "other"},
		"of the first ones":   {"ingress.k8s.aws/cluster": "demo-cluster"},
		"without its cluster": {"ingress.k8s.aws/stack": "finance/payroll"},
		"of Gateways":         {"gateway.k8s.aws.alb/stack": "finance/payroll"},
		"of EKS Auto Mode":    {"ingress.eks.amazonaws.com/stack": "finance/payroll"},
		"of the cloud's":      {"kubernetes.io/service-name": "finance/payroll"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
			allowing(l, "*", "shop=*")
			arn := l.Foreign("platform")
			tag(l, arn, sharedWith, "demo-cluster/shop")
			for k, v := range tags {
				tag(l, arn, k, v)
			}
			mark := l.Mark()
			for _, ownership := range []string{"shared", "adopted"} {
				a := onPlatform()
				a["ownership"] = ownership
				l.Create(lab.Ingress(ownership, a, "web"))
				l.Settle(lab.Key(ownership))
				if !l.Told(ownership, "[LoadBalancerUnfit]") {
					t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
				}
			}
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("it writes %v", w)
			}
		})
	}
}

func TestSuccessorOfSameNameNeedsConsent(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	allowing(l)
	arn := l.Foreign("platform")
	tag(l, arn, sharedWith, "demo-cluster/shop")
	l.Create(lab.Ingress("web", onPlatform(), "web"))
	l.Settle(lab.Key("web"))
	if len(rulesOn(l, arn, 80)) == 0 {
		t.Fatalf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	_, err := l.Sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{
		LoadBalancerArn: aws.String(arn)})
	l.Must(err)
	next := l.Foreign("platform")
	l.Annotate("web", "listen-ports", `[{"HTTP":8080}]`)
	for range 5 {
		_, _ = l.Round(lab.Key("web"))
		l.Clock.Advance(10 * 60e9)
	}
	if lb := balancerOf(l, next); len(lb.Listeners) > 0 || len(lb.Tags) > 0 {
		t.Errorf("its successor has %d listeners, tags %v", len(lb.Listeners), lb.Tags)
	}
}
