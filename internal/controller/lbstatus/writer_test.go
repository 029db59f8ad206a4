package lbstatus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// testWriter is a Writer over a fake API server that counts writes, and may refuse some.
type testWriter struct {
	*Writer
	t      *testing.T
	client client.Client
	writes []string
	refuse error
	now    time.Time
}

func newTestWriter(t *testing.T) *testWriter {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &testWriter{t: t, now: time.Unix(100, 0)}
	count := func(what string, o client.Object) error {
		w.writes = append(w.writes, what+" "+o.GetNamespace()+"/"+o.GetName())
		return w.refuse
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.LoadBalancer{}).
		WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				return errors.Join(count("create", o), c.Create(ctx, o, opts...))
			},
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
				opts ...client.PatchOption) error {
				return errors.Join(count("patch", o), c.Patch(ctx, o, p, opts...))
			},
			Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
				return errors.Join(count("delete", o), c.Delete(ctx, o, opts...))
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, _ string, o client.Object, p client.Patch,
				opts ...client.SubResourcePatchOption) error {
				if err := count("status", o); err != nil {
					return err
				}
				return c.SubResource("status").Patch(ctx, o, p, opts...)
			},
		}).Build()
	w.renew(logr.Discard())
	return w
}

// renew begins a life.
func (w *testWriter) renew(log logr.Logger) {
	w.Writer = NewWriter(w.client, w.client, "", func() time.Time { return w.now }, log)
	w.Queue.Gather = 0
}

// flush makes the writes that are due.
func flush(ctx context.Context, w *Writer) {
	for id, _, ok := w.Queue.Next(); ok; id, _, ok = w.Queue.Next() {
		w.Queue.Run(ctx, id)
	}
}

// groupPass is a pass over a group with an Ingress in each namespace.
func groupPass(namespaces ...string) reporting.Pass {
	p := reporting.Pass{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}, Now: time.Unix(100, 0),
		Observed: &awsop.Observed{
			LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb", DNSName: "lb.example", State: "active",
				LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity}}},
			TargetGroups: []awsop.TargetGroup{{ARN: "arn:tg", TargetGroup: stack.TargetGroup{ID: "x", Name: "k8s-x"}}},
		}}
	for _, ns := range namespaces {
		p.Members = append(p.Members, reporting.Member{Object: diag.Object{Kind: "Ingress", Namespace: ns, Name: "web",
			UID: "uid-" + ns}})
	}
	return p
}

func (w *testWriter) expect(step string, want ...string) {
	w.t.Helper()
	flush(w.t.Context(), w.Writer)
	if d := cmp.Diff(want, w.writes); d != "" {
		w.t.Errorf("%s: writes: %s", step, d)
	}
	w.writes = nil
}

func (w *testWriter) get(namespace string) *v1alpha1.LoadBalancer {
	w.t.Helper()
	o := &v1alpha1.LoadBalancer{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: "group-front"}, o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

func TestAStackIsShownAndOnlyChangesAreWritten(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.Cluster = "blue"
	w.Enqueue(groupPass("shop", "blog")) // before the first look
	w.expect("nothing is known yet")
	w.List(t.Context())
	w.expect("first", "create shop/group-front", "status shop/group-front")
	o := w.get("shop")
	if o.Status.ARN != "arn:lb" || o.Status.Cluster != "blue" || len(o.OwnerReferences) != 1 || o.OwnerReferences[0].UID !=
		"uid-shop" {
		t.Errorf("object = %+v", o)
	}
	w.Enqueue(groupPass("shop", "blog"))
	w.expect("the same again")
	w.List(t.Context())
	w.expect("listed, and nobody touched it")
	w.SetHealth("arn:tg", []registrar.Health{{State: "healthy"}, {State: "unhealthy"}})
	w.expect("health", "status shop/group-front")
	w.SetHealth("arn:tg", []registrar.Health{{State: "unhealthy"}, {State: "healthy"}})
	w.expect("the same health")
	if got := w.get("shop").Status.Targets; got != "1/2" {
		t.Errorf("targets = %s", got)
	}
	w.Enqueue(groupPass("blog", "shop"))
	w.expect("another order of members: it stays where it is", "status shop/group-front")
	w.Enqueue(groupPass("blog"))
	w.expect("it moves with its last member there", "delete shop/group-front", "create blog/group-front",
		"status blog/group-front")
	w.Enqueue(groupPass())
	w.expect("deleting", "status blog/group-front")
	w.Delete(groupPass().Key)
	w.expect("gone", "delete blog/group-front")
	w.Enqueue(groupPass())
	w.expect("what nobody saw is not created to be deleted")
}

func TestAnObjectThatOthersDeleteOrEditIsWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	w.expect("first", "create shop/group-front", "status shop/group-front")
	if err := w.client.Delete(t.Context(), w.get("shop")); err != nil {
		t.Fatal(err)
	}
	w.writes = nil
	w.List(t.Context())
	w.expect("deleted by hand", "create shop/group-front", "status shop/group-front")
	o := w.get("shop")
	o.Status.ARN = "nonsense"
	if err := w.client.Status().Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	w.writes = nil
	w.List(t.Context())
	w.expect("edited by hand", "status shop/group-front")
	if got := w.get("shop").Status.ARN; got != "arn:lb" {
		t.Errorf("ARN = %s", got)
	}
}

