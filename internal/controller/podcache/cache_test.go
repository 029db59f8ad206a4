package podcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/podcache/podserver"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// others is a cache of everything else, which is not asked here.
type others struct{ cache.Cache }

func (others) Start(ctx context.Context) error { <-ctx.Done(); return nil }

func (others) WaitForCacheSync(context.Context) bool { return true }

const byNode = "spec.nodeName"

// start starts a cache of the pods of a server, and what its event handler gets.
func start(t *testing.T, s *podserver.Server, o Options, most int) (c *Cache, told func() []string) {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = logr.Discard()
	config, of := s.Start(t)
	c = New(others{}, config, of, o)
	c.most = most
	if err := c.IndexField(t.Context(), &corev1.Pod{}, byNode, func(o client.Object) []string {
		return []string{o.(*corev1.Pod).Spec.NodeName}
	}); err != nil {
		t.Fatal(err)
	}
	i, err := c.GetInformer(t.Context(), &corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var events []string
	r, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		mu.Lock()
		defer mu.Unlock()
		p := o.(*corev1.Pod)
		events = append(events, p.Namespace+"/"+p.Name)
	}})
	if err != nil || !r.HasSynced() {
		t.Fatal("a handler waits for pods that nothing needs", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := c.Await(ctx, "late"); err == nil && c.all == nil {
			t.Error("a watch begins after the end")
		}
	})
	return c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(events)
		return slices.Compact(slices.Clone(events))
	}
}

func TestThePodsOfANamespaceAreReadOnceSomethingNeedsThem(t *testing.T) {
	t.Parallel()
	s := podserver.New(podserver.Pod("shop", "a"), podserver.Pod("shop", "b"), podserver.Pod("other", "c"),
		podserver.Pod("third", "d"))
	c, told := start(t, s, Options{}, mostNamespaces)
	ctx := t.Context()
	count := func(namespace string) int {
		t.Helper()
		var list corev1.PodList
		if err := c.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{byNode: "n"}); err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	if n := count("shop"); n != 0 || !c.WaitForCacheSync(ctx) || c.Watches("shop") || len(s.Requests()) > 0 {
		t.Fatalf("%d pods, and requests %v, before anything needs pods", n, s.Requests())
	}
	if err := c.Await(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if n := count("shop"); n != 2 || !c.Watches("shop") || c.Watches("other") {
		t.Errorf("%d pods of shop", n)
	}
	if err := c.Get(ctx, client.ObjectKey{Namespace: "other", Name: "c"}, &corev1.Pod{}); err != nil ||
		!c.Watches("other") {
		t.Errorf("a pod of another namespace is not read: %v", err)
	}
	s.Add(podserver.Pod("shop", "new"))
	await.Until(t, "the events of all that is watched", func() bool {
		return cmp.Equal([]string{"other/c", "shop/a", "shop/b", "shop/new"}, told())
	})
	if err := c.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "new"}, &corev1.Pod{}); err != nil {
		t.Error(err)
	}
	if err := c.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "none"}, &corev1.Pod{}); !apierrors.IsNotFound(err) {
		t.Errorf("a pod that does not exist: %v", err)
	}
	if got := s.Requests(); slices.ContainsFunc(got, func(path string) bool {
		return !strings.Contains(path, "/shop/") && !strings.Contains(path, "/other/")
	}) {
		t.Errorf("read: %v", got)
	}
}

func TestOneWatchOfAllTakesThePlaceOfThoseOfManyNamespaces(t *testing.T) {
	t.Parallel()
	s := podserver.New()
	var want []string
	for i := range 5 {
		p := podserver.Pod(fmt.Sprint("ns-", i), "a")
		s.Add(p)
		want = append(want, p.Namespace+"/a")
	}
	c, told := start(t, s, Options{}, 3)
	for i := range 4 {
		if err := c.Await(t.Context(), fmt.Sprint("ns-", i)); err != nil {
			t.Fatal(err)
		}
	}
	await.Until(t, "the end of the watches of single namespaces", func() bool { return s.Watches() == 1 })
	for i := range 5 {
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: fmt.Sprint("ns-", i), Name: "a"}, &corev1.Pod{}); err !=
			nil {
			t.Error(err)
		}
	}
	await.Until(t, "the events of all", func() bool { return cmp.Equal(want, told()) })
}

func TestAWatchEndsAfterAWhileWithoutNeedAndBeginsAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, kept := time.Unix(0, 0), true
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s := podserver.New(podserver.Pod("shop", "a"))
	c, _ := start(t, s, Options{Now: clock, Kept: func(_ context.Context, namespace string,
		anyPod func(func(*corev1.Pod) bool) bool) bool {
		pods := 0
		if anyPod(func(*corev1.Pod) bool { pods++; return false }) || namespace != "shop" || pods != 1 {
			t.Errorf("asked about %d pods of %s", pods, namespace)
		}
		return kept
	}}, mostNamespaces)
	if err := c.Await(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	later := func(d time.Duration) {
		mu.Lock()
		now = now.Add(d)
		mu.Unlock()
		c.release(t.Context())
	}
	later(time.Hour)
	kept = false
	later(releaseAfter)
	if !c.Watches("shop") {
		t.Fatal("the watch ended before its time")
	}
	later(time.Second)
	await.Until(t, "the end of the watch", func() bool { return !c.Watches("shop") && s.Watches() == 0 })
	if err := c.Await(t.Context(), "shop"); err != nil || !c.Watches("shop") {
		t.Errorf("it does not begin again: %v", err)
	}
}

