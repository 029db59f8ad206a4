package unclaimed

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	arn   = "arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/app/left/0a"
	group = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/left/0a"
)

var serves = namesake.Target{ID: "10.9.9.9", Healthy: true}

// fake is an account, a cluster and a clock.
type fake struct {
	held       []stack.Key
	err        error // of reads of AWS
	synced     bool
	cached     objects.Snapshot
	unreadable error // of the API server
	declared   []stack.Key
	came       map[stack.Key][]string
	targets    []namesake.Target

	shared namesake.Shared
	texts  []string // what was said about another cluster
	now    time.Time
	looks  int // at AWS
	reads  int // of targets
}

func key(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

func (f *fake) Keys(context.Context) ([]stack.Key, error) {
	f.looks++
	return f.held, f.err
}

func (f *fake) Listed(k stack.Key) awsop.Observed {
	return awsop.Observed{
		Key: k,
		LoadBalancers: []awsop.LoadBalancer{
			{ARN: arn + k.ID.Name, LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Name: k.ID.Name,
				Type: stack.Application}}},
		TargetGroups: []awsop.TargetGroup{{ARN: group + k.ID.Name, TargetGroup: stack.TargetGroup{
			ID: "group", Name: k.ID.Name + "-tg", HealthCheck: stack.HealthCheck{IntervalSeconds: 30, TimeoutSeconds: 10,
				UnhealthyThreshold: 2},
		}}},
	}
}

func (f *fake) Came(k stack.Key) []string { return f.came[k] }

// failing is a reader of an API server that may not answer.
type failing struct {
	objects.Snapshot
	err error
}

func (f failing) Err() error { return f.err }

func (f *fake) watch() *Watch {
	f.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if f.cached == nil {
		f.cached = objects.Snapshot{}
	}
	f.shared.OnChange = func(text string) { f.texts = append(f.texts, text) }
	return &Watch{
		Account: f, Shared: &f.shared, Now: func() time.Time { return f.now }, Log: logr.Discard(),
		Targets: func(context.Context, string) ([]namesake.Target, error) {
			f.reads++
			return f.targets, nil
		},
		Objects:  func(context.Context) objects.Reader { return failing{f.cached, f.unreadable} },
		Synced:   func(context.Context) bool { return f.synced },
		Declared: func() []stack.Key { return f.declared },
		Serves:   func(of stack.Owner) bool { return of == stack.Ingress },
	}
}

// look looks n times, a minute apart.
func (f *fake) look(t *testing.T, w *Watch, n int) {
	t.Helper()
	for range n {
		w.Look(t.Context())
		f.now = f.now.Add(time.Minute)
	}
}

func TestLookThatMissesSomethingDoesNotCount(t *testing.T) {
	t.Parallel()
	back := objects.Snapshot{}
	back.Put(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "left"}})
	for what, c := range map[string]struct {
		change func(f *fake)
		known  bool
	}{
		"all is seen":                    {func(*fake) {}, true},
		"caches that have not synced":    {func(f *fake) { f.synced = false }, false},
		"AWS does not answer":            {func(f *fake) { f.err = errors.New("no answer") }, false},
		"the API server does not answer": {func(f *fake) { f.unreadable = errors.New("no answer") }, false},
		"its object exists":              {func(f *fake) { f.cached = back }, false},
		"a pass is made over it":         {func(f *fake) { f.declared = f.held }, false},
		"of a kind that is not served": {func(f *fake) {
			f.held = []stack.Key{{Owner: stack.Service, ID: f.held[0].ID}}
		}, false},
	} {
		f := &fake{held: []stack.Key{key("left")}, synced: true, targets: []namesake.Target{serves}}
		c.change(f)
		if f.look(t, f.watch(), 10); f.shared.Known() != c.known {
			t.Errorf("%s: known %t", what, f.shared.Known())
		}
	}
}

