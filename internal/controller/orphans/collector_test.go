package orphans

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/go-logr/logr/funcr"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// fake is an account, a cluster and a clock.
type fake struct {
	held       []stack.Key
	err        error // of reads of AWS
	disowned   []string
	synced     bool
	cached     objects.Snapshot
	live       objects.Snapshot
	unreadable error // of the API server
	declared   []stack.Key
	bindings   []awsop.Binding
	came       map[stack.Key][]string
	targets    []namesake.Target
	shared     namesake.Shared
	groups     bool // each stack has a target group

	now     time.Time
	deleted []string
	events  []string
	lines   []string
	looks   int // at AWS
}

const (
	arn   = "arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/app/left/0a"
	group = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/left/0a"
	after = 10 * time.Minute
)

func key(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

func (f *fake) Keys(context.Context) ([]stack.Key, error) {
	f.looks++
	return f.held, f.err
}

func (f *fake) Listed(k stack.Key) awsop.Observed {
	if !slices.Contains(f.held, k) {
		return awsop.Observed{Key: k}
	}
	o := awsop.Observed{Key: k, LoadBalancers: []awsop.LoadBalancer{{ARN: arn + k.ID.Name, LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Name: k.ID.Name, Type: stack.Application}}}}
	if f.groups {
		o.TargetGroups = []awsop.TargetGroup{{ARN: group + k.ID.Name, TargetGroup: stack.TargetGroup{ID: "group", Name: k.ID.Name + "-tg", HealthCheck: stack.HealthCheck{IntervalSeconds: 30, TimeoutSeconds: 10, UnhealthyThreshold: 2}}}}
	}
	return o
}

func (f *fake) Invalidate(stack.Key) {}

func (f *fake) Observed(_ context.Context, k stack.Key, _ *stack.Stack) (awsop.Observed, error) {
	return f.Listed(k), f.err
}

func (f *fake) Disowned(context.Context, stack.Key, []string) ([]string, error) {
	return f.disowned, nil
}
func (f *fake) LoadBalancers() int        { return len(f.held) }
func (f *fake) Came(k stack.Key) []string { return f.came[k] }

// failing is a reader of an API server that does not answer.
type failing struct {
	objects.Snapshot
	err error
}

func (f failing) Err() error { return f.err }