func TestARestartGoesOnFromWhatTheObjectHolds(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	p := groupPass("shop")
	p.Summary, p.Steps = "1 to create, 0 to change, 0 to replace, 0 to delete", []timeline.Step{{Text: "CreateLoadBalancer LoadBalancer"}}
	w.Enqueue(p)
	w.SetHealth("arn:tg", []registrar.Health{{State: "healthy"}})
	w.expect("first", "create shop/group-front", "status shop/group-front")

	w.now = w.now.Add(time.Hour)
	w.renew(logr.Discard())
	again := groupPass("shop")
	again.Now = again.Now.Add(time.Hour)
	w.Enqueue(again)
	w.List(t.Context())
	w.expect("a restart changes nothing")
	if o := w.get("shop"); o.Status.LastPlan == nil || o.Status.Targets != "1/1" {
		t.Errorf("status = %+v", o.Status)
	}
	w.Delete(again.Key)
	w.expect("gone", "delete shop/group-front")
}

func TestAWriteThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	w.refuse = errors.New("no")
	flush(t.Context(), w.Writer)
	w.refuse, w.writes = nil, nil
	w.expect("before the pause is over")
	w.now = w.now.Add(firstRewritePause)
	w.expect("again; it had been created in spite of the error", "create shop/group-front", "status shop/group-front")
	w.expect("nothing is left to do")
	if w.get("shop").Status.ARN != "arn:lb" {
		t.Error("the status was not written")
	}
}

// notServed is an API server without the kind.
type notServed struct {
	client.Reader
	gone bool
}

func (k *notServed) List(ctx context.Context, l client.ObjectList, o ...client.ListOption) error {
	if k.gone {
		return apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "loadbalancers"}, "",
			errors.New("no rule allows it"))
	}
	return k.Reader.List(ctx, l, o...)
}

func TestWithoutTheKindNothingIsWrittenUntilItComes(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	reader := &notServed{w.client, true}
	w.reader = reader
	appeared := make(chan bool, 1)
	w.OnInstalled = func() { appeared <- true }
	w.Enqueue(groupPass("shop"))
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	w.expect("without the kind")
	if len(w.entries)+len(w.pending) != 0 {
		t.Error("what cannot be written is kept")
	}
	reader.gone = false
	w.List(t.Context())
	<-appeared
	w.Enqueue(groupPass("shop"))
	w.expect("with it", "create shop/group-front", "status shop/group-front")
}

func TestOnePassPerStackIsKeptUntilObjectsAreListed(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	for range 1000 {
		w.Enqueue(groupPass("shop"))
	}
	if len(w.pending) != 1 {
		t.Errorf("%d passes are kept", len(w.pending))
	}
	w.List(t.Context())
	w.expect("the newest is shown", "create shop/group-front", "status shop/group-front")
	if len(w.pending) != 0 {
		t.Errorf("%d passes are kept after the list", len(w.pending))
	}
}

func TestCountsOfTargetGroupsThatNoObjectShowsAreDropped(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	for _, arn := range []string{"arn:tg", "arn:of-a-user"} {
		w.SetHealth(arn, []registrar.Health{{State: "healthy"}})
	}
	if w.List(t.Context()); len(w.counts) != 2 {
		t.Errorf("dropped too early: %v", w.counts)
	}
	w.now = w.now.Add(RelistInterval + time.Second)
	if w.List(t.Context()); len(w.counts) != 1 || w.counts["arn:tg"].Healthy != 1 {
		t.Errorf("counts %v", w.counts)
	}
}