func TestReadsDoNotWaitWithoutEndForPodsThatCannotBeListed(t *testing.T) {
	t.Parallel()
	s := podserver.New()
	s.Refuse(true)
	c, _ := start(t, s, Options{}, mostNamespaces)
	c.Need("shop")
	c.mu.Lock()
	c.namespaces["shop"].begun = time.Now().Add(-syncTimeout)
	c.mu.Unlock()
	if err := c.Await(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(),
		"the pods of namespace shop have not been listed yet") {
		t.Errorf("got %v", err)
	}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "a"}, &corev1.Pod{}); err == nil ||
		apierrors.IsNotFound(err) {
		t.Errorf("a pod that may exist: %v", err)
	}
	s.Refuse(false)
	await.Until(t, "the list", func() bool { return c.Await(t.Context(), "shop") == nil })
}

func TestALongFirstListOfPodsIsAnotherErrorThanOneThatDoesNotCome(t *testing.T) {
	t.Parallel()
	s := podserver.New()
	s.Refuse(true)
	c, _ := start(t, s, Options{}, mostNamespaces)
	c.Need("shop")
	for age, want := range map[time.Duration]bool{syncTimeout: true, mostListing: false} {
		c.mu.Lock()
		c.namespaces["shop"].begun = time.Now().Add(-age)
		c.mu.Unlock()
		if err := c.Await(t.Context(), "shop"); err == nil || errors.Is(err, reads.ErrListing) != want {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

func TestPodsOfNamespacesThatAreNotWatchedByFlagAreNotRead(t *testing.T) {
	t.Parallel()
	s := podserver.New(podserver.Pod("shop", "a"), podserver.Pod("other", "b"))
	c, told := start(t, s, Options{Namespace: "shop"}, mostNamespaces)
	var unwatched *reads.UnwatchedError
	if err := c.Await(t.Context(), "other"); !errors.As(err, &unwatched) {
		t.Errorf("got %v", err)
	}
	c.NeedAll()
	await.Until(t, "the pods of the namespace", func() bool { return cmp.Equal([]string{"shop/a"}, told()) })
}

// searching is a mapper that counts the questions.
type searching struct {
	meta.RESTMapper
	asked *atomic.Int32
}

func (m searching) RESTMapping(of schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	m.asked.Add(1)
	return m.RESTMapper.RESTMapping(of, versions...)
}

func TestNoReadOfAPodSearchesAllKinds(t *testing.T) {
	t.Parallel()
	config, of := podserver.New(podserver.Pod("shop", "a")).Start(t)
	var asked atomic.Int32
	of.Mapper = searching{of.Mapper, &asked}
	c := New(others{}, config, of, Options{Now: time.Now, Log: logr.Discard()})
	ended := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- c.Start(ctx) }()
	for range 3 {
		if err := c.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "a"}, &corev1.Pod{}); err != nil {
			t.Error(err)
		}
		var list corev1.PodList
		if err := c.List(ctx, &list, client.InNamespace("shop")); err != nil || len(list.Items) != 1 {
			t.Errorf("%d pods: %v", len(list.Items), err)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d searches", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestStoreHasThePodsOfANamespaceThatIsListed(t *testing.T) {
	t.Parallel()
	c, _ := start(t, podserver.New(podserver.Pod("shop", "a"), podserver.Pod("other", "b")), Options{}, mostNamespaces)
	if c.Store("shop") != nil {
		t.Error("a store before anything needs pods")
	}
	if err := c.Await(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	store := c.Store("shop")
	if store == nil || len(store.ListKeys()) != 1 {
		t.Fatalf("store %v", store)
	}
	shared := &readable.Shared{Pods: c.Store}
	p, found, answers := shared.Pod("shop", "a")
	again, _, _ := shared.Pod("shop", "a")
	if !answers || !found || p.Name != "a" || p != again {
		t.Errorf("%v, found %t, answers %t", p, found, answers)
	}
	if _, found, answers := shared.Pod("shop", "none"); found || !answers {
		t.Errorf("a pod that does not exist: found %t, answers %t", found, answers)
	}
	for node, want := range map[string]int{"n": 1, "none": 0} {
		if pods, answers := shared.PodsWith(byNode, "shop", node); !answers || len(pods) != want || want == 1 &&
			pods[0] != p {
			t.Errorf("pods of node %s: %v, answers %t", node, pods, answers)
		}
	}
	if _, _, answers := shared.Pod("elsewhere", "a"); answers {
		t.Error("answers for a namespace that is not watched")
	}
}