func (f *fake) collector(quarantine time.Duration) *Collector {
	if f.now.IsZero() {
		f.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if f.cached == nil {
		f.cached = objects.Snapshot{}
	}
	if f.live == nil {
		f.live = f.cached
	}
	return &Collector{
		Shared: &f.shared, Targets: func(context.Context, string) ([]namesake.Target, error) { return f.targets, nil },
		Account: f, Cluster: "demo", VPC: "vpc-1", After: quarantine,
		Cached:   func(context.Context) objects.Reader { return f.cached },
		Live:     func(context.Context) objects.Reader { return failing{f.live, f.unreadable} },
		Synced:   func(context.Context) bool { return f.synced },
		Declared: func() []stack.Key { return f.declared },
		Serves:   func(of stack.Owner) bool { return of == stack.Ingress },
		Bindings: func(context.Context, stack.Key) ([]awsop.Binding, error) { return f.bindings, nil },
		Run: func(_ context.Context, p plan.Plan) apply.Result {
			out := apply.Result{Outcomes: map[plan.StepID]apply.Outcome{}}
			for _, s := range p.Steps {
				if s.Guard != nil {
					out.Outcomes[s.ID] = apply.Outcome{State: apply.Refused, Problem: diag.New(diag.Object{}, "", s.Guard.Code, s.Guard.Text, s.Guard.Remedy)}
					continue
				}
				out.Outcomes[s.ID] = apply.Outcome{State: apply.Done}
				if _, ok := s.Op.(awsop.DeleteLoadBalancer); ok {
					f.deleted = append(f.deleted, p.Key.ID.Name)
					f.held = slices.DeleteFunc(slices.Clone(f.held), func(k stack.Key) bool { return k == p.Key })
				}
			}
			return out
		},
		Subject: func(context.Context, stack.Key) (diag.Object, bool) {
			return diag.Object{Kind: "IngressClass", Name: "alb"}, true
		},
		Record: func(o diag.Object, e reporting.Event) {
			f.events = append(f.events, o.String()+" "+e.Type+" "+e.Reason+" "+e.Message)
		},
		Now: func() time.Time { return f.now },
		Log: funcr.New(func(_, args string) { f.lines = append(f.lines, args) }, funcr.Options{}),
	}
}

// look looks n times.
func (f *fake) look(t *testing.T, c *Collector, n int) {
	t.Helper()
	for range n {
		c.Look(t.Context())
		f.now = f.now.Add(time.Minute)
	}
}

func TestAnOrphanIsReportedByTwoLooksAndStaysWithoutTheFlag(t *testing.T) {
	t.Parallel()
	f := &fake{held: []stack.Key{key("left"), key("served")}, declared: []stack.Key{key("served")}, synced: true}
	c := f.collector(0)
	if f.look(t, c, 1); c.Count() != 0 || len(f.events)+len(f.lines) > 0 {
		t.Errorf("one look reports %d: %q", c.Count(), f.events)
	}
	if f.look(t, c, 40); c.Count() != 1 || len(f.events) != 1 || len(f.lines) != 1 || len(f.deleted) > 0 {
		t.Fatalf("reported: %d, events %q, log %q, deleted %q", c.Count(), f.events, f.lines, f.deleted)
	}
	for _, want := range []string{"IngressClass alb Warning Orphaned", "ingress.k8s.aws/stack=shop/left", "LoadBalancer left", "since 2026-01-01T00:00:00Z", "there is no Ingress shop/left", "lbc cleanup --stack ingress.k8s.aws:shop/left"} {
		if !strings.Contains(f.events[0], want) {
			t.Errorf("the event lacks %q: %s", want, f.events[0])
		}
	}
	if !strings.Contains(f.lines[0], "aws elbv2 remove-tags --resource-arns "+arn) {
		t.Errorf("the log does not say how to keep it: %s", f.lines[0])
	}
	if f.look(t, c, 30); len(f.events) != 2 {
		t.Errorf("%d events in more than an hour", len(f.events))
	}
	f.declared = append(f.declared, key("left"))
	if f.look(t, c, 1); c.Count() != 0 {
		t.Error("a stack whose object is back counts")
	}
}

func TestAnOrphanIsDeletedAfterTheQuarantineOnly(t *testing.T) {
	t.Parallel()
	f := &fake{held: []stack.Key{key("left"), key("served")}, declared: []stack.Key{key("served")}, synced: true}
	c := f.collector(after)
	if f.look(t, c, 10); len(f.deleted) > 0 {
		t.Fatalf("deleted %q within the quarantine", f.deleted)
	}
	if f.look(t, c, 2); !slices.Equal(f.deleted, []string{"left"}) || c.Count() != 0 {
		t.Errorf("deleted %q, %d reported", f.deleted, c.Count())
	}
}

// TestWhatIsNotSeenCompletelyDeletesNothing lets the quarantine pass, and then has something in the way.
func TestWhatIsNotSeenCompletelyDeletesNothing(t *testing.T) {
	t.Parallel()
	web := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "left"}}
	back := objects.Snapshot{}
	back.Put(web)
	for what, c := range map[string]func(f *fake){
		"caches that have not synced":          func(f *fake) { f.synced = false },
		"AWS does not answer":                  func(f *fake) { f.err = errors.New("no answer") },
		"the API server does not answer":       func(f *fake) { f.unreadable = errors.New("no answer") },
		"the object is back in the cache":      func(f *fake) { f.cached = back },
		"the object is back in the API server": func(f *fake) { f.live = back },
		"its tags were taken off":              func(f *fake) { f.disowned = []string{arn} },
		"its target group is shared with clusters": func(f *fake) {
			f.bindings = []awsop.Binding{{Binding: stack.Binding{Namespace: "shop", Name: "left", MultiCluster: true}}}
		},
	} {
		f := &fake{held: []stack.Key{key("left")}, synced: true}
		collector := f.collector(after)
		f.look(t, collector, 10)
		c(f)
		if f.look(t, collector, 30); len(f.deleted) > 0 {
			t.Errorf("%s: deleted %q", what, f.deleted)
		}
	}
}