// TestARightToWriteThatIsMissingIsLoggedOnce forbids the status: the object itself was made before.
func TestARightToWriteThatIsMissingIsLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	var lines []string
	w.renew(funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	flush(t.Context(), w.Writer)
	w.refuse = apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "loadbalancers/status"},
		"group-front", errors.New("no rule allows it"))
	again := groupPass("shop")
	again.Observed.LoadBalancers[0].State = "failed"
	w.Enqueue(again)
	for range 5 {
		flush(t.Context(), w.Writer)
	}
	if len(lines) != 1 {
		t.Errorf("log: %q", lines)
	}
	w.refuse = nil
	w.now = w.now.Add(firstRewritePause)
	flush(t.Context(), w.Writer)
	if w.get("shop").Status.State != "failed" {
		t.Error("it is not written when the right is there")
	}
}

// TestAnObjectThatCannotBeWrittenIsTriedEverLessOften refuses the status for an hour, as the webhook of somebody else
// does that is down.
func TestAnObjectThatCannotBeWrittenIsTriedEverLessOften(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	flush(t.Context(), w.Writer)
	w.refuse, w.writes = errors.New("failed calling webhook"), nil
	changed := groupPass("shop")
	changed.Observed.LoadBalancers[0].State = "failed"
	w.Enqueue(changed)
	for range 3600 / 15 {
		flush(t.Context(), w.Writer)
		w.now = w.now.Add(firstRewritePause)
	}
	if n := len(w.writes); n < 10 || n > 20 {
		t.Errorf("%d attempts in an hour", n)
	}
	w.refuse = nil
	w.now = w.now.Add(rewritePauses.Longest)
	flush(t.Context(), w.Writer)
	if w.get("shop").Status.State != "failed" {
		t.Error("it is not written when the webhook answers again")
	}
}

// TestAStatusObjectOfANamespaceThatIsGoneIsNotTriedAgain has the API server refuse its creation, and tell that the kind
// is there.
func TestAStatusObjectOfANamespaceThatIsGoneIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.refuse = apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop")
	w.Writer.client = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			w.writes = append(w.writes, "create")
			return w.refuse
		}})
	w.Enqueue(groupPass("shop"))
	w.expect("into a namespace that is gone", "create")
	w.expect("again")
	w.Enqueue(groupPass("shop"))
	w.expect("with another pass", "create")
}

// TestLoadBalancerObjectsThatCannotBeWrittenAreCalm shows a pass each second for ten minutes, while their definition is
// not served, may not be read, or they may not be written.
func TestLoadBalancerObjectsThatCannotBeWrittenAreCalm(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "loadbalancers"}, "",
		context.Canceled)
	for name, tc := range map[string]struct {
		list, write error
		writes      int // attempts in ten minutes, at most
		held        int // what is held of the passes, at most
	}{
		"not served":               {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "LoadBalancer"}}, nil, 0, 0},
		"they may not be read":     {forbidden, nil, 0, 0},
		"the API server is away":   {apierrors.NewServiceUnavailable("away"), nil, 0, 1},
		"they may not be written":  {nil, forbidden, 12, 1},
		"a webhook is in the way":  {nil, apierrors.NewInternalError(fmt.Errorf("failed calling webhook")), 12, 1},
		"all of it is as it was":   {nil, nil, 2, 1},
		"the definition is broken": {apierrors.NewInternalError(fmt.Errorf("conversion webhook")), nil, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestWriter(t)
			lists := 0
			w.refuse = tc.write
			w.reader = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
				List: func(ctx context.Context, c client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
					if _, ok := o.(*v1alpha1.LoadBalancerList); !ok {
						return c.List(ctx, o, opts...)
					}
					lists++
					if tc.list != nil {
						return tc.list
					}
					return c.List(ctx, o, opts...)
				},
			})
			var log []string
			reader := w.reader
			w.renew(funcr.New(func(_, args string) { log = append(log, args) }, funcr.Options{}))
			w.reader = reader
			w.List(t.Context())
			const span = 10 * time.Minute
			for at := time.Duration(0); at < span; at += time.Second {
				w.Enqueue(groupPass("shop"))
				if at%RelistInterval == 0 && at > 0 {
					w.List(t.Context())
				}
				flush(t.Context(), w.Writer)
				w.now = w.now.Add(time.Second)
			}
			if most := 1 + int(span/RelistInterval); lists > most || len(w.writes) > tc.writes || len(log) > most {
				t.Errorf("%d lists, %d writes (at most %d), log:\n%s", lists, len(w.writes), tc.writes, strings.Join(log, "\n"))
			}
			if n := max(len(w.entries), len(w.pending)); n > tc.held {
				t.Errorf("%d passes are held", n)
			}
		})
	}
}

