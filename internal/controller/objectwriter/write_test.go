package objectwriter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
)

// api is an API server with Ingresses; before is called before each write.
func api(n int, before func(ctx context.Context, o client.Object) error) (client.Client, []*networkingv1.Ingress) {
	b := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithStatusSubresource(&networkingv1.Ingress{})
	for i := range n {
		o := &networkingv1.Ingress{}
		o.Namespace, o.Name, o.UID = "shop", fmt.Sprintf("web-%03d", i), "u"
		b.WithObjects(o)
	}
	c := b.WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if err := before(ctx, o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if err := before(ctx, o); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}).Build()
	var all []*networkingv1.Ingress
	for i := range n {
		o := &networkingv1.Ingress{}
		if err := c.Get(context.Background(), client.ObjectKey{Namespace: "shop", Name: fmt.Sprintf("web-%03d", i)},
			o); err != nil {
			panic(err)
		}
		all = append(all, o)
	}
	return c, all
}

// shows is the write of a status with one host name.
func shows(o client.Object, host string) Write {
	return Write{Object: o, Part: Status, Change: func(o client.Object) bool {
		i, ok := o.(*networkingv1.Ingress)
		if !ok || shown(i) == host {
			return false
		}
		i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: host}}
		return true
	}}
}

func shown(i *networkingv1.Ingress) string {
	if len(i.Status.LoadBalancer.Ingress) == 0 {
		return ""
	}
	return i.Status.LoadBalancer.Ingress[0].Hostname
}

func TestAHundredObjectsAreWrittenSideBySideWithinTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const members, patch = 100, 50 * time.Millisecond
		calls := make(chan struct{}, members)
		c, objects := api(members, func(context.Context, client.Object) error {
			calls <- struct{}{}
			time.Sleep(patch)
			return nil
		})
		var writes []Write
		for _, o := range objects {
			writes = append(writes, shows(o, "lb.example"))
		}
		begun := time.Now()
		after, errs := ApplyAll(t.Context(), c, writes)
		if took, most := time.Since(begun), (members+Concurrency-1)/Concurrency*patch; took > most || took < most/2 {
			t.Errorf("took %s, want %s", took, most)
		}
		for i := range objects {
			if errs[i] != nil || shown(after[i].(*networkingv1.Ingress)) != "lb.example" || shown(objects[i]) != "" {
				t.Fatalf("%s: %v, %v", objects[i].Name, after[i], errs[i])
			}
		}
		for i := range writes {
			writes[i].Object = after[i]
		}
		if ApplyAll(t.Context(), c, writes); len(calls) != members {
			t.Errorf("%d writes of %d objects", len(calls), members)
		}
	})
}

func TestAWriteThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "ingresses"}, "web-002")
	refusal := errors.New("a policy forbids it")
	c, objects := api(3, func(_ context.Context, o client.Object) error {
		return map[string]error{"web-001": refusal, "web-002": gone}[o.GetName()]
	})
	_, errs := ApplyAll(t.Context(), c, []Write{shows(objects[0], "x"), shows(objects[1], "x"), shows(objects[2], "x")})
	if errs[0] != nil || !errors.Is(errs[1], refusal) || errs[2] != nil {
		t.Errorf("errors %v", errs)
	}
	marks := shows(objects[2], "y")
	marks.Marks = true
	if _, errs = ApplyAll(t.Context(), c, []Write{marks}); !apierrors.IsConflict(errs[0]) {
		t.Errorf("a mark on an object that is gone: %v", errs[0])
	}
}

