package reporting

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

var (
	shop = diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "1"}
	blog = diag.Object{Kind: "Ingress", Namespace: "blog", Name: "web", UID: "2"}
)

// served is a pass that found all well.
func served() Pass {
	lb := stack.Literal(stack.KindLoadBalancer, "arn:lb")
	listener := stack.Literal(stack.KindListener, "arn:l80")
	conditions := func(path string) []stack.Condition {
		return []stack.Condition{{Field: stack.HostHeader, Values: []string{"example.com"}},
			{Field: stack.PathPattern, Values: []string{path}}}
	}
	return Pass{
		Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}, Members: []Member{{Object: shop, Generation: 3},
			{Object: blog, Generation: 1}}, Now: time.Unix(1000, 5),
		Observed: &awsop.Observed{
			LoadBalancers: []awsop.LoadBalancer{
				{ARN: "arn:old", State: "provisioning", LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity}},
				{ARN: "arn:lb", DNSName: "K8s-Front.example", HostedZone: "Z1", State: "active", LoadBalancer: stack.LoadBalancer{
					ID: stack.LoadBalancerIdentity, Name: "k8s-front", Type: stack.Application, Scheme: stack.Internal}},
			},
			Listeners: []awsop.Listener{{ARN: "arn:l80", Listener: stack.Listener{ID: "80", Port: 80, Protocol: "HTTP",
				LoadBalancer: lb}}},
			// The tags are of a time when the order was another one.
			Rules: []awsop.Rule{
				{ARN: "arn:r2", Priority: 20, Rule: stack.Rule{ID: "80:1", Listener: listener, Conditions: conditions("/blog")}},
				{ARN: "arn:r1", Priority: 10, Rule: stack.Rule{ID: "80:2", Listener: listener, Conditions: conditions("/shop")}},
			},
			TargetGroups: []awsop.TargetGroup{
				{ARN: "arn:tg", TargetGroup: stack.TargetGroup{ID: "shop/web:80", Name: "k8s-web"}}},
		},
		Desired: &stack.Stack{Rules: []stack.Rule{
			{ID: "80:1", Listener: stack.Ref{ID: "80"}, Conditions: conditions("/shop")},
			{ID: "80:2", Listener: stack.Ref{ID: "80"}, Conditions: conditions("/blog")},
		}},
		Origins: map[stack.Ref][]diag.Object{
			{Kind: stack.KindRule, ID: "80:1"}: {shop}, {Kind: stack.KindRule, ID: "80:2"}: {blog},
			{Kind: stack.KindTargetGroup, ID: "shop/web:80"}: {shop},
		},
	}
}

// inShort are the conditions in short: Ready, Serving, Reconciling, Stalled.
func inShort(s v1alpha1.LoadBalancerStatus) string {
	var out []string
	for _, c := range s.Conditions {
		out = append(out, c.Type+"="+string(c.Status)+"/"+c.Reason)
	}
	return strings.Join(out, " ")
}

func TestAStatusHoldsWhatIsInAWSAndItsOwners(t *testing.T) {
	t.Parallel()
	s := LoadBalancer(served(), v1alpha1.LoadBalancerStatus{})
	if s.ARN != "arn:lb" || s.DNSName != "k8s-front.example" || s.State != "active" || s.Stack != "front" ||
		s.Owner != "Ingress" {
		t.Errorf("status = %+v", s)
	}
	owner := func(o diag.Object) *v1alpha1.ObjectReference { r := reference(o); return &r }
	want := []v1alpha1.RuleStatus{
		{Port: 80, Priority: 10, ARN: "arn:r1", Match: "host example.com, path /shop", Owner: owner(shop),
			ObservedGeneration: 3},
		{Port: 80, Priority: 20, ARN: "arn:r2", Match: "host example.com, path /blog", Owner: owner(blog),
			ObservedGeneration: 1},
	}
	if d := cmp.Diff(want, s.Rules); d != "" {
		t.Errorf("rules: %s", d)
	}
	if d := cmp.Diff([]string{"arn:old"}, s.OtherARNs); d != "" {
		t.Errorf("others: %s", d)
	}
	if s.Listeners[0].Rules != 2 || s.TargetGroups[0].Owner.Name != "web" || s.Members[0].ObservedGeneration != 3 {
		t.Errorf("status = %+v", s)
	}
	if got := inShort(s); got != "Ready=True/Reconciled Serving=True/Active Reconciling=False/NotReconciling "+
		"Stalled=False/NotStalled" {
		t.Error(got)
	}
	o := &v1alpha1.LoadBalancer{Status: s}
	o.Name = ObjectName(served().Key)
	if key, ok := KeyOf(o); !ok || key != served().Key {
		t.Errorf("key = %v", key)
	}
}