func TestManyOrphansAreDeletedNoFasterThanTheBrakeAdmits(t *testing.T) {
	t.Parallel()
	f := &fake{synced: true}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		f.held = append(f.held, key(name))
	}
	c := f.collector(after)
	c.Brake = brake.New(2, func() time.Time { return f.now })
	if f.look(t, c, 20); len(f.deleted) != 2 {
		t.Errorf("deleted %q", f.deleted)
	}
}

func TestAQuarantineGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	f := &fake{held: []stack.Key{key("left")}, synced: true, now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
	c := f.collector(after)
	c.Restore(checkpoint.Restored{Entries: map[checkpoint.ID]json.RawMessage{
		{Kind: checkpoint.Orphans, Name: key("left").String()}: json.RawMessage(`{"since": "2026-01-01T00:00:00Z", "watched": 480000000000, "ids": ["` + arn + `left"], "looks": 9}`),
	}})
	if f.look(t, c, 2); len(f.deleted) > 0 {
		t.Fatal("deleted too early")
	}
	if f.look(t, c, 1); len(f.deleted) != 1 {
		t.Error("what an earlier process has seen does not count")
	}
}

func TestALookThatIsDeniedIsNotRepeatedWhileNothingIsDeclared(t *testing.T) {
	t.Parallel()
	f := &fake{synced: true, err: &smithy.GenericAPIError{Code: "AccessDenied"}}
	c := f.collector(0)
	if f.look(t, c, 3); f.looks != 1 {
		t.Errorf("%d looks while nothing is declared", f.looks)
	}
	f.declared = []stack.Key{key("web")}
	if f.look(t, c, 3); f.looks != 4 {
		t.Errorf("%d looks, want 3 more", f.looks)
	}
}

// TestWhatAnotherClusterOfTheSameNameHoldsIsNoOrphan looks with a quarantine of ten minutes for two hours at stacks that no object claims.
func TestWhatAnotherClusterOfTheSameNameHoldsIsNoOrphan(t *testing.T) {
	t.Parallel()
	serves, unhealthy, ours := namesake.Target{ID: "10.9.9.9", Healthy: true}, namesake.Target{ID: "10.9.9.9"}, namesake.Target{ID: "10.0.0.1", Healthy: true, Local: true}
	for what, c := range map[string]struct {
		came    map[stack.Key][]string
		targets []namesake.Target
		late    []namesake.Target // from the third look on
		kept    bool
		known   bool
	}{
		"a healthy target of no pod here":                       {nil, []namesake.Target{serves}, []namesake.Target{serves}, true, true},
		"one that ends to be healthy":                           {nil, []namesake.Target{serves}, []namesake.Target{unhealthy}, false, false},
		"a pod of this cluster":                                 {nil, []namesake.Target{ours}, []namesake.Target{ours}, false, false},
		"one that comes while the quarantine lasts":             {nil, nil, []namesake.Target{serves}, true, true},
		"a load balancer with a target group, made by another":  {map[stack.Key][]string{key("left"): {arn + "left", group + "left"}}, nil, nil, true, true},
		"a load balancer alone, which a user may have prepared": {map[stack.Key][]string{key("left"): {arn + "left"}}, nil, nil, false, false},
	} {
		f := &fake{held: []stack.Key{key("left"), key("other")}, synced: true, groups: true, came: c.came, targets: c.targets}
		var texts []string
		f.shared.OnChange = func(text string) { texts = append(texts, text) }
		collector := f.collector(after)
		f.look(t, collector, 2)
		f.targets = c.late
		f.look(t, collector, 120)
		if kept := len(f.deleted) == 0; kept != c.kept {
			t.Errorf("%s: deleted %q", what, f.deleted)
		}
		if c.known && (len(texts) != 1 || !strings.Contains(texts[0], "ingress.k8s.aws:shop/left") || collector.Count() != 0) || !c.known && len(texts) > 0 {
			t.Errorf("%s: said %q, %d orphans", what, texts, collector.Count())
		}
		if reads := f.shared.Known(); reads != c.known {
			t.Errorf("%s: known: %t", what, reads)
		}
		if c.known { // the other cluster deletes what it has
			f.held = nil
			if f.look(t, collector, 1); f.shared.Known() || texts[len(texts)-1] != "" {
				t.Errorf("%s: it has not healed: %q", what, texts)
			}
		}
	}
}