func TestWritesKeepEntriesOfOtherWriters(t *testing.T) {
	t.Parallel()
	c, objects := api(1, func(context.Context, client.Object) error { return nil })
	read := objects[0]
	theirs := read.DeepCopy()
	theirs.Annotations = map[string]string{"team": "web"}
	if err := c.Update(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	annotate := func(o client.Object) bool {
		metav1.SetMetaDataAnnotation(o.(*networkingv1.Ingress).GetObjectMeta().(*metav1.ObjectMeta), "ours", "yes")
		return true
	}
	after, err := Apply(t.Context(), c, Write{Object: read, Part: Metadata, Change: annotate})
	if err != nil || after.GetAnnotations()["team"] != "web" || after.GetAnnotations()["ours"] != "yes" {
		t.Errorf("%v, %v", after.GetAnnotations(), err)
	}
	protect := func(o client.Object) bool { o.SetFinalizers([]string{"ours/resources"}); return true }
	if _, err = Apply(t.Context(), c, Write{Object: read, Part: Finalizer, Change: protect}); !apierrors.IsConflict(err) {
		t.Errorf("a finalizer on an older version: %v", err)
	}
}

// steps makes the writes of a writer that are due.
func steps(ctx context.Context, w *Writer) {
	for id, _, ok := w.Queue.Next(); ok; id, _, ok = w.Queue.Next() {
		w.Queue.Run(ctx, id)
	}
}

func TestStaleCacheIsNotTakenForWrittenStatus(t *testing.T) {
	t.Parallel()
	c, objects := api(1, func(context.Context, client.Object) error { return nil })
	cached := objects[0]
	now := time.Unix(100, 0)
	w := New(interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			cached.DeepCopyInto(o.(*networkingv1.Ingress))
			return nil
		},
	}), func() time.Time { return now }, logr.Discard())
	for _, host := range []string{"a", "b", "a"} {
		for range 2 {
			if _, err := w.Enqueue(shows(cached.DeepCopy(), host), host); err != nil {
				t.Error(err)
			}
		}
		steps(t.Context(), w)
		stored := &networkingv1.Ingress{}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(cached), stored); err != nil || shown(stored) != host {
			t.Errorf("shown %q, want %q, %v", shown(stored), host, err)
		}
		if done, _ := w.Enqueue(shows(cached, host), host); !done {
			t.Error("a write that is done is reported as waiting")
		}
		for id, e := range w.entries {
			if e.write != nil {
				t.Errorf("what was read for %q is kept after the write", id)
			}
		}
	}
	now = now.Add(2 * reads.CacheLag)
	other := cached.DeepCopy()
	other.Name = "other"
	_, _ = w.Enqueue(shows(other, "a"), "a")
	if n := w.Len(); n != 1 {
		t.Errorf("%d entries are kept", n)
	}
}

func TestAMinorChangeWaitsForFurtherOnesAndGoesWithOneThatDoesNot(t *testing.T) {
	t.Parallel()
	writes := 0
	c, objects := api(1, func(context.Context, client.Object) error { writes++; return nil })
	now := time.Unix(100, 0)
	w := New(c, func() time.Time { return now }, logr.Discard())
	w.Queue.Delay = time.Second
	enqueue := func(host string, minor bool) {
		x := shows(objects[0], host)
		x.Minor = func(_, to client.Object) bool { return minor && shown(to.(*networkingv1.Ingress)) == host }
		if _, err := w.Enqueue(x, host); err != nil {
			t.Error(err)
		}
		steps(t.Context(), w)
	}
	want := func(n int, host string) {
		t.Helper()
		stored := &networkingv1.Ingress{}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(objects[0]), stored); err != nil || writes != n ||
			shown(stored) != host {
			t.Errorf("%d writes, want %d; shown %q, want %q; %v", writes, n, shown(stored), host, err)
		}
	}
	enqueue("1", true)
	now = now.Add(time.Second / 2)
	enqueue("2", true)
	want(0, "")
	now = now.Add(time.Second / 2)
	steps(t.Context(), w)
	want(1, "2")
	enqueue("3", true)
	want(1, "2")
	enqueue("failed", false)
	want(2, "failed")
}