func TestARuleShowsItsWeightsAndTheHealthBehindEach(t *testing.T) {
	t.Parallel()
	canary := func(p *Pass, stable, canary *int32) {
		p.Observed.TargetGroups = append(p.Observed.TargetGroups, awsop.TargetGroup{
			ARN: "arn:tg2", TargetGroup: stack.TargetGroup{ID: "shop/web:81", Name: "k8s-canary"}})
		p.Desired.Bindings = []stack.Binding{
			{ID: "shop/web:80", Namespace: "shop", ServiceName: "web", ServicePort: "http"},
			{ID: "shop/web:81", Namespace: "shop", ServiceName: "canary", ServicePort: "80"},
		}
		p.Observed.Rules[1].Actions = []stack.Action{
			{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
				{TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg"), Weight: stable},
				{TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg2"), Weight: canary},
				{TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:theirs"), Weight: aws.Int32(0)},
			}}}}
		p.Observed.Listeners[0].DefaultActions = []stack.Action{
			{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
				{TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg2")}}}}}
	}
	p := served()
	canary(&p, aws.Int32(90), aws.Int32(10))
	s := LoadBalancer(p, v1alpha1.LoadBalancerStatus{})
	s, _ = WithTargets(s, "arn:tg", Count([]string{"healthy", "healthy", "draining"}, p.Now))
	s, changed := WithTargets(s, "arn:tg2", Count([]string{"initial"}, p.Now))
	service := func(name string) *v1alpha1.ObjectReference {
		return &v1alpha1.ObjectReference{Kind: "Service", Namespace: "shop", Name: name}
	}
	want := []v1alpha1.ForwardStatus{
		{TargetGroup: "arn:theirs"},
		{TargetGroup: "k8s-canary", Service: service("canary"), ServicePort: "80", Weight: 10, Targets: "0/1"},
		{TargetGroup: "k8s-web", Service: service("web"), ServicePort: "http", Weight: 90, Targets: "2/2"},
	}
	if d := cmp.Diff(want, s.Rules[0].Forward); d != "" || !changed {
		t.Error("forward of the rule (-want +got):\n", d)
	}
	if f := s.Listeners[0].Forward; len(f) != 1 || f[0].TargetGroup != "k8s-canary" || f[0].Weight != 1 ||
		f[0].Targets != "0/1" {
		t.Errorf("forward of the default action: %+v", f)
	}
	if f := s.Rules[1].Forward; f != nil {
		t.Errorf("forward of a rule that answers itself: %+v", f)
	}

	// The next weights are refused: the rule shows those that AWS has, and the generation that asked for them.
	p = served()
	canary(&p, aws.Int32(90), aws.Int32(10))
	p.Members[0].Generation++
	p.Found = diag.List{diag.New(shop, "", diag.AccessDenied, "refused", "grant it")}
	p.Failed = true
	if r := LoadBalancer(p, s).Rules[0]; r.ObservedGeneration != 3 || r.Forward[1].Weight != 10 ||
		r.Forward[1].Targets != "0/1" {
		t.Errorf("after a failure: %+v", r)
	}
	p.Found, p.Failed = nil, false
	if r := LoadBalancer(p, s).Rules[0]; r.ObservedGeneration != 4 {
		t.Errorf("after the next pass: %+v", r)
	}
}

func TestConditionsShowWhetherToWaitOrToEdit(t *testing.T) {
	t.Parallel()
	bad := diag.New(shop, "metadata.annotations[x]", diag.InvalidAnnotation, "nonsense", "write sense")
	denied := diag.New(shop, "", diag.AccessDenied, "refused", "grant it")
	for name, test := range map[string]struct {
		change func(*Pass)
		want   string
	}{
		"an edit is needed": {func(p *Pass) { p.Found = diag.List{denied, bad} },
			"Ready=False/InvalidAnnotation Serving=True/Active Reconciling=False/NotReconciling Stalled=True/InvalidAnnotation"},
		"it is tried again": {func(p *Pass) {
			p.Found = diag.List{denied}
		}, "Ready=False/AccessDenied Serving=True/Active Reconciling=True/Retrying Stalled=False/NotStalled"},
		"a note stops nothing": {func(p *Pass) {
			p.Found = diag.List{diag.New(shop, "", diag.UnknownAnnotation, "x", "y")}
		}, "Ready=True/Reconciled Serving=True/Active Reconciling=False/NotReconciling Stalled=False/NotStalled"},
		"AWS has to finish": {func(p *Pass) { p.Waiting = []string{"DeleteSecurityGroup"} },
			"Ready=False/WaitingForAWS Serving=True/Active Reconciling=True/WaitingForAWS Stalled=False/NotStalled"},
		"nothing was made yet": {func(p *Pass) { p.Observed = &awsop.Observed{} },
			"Ready=False/NoLoadBalancer Serving=False/NoLoadBalancer Reconciling=True/NoLoadBalancer Stalled=False/NotStalled"},
		"AWS is still making it": {func(p *Pass) { p.Observed.LoadBalancers = p.Observed.LoadBalancers[:1] },
			"Ready=False/Provisioning Serving=False/Provisioning Reconciling=True/Provisioning Stalled=False/NotStalled"},
		"AWS failed": {func(p *Pass) {
			p.Observed.LoadBalancers[1].State = "failed"
			p.Observed.LoadBalancers[0].State = "failed"
		}, "Ready=False/Failed Serving=False/Failed Reconciling=True/Failed Stalled=False/NotStalled"},
		"everybody left": {func(p *Pass) {
			p.Members = nil
		}, "Ready=False/Deleting Serving=True/Active Reconciling=True/Deleting Stalled=False/NotStalled"},
		"what exists is not known": {func(p *Pass) { p.Observed = nil; p.Found = diag.List{denied} },
			"Ready=False/AccessDenied Serving=False/NoLoadBalancer Reconciling=True/Retrying Stalled=False/NotStalled"},
		"protection keeps it": {func(p *Pass) {
			p.Members = nil
			p.Found = diag.List{diag.New(shop, "", diag.DeletionProtected, "x", "y")}
		}, "Ready=False/DeletionProtected Serving=True/Active Reconciling=False/NotReconciling " +
			"Stalled=True/DeletionProtected"},
	} {
		p := served()
		test.change(&p)
		if got := inShort(LoadBalancer(p, v1alpha1.LoadBalancerStatus{})); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

func TestEqualPassesGiveEqualStatuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Pass, int){
		"all well": func(*Pass, int) {},
		"a failure that differs in its request id": func(p *Pass, n int) {
			d := diag.New(shop, "", diag.AccessDenied, "refused", "grant it")
			d.RequestID = strings.Repeat("x", n)
			p.Found = diag.List{d}
			p.Summary, p.Steps, p.Failed = "1 to create", []timeline.Step{{Text: "CreateRule 80:1"}}, true
		},
	} {
		var s v1alpha1.LoadBalancerStatus
		for n := range 3 {
			p := served()
			p.Now = p.Now.Add(time.Duration(n) * time.Minute)
			change(&p, n+1)
			next := LoadBalancer(p, s)
			if n > 0 && !equality.Semantic.DeepEqual(s, next) {
				t.Errorf("%s: pass %d: %s", name, n, cmp.Diff(s, next))
			}
			s = next
		}
		if name != "all well" && (s.LastError == nil || s.LastError.RequestID != "x" || s.LastPlan.Result != "Failed") {
			t.Errorf("%s: %+v %+v", name, s.LastError, s.LastPlan)
		}
	}
}

func TestLastErrorStaysAfterRecovery(t *testing.T) {
	t.Parallel()
	p := served()
	p.Found = diag.List{diag.New(shop, "spec", diag.AccessDenied, "refused", "grant it")}
	s := LoadBalancer(p, v1alpha1.LoadBalancerStatus{})
	well := served()
	well.Now = well.Now.Add(time.Hour)
	s = LoadBalancer(well, s)
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if ready.Status != metav1.ConditionTrue || !ready.LastTransitionTime.Time.Equal(well.Now.Truncate(time.Second)) {
		t.Errorf("ready = %+v", ready)
	}
	if s.LastError == nil || s.LastError.Code != "AccessDenied" || len(s.Findings) != 0 {
		t.Errorf("last error = %+v, findings = %v", s.LastError, s.Findings)
	}
	p.Now = p.Now.Add(2 * time.Hour)
	if again := LoadBalancer(p, s); again.LastError.Time.Equal(&s.LastError.Time) {
		t.Error("a failure that came back has its old time")
	}
}

func TestHealthIsCountedOverAllGroupsAndKeptByPasses(t *testing.T) {
	t.Parallel()
	s := LoadBalancer(served(), v1alpha1.LoadBalancerStatus{})
	c := Count([]string{"healthy", "unhealthy", "initial", "draining", "unhealthy.draining", "unused"}, time.Unix(5, 0))
	s, changed := WithTargets(s, "arn:tg", c)
	if !changed || s.Targets != "1/4" || s.TargetGroups[0].Targets.Draining != 2 || s.TargetGroups[0].Targets.Other != 1 {
		t.Errorf("changed %t, %+v", changed, s.TargetGroups[0].Targets)
	}
	c.ObservedTime = metav1.Unix(9, 0)
	if _, changed = WithTargets(s, "arn:tg", c); changed {
		t.Error("equal counts of another time are a change")
	}
	if _, changed = WithTargets(s, "arn:other", c); changed {
		t.Error("a foreign target group changes the status")
	}
	if next := LoadBalancer(served(), s); next.Targets != "1/4" {
		t.Errorf("after a pass: %q", next.Targets)
	}
}

func TestNamesOfObjectsAreShortEnoughAndDistinct(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 250)
	names := map[string]bool{}
	for _, key := range []stack.Key{
		{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}},
		{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}},
		{Owner: stack.Ingress, ID: stack.ID{Name: "web"}}, {Owner: stack.Ingress, ID: stack.ID{Name: "web-1"}},
		{Owner: stack.Ingress, ID: stack.ID{Name: "web_1"}},
		{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: long + "b"}},
		{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: long + "c"}},
	} {
		name := ObjectName(key)
		if names[name] || len(name) > 253 {
			t.Errorf("%s: %s", key, name)
		}
		names[name] = true
	}
	if !names["ingress-web"] || !names["service-web"] || !names["group-web"] || !names["group-web-1"] ||
		!names["shard-web-1"] {
		t.Errorf("%v", names)
	}
}