func TestTwoLooksConfirmAnUnclaimedStack(t *testing.T) {
	t.Parallel()
	f := &fake{held: []stack.Key{key("left")}, synced: true, targets: []namesake.Target{serves}}
	w := f.watch()
	if f.look(t, w, 1); f.reads != 0 {
		t.Errorf("%d reads after one look", f.reads)
	}
	f.held = nil
	f.look(t, w, 1)
	f.held = []stack.Key{key("left")}
	if f.look(t, w, 1); f.reads != 0 {
		t.Errorf("%d reads after a look that did not find it", f.reads)
	}
	if f.look(t, w, 1); f.reads != 1 {
		t.Errorf("%d reads after two looks in a row", f.reads)
	}
}

func TestDeniedLookIsNotRepeatedWithoutDeclarations(t *testing.T) {
	t.Parallel()
	f := &fake{synced: true, err: &smithy.GenericAPIError{Code: "AccessDenied"}}
	w := f.watch()
	if f.look(t, w, 3); f.looks != 1 {
		t.Errorf("%d looks while nothing is declared", f.looks)
	}
	f.declared = []stack.Key{key("web")}
	if f.look(t, w, 3); f.looks != 4 {
		t.Errorf("%d looks, want 3 more", f.looks)
	}
}

func TestStacksOfAnotherClusterAreFound(t *testing.T) {
	t.Parallel()
	unhealthy, ours := namesake.Target{ID: "10.9.9.9"}, namesake.Target{ID: "10.0.0.1", Healthy: true, Local: true}
	for what, c := range map[string]struct {
		came    map[stack.Key][]string
		targets []namesake.Target
		late    []namesake.Target // from the third look on
		known   bool
	}{
		"a healthy target of no pod here": {nil, []namesake.Target{serves}, []namesake.Target{
			serves}, true},
		"one that ends to be healthy": {nil, []namesake.Target{serves}, []namesake.Target{
			unhealthy}, false},
		"a pod of this cluster": {nil, []namesake.Target{ours}, []namesake.Target{
			ours}, false},
		"one that comes later": {nil, nil, []namesake.Target{serves}, true},
		"a load balancer with a target group, made by another": {
			map[stack.Key][]string{key("left"): {arn + "left", group + "left"}}, nil, nil, true},
		"a load balancer alone, which a user may have prepared": {map[stack.Key][]string{key("left"): {arn + "left"}}, nil,
			nil, false},
	} {
		f := &fake{held: []stack.Key{key("left"), key("other")}, synced: true, came: c.came, targets: c.targets}
		w := f.watch()
		f.look(t, w, 2)
		f.targets = c.late
		f.look(t, w, 120)
		if f.shared.Known() != c.known || c.known &&
			(len(f.texts) != 1 || !strings.Contains(f.texts[0], "ingress.k8s.aws:shop/left")) || !c.known && len(f.texts) > 0 {
			t.Errorf("%s: known %t, said %q", what, f.shared.Known(), f.texts)
		}
		if !c.known {
			continue
		}
		// the other cluster deletes what it has
		f.held = slices.DeleteFunc(slices.Clone(f.held), func(stack.Key) bool { return true })
		if f.look(t, w, 1); f.shared.Known() || f.texts[len(f.texts)-1] != "" {
			t.Errorf("%s: it has not healed: %q", what, f.texts)
		}
	}
}

func TestOrphansAreThoseOfTheLastTwoLooks(t *testing.T) {
	t.Parallel()
	f := fake{held: []stack.Key{key("left")}, synced: true}
	w := f.watch()
	for _, step := range []struct {
		name   string
		change func()
		want   int
	}{
		{"the first look", func() {}, 0},
		{"the second look", func() {}, 1},
		{"AWS does not answer", func() { f.err = errors.New("no answer") }, 1},
		{"AWS answers", func() { f.err = nil }, 1},
		{"another one", func() { f.held = append(f.held, key("young")) }, 1},
		{"both", func() {}, 2},
		{"deleted", func() { f.held = nil }, 0},
	} {
		step.change()
		f.look(t, w, 1)
		if got := w.Orphans(); len(got) != step.want {
			t.Errorf("%s: %v", step.name, got)
		}
	}
	if (*Watch)(nil).Orphans() != nil {
		t.Error("orphans of a controller that does not watch")
	}
}