func TestConflictIsRetriedAndDeletedObjectForgotten(t *testing.T) {
	t.Parallel()
	writes := 0
	c, objects := api(2, func(_ context.Context, o client.Object) error {
		if writes++; writes == 2 {
			return apierrors.NewConflict(schema.GroupResource{Resource: "ingresses"}, o.GetName(),
				errors.New("the object has been modified"))
		}
		return nil
	})
	now := time.Unix(100, 0)
	w := New(c, func() time.Time { return now }, logr.Discard())
	woken := 0
	w.Wake = func(client.ObjectKey) { woken++ }
	protect := func(name string) Write {
		return Write{Object: objects[0], Part: Finalizer, Change: func(o client.Object) bool {
			if len(o.GetFinalizers()) > 0 && o.GetFinalizers()[0] == name {
				return false
			}
			o.SetFinalizers([]string{name})
			return true
		}}
	}
	_, _ = w.Enqueue(protect("a/x"), 1)
	steps(t.Context(), w)
	theirs := &networkingv1.Ingress{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(objects[0]), theirs); err != nil {
		t.Fatal(err)
	}
	theirs.Annotations = map[string]string{"team": "web"}
	if err := c.Update(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Enqueue(protect("b/x"), 2)
	steps(t.Context(), w)
	now = now.Add(time.Minute)
	steps(t.Context(), w)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(objects[0]), theirs); err != nil ||
		theirs.Finalizers[0] != "b/x" || theirs.Annotations["team"] != "web" {
		t.Errorf("%v %v, %v", theirs.Finalizers, theirs.Annotations, err)
	}
	if writes != 3 || woken != 3 { // two that end, and one that fails first
		t.Errorf("%d writes, woken %d times", writes, woken)
	}
	if err := c.Delete(t.Context(), objects[1]); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Enqueue(shows(objects[1], "x"), 1)
	if steps(t.Context(), w); writes != 3 {
		t.Error("an object that is gone is written")
	}
	w.Forget(client.ObjectKeyFromObject(objects[0]))
	if w.Len()+w.Queue.Len() != 0 {
		t.Errorf("kept: %d writes, %d in the queue", w.Len(), w.Queue.Len())
	}
}

// TestAnObjectThatIsGoneIsLeftToItsEvent has the API server know of an end that the cache does not show yet: passes one
// after the other would each write again.
func TestAnObjectThatIsGoneIsLeftToItsEvent(t *testing.T) {
	t.Parallel()
	c, objects := api(1, func(context.Context, client.Object) error { return nil })
	w, woken := New(c, time.Now, logr.Discard()), 0
	w.Wake = func(client.ObjectKey) { woken++ }
	if err := c.Delete(t.Context(), objects[0]); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Enqueue(Write{Object: objects[0], Part: Finalizer, Change: func(o client.Object) bool {
		o.SetFinalizers([]string{"a/x"})
		return true
	}}, 1)
	if steps(t.Context(), w); woken > 0 || w.Len() > 0 {
		t.Errorf("woken %d times, %d writes are kept", woken, w.Len())
	}
}

// TestRemovalOfTheLastAnnotationKeepsThoseOfOthers has an annotation and a label written after the version was read of
// which the last known ones go.
func TestRemovalOfTheLastAnnotationKeepsThoseOfOthers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c, all := api(1, func(context.Context, client.Object) error { return nil })
	write := func(o client.Object, change func(o client.Object)) client.Object {
		after, err := Apply(ctx, c, Write{Object: o, Part: Metadata, Change: func(o client.Object) bool {
			change(o)
			return true
		}})
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	ours := write(all[0], func(o client.Object) {
		o.SetAnnotations(map[string]string{"plan": "p"})
		o.SetLabels(map[string]string{"ours": "l"})
	})
	write(ours, func(o client.Object) {
		o.SetAnnotations(map[string]string{"plan": "p", "user": "u"})
		o.SetLabels(map[string]string{"ours": "l", "team": "t"})
	})
	write(ours, func(o client.Object) { o.SetAnnotations(nil); o.SetLabels(nil) })
	now := &networkingv1.Ingress{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(ours), now); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(now.Annotations, now.Labels); got != "map[user:u] map[team:t]" {
		t.Errorf("annotations and labels: %s", got)
	}
}