// TestASecondWriterIsSeenInTheStatusAndNotWrittenOverUnread has two writers of one API server.
func TestASecondWriterIsSeenInTheStatusAndNotWrittenOverUnread(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	said := map[string][]string{}
	writers := func(own string) *namesake.Writers {
		return &namesake.Writers{Own: own, OnChange: func(text string) { said[own] = append(said[own], text) }}
	}
	w.Writers = writers("Lease kube-system/a")
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	w.expect("alone", "create shop/group-front", "status shop/group-front")
	w.Enqueue(groupPass("shop"))
	w.expect("the same again")
	other := NewWriter(w.client, w.client, "", func() time.Time { return w.now }, logr.Discard())
	other.Queue.Gather, other.Writers = 0, writers("Lease other/b")
	pass := func(of *Writer, name string) {
		p := groupPass("shop")
		p.Observed.LoadBalancers[0].DNSName = name
		of.Enqueue(p)
		flush(t.Context(), of)
	}
	other.List(t.Context())
	for n := range 4 {
		pass(other, fmt.Sprintf("b%d.example", n))
		w.now = w.now.Add(40 * time.Second)
		pass(w.Writer, fmt.Sprintf("a%d.example", n))
		w.now = w.now.Add(40 * time.Second)
	}
	if o := w.get("shop"); o.Status.DNSName != "a3.example" || o.Status.Controller != "Lease kube-system/a" {
		t.Errorf("status = %+v", o.Status)
	}
	for own, texts := range said {
		if len(texts) != 1 || !strings.Contains(texts[0], "a second controller works in this cluster") {
			t.Errorf("%s: said %q", own, texts)
		}
	}
	if len(said) != 2 {
		t.Errorf("said %q", said)
	}
}

// TestSecondWriterIsFoundInTwoMinutes has two writers at rest: no pass changes a status.
func TestSecondWriterIsFoundInTwoMinutes(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	said := map[string]time.Duration{}
	began := w.now
	writers := func(own string) *namesake.Writers {
		return &namesake.Writers{Own: own, OnChange: func(string) { said[own] = w.now.Sub(began) }}
	}
	w.Writers = writers("Lease kube-system/a")
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	flush(t.Context(), w.Writer)
	other := NewWriter(w.client, w.client, "", func() time.Time { return w.now }, logr.Discard())
	other.Queue.Gather, other.Writers = 0, writers("Lease other/b")
	other.List(t.Context())
	other.Enqueue(groupPass("shop"))
	flush(t.Context(), other)
	began = w.now
	for w.now.Sub(began) < 2*time.Minute {
		for _, of := range []*Writer{w.Writer, other} {
			of.LookForWriters(t.Context())
			flush(t.Context(), of)
			w.now = w.now.Add(firstRewritePause / 2)
		}
	}
	if len(said) != 2 || said["Lease kube-system/a"] > 90*time.Second || said["Lease other/b"] > 90*time.Second {
		t.Errorf("found after %v", said)
	}
}

// TestLookForWritersSurvivesDeletedObject deletes the object in which writers look for each other.
func TestLookForWritersSurvivesDeletedObject(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.Writers = &namesake.Writers{Own: "Lease kube-system/a"}
	w.List(t.Context())
	w.LookForWriters(t.Context())
	w.Enqueue(groupPass("shop"))
	flush(t.Context(), w.Writer)
	if w.Writers.Beacon() == "" {
		t.Fatal("no object is looked at")
	}
	if err := w.client.Delete(t.Context(), w.get("shop")); err != nil {
		t.Fatal(err)
	}
	w.LookForWriters(t.Context())
	if b := w.Writers.Beacon(); b != "" {
		t.Errorf("the deleted object %s is looked at", b)
	}
}

// TestGroupsOfOneNamespaceAreOneTenant has a namespace with three groups delay no object of another namespace.
func TestGroupsOfOneNamespaceAreOneTenant(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.Tenant = func(key stack.Key) string { return strings.TrimRight(key.ID.Name, "0123456789") }
	w.List(t.Context())
	for _, name := range []string{"mal1", "mal2", "mal3", "shop1"} {
		p := groupPass(strings.TrimRight(name, "0123456789"))
		p.Key.ID.Name = name
		w.Enqueue(p)
		w.now = w.now.Add(time.Millisecond)
	}
	var order []string
	for id, _, ok := w.Queue.Next(); ok; id, _, ok = w.Queue.Next() {
		order = append(order, id)
	}
	want := []string{"ingress.k8s.aws:mal1", "ingress.k8s.aws:shop1", "ingress.k8s.aws:mal2", "ingress.k8s.aws:mal3"}
	if d := cmp.Diff(want, order); d != "" {
		t.Errorf("order of writes (-want +got):\n%s", d)
	}
}
