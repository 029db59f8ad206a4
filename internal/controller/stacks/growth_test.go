package stacks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// cached is a client that reads a cache, and does nothing else.
type cached struct {
	client.Client
	cluster *growth.Cluster
}

func (c cached) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.cluster.List(ctx, list, opts...)
}

func (c cached) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.cluster.Get(ctx, key, o, opts...)
}

func readCache(c *growth.Cluster) client.Client { return cached{cluster: c} }

func labelled(name string, labels map[string]string) *v1beta1.TargetGroupBinding {
	return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels}}
}

var byStack = []growth.Index{{Object: &v1beta1.TargetGroupBinding{}, Field: reads.ByStack, Of: reads.StackOf}}

func TestIndexFindsTheBindingsOfEachKindOfStack(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 100)
	var all []client.Object
	var keys []stack.Key
	for _, k := range owner.Kinds {
		for _, id := range []stack.ID{{Name: "g"}, {Namespace: "shop", Name: "web"}, {Namespace: "shop", Name: long}} {
			key := stack.Key{Owner: k.Owner, ID: id}
			all, keys = append(all, labelled(fmt.Sprint("b", len(all)), naming.Labels(key))), append(keys, key)
		}
	}
	both := naming.Labels(keys[0])
	maps.Copy(both, naming.Labels(keys[1]))
	all = append(all, labelled("both", both),
		labelled("none", map[string]string{string(owner.Kinds[0].Owner) + "/stack-name": "web"}))
	b := NewBindingWriter(readCache(growth.NewIndexedCluster(t, byStack, all...)), time.Now)
	for i, key := range keys {
		var got []string
		found, err := b.List(t.Context(), key)
		for _, x := range found {
			got = append(got, x.Name)
		}
		want := fmt.Sprintf("[b%d]", i)
		if i < 2 {
			want = fmt.Sprintf("[b%d both]", i)
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v %v, want %s", key, got, err, want)
		}
	}
}

// TestStackFindsItsBindingsAmongAnyNumber shows that the bindings of a stack cost the same to find, however many others
// there are.
func TestStackFindsItsBindingsAmongAnyNumber(t *testing.T) { // not parallel: it counts bytes
	key := stack.Key{Owner: owner.Kinds[0].Owner, ID: stack.ID{Namespace: "shop", Name: "web-1"}}
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		var all []client.Object
		for i := range n {
			of := stack.Key{Owner: key.Owner, ID: stack.ID{Namespace: "shop", Name: fmt.Sprint("web-", i)}}
			all = append(all, labelled(fmt.Sprint("b", i), naming.Labels(of)))
		}
		b := NewBindingWriter(readCache(growth.NewIndexedCluster(t, byStack, all...)), time.Now)
		return growth.Bytes(func() {
			if found, err := b.List(t.Context(), key); err != nil || len(found) != 1 {
				t.Errorf("%v %v", found, err)
			}
		})
	})
}

func protectedIngresses(n int) (all []client.Object) {
	for i := range n {
		o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i)}}
		o.Finalizers = []string{"ingress.k8s.aws/resources"}
		all = append(all, o)
	}
	return all
}

// TestSharedGroupIsNeededAmongAnyNumberOfObjects shows that a deletion looks at one object with a finalizer, however
// many there are.
func TestSharedGroupIsNeededAmongAnyNumberOfObjects(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		b := &BackendGroup{client: readCache(growth.NewCluster(t, protectedIngresses(n)...))}
		return growth.Bytes(func() {
			if needed, err := b.Needed(t.Context()); err != nil || !needed {
				t.Errorf("%t %v", needed, err)
			}
		})
	})
}

// TestSharedGroupFindsTheFewProtectedServices shows that the deletion of the Service which the last look has found reads
// no Services without a load balancer.
func TestSharedGroupFindsTheFewProtectedServices(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		var all []client.Object
		for i := range n {
			o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i)}}
			if i%(n/3) == n/4 {
				o.Finalizers = []string{owner.Of(stack.Service).Finalizer}
			}
			all = append(all, o)
		}
		b := &BackendGroup{client: readCache(growth.NewCluster(t, all...))}
		return growth.Bytes(func() {
			b.witness.Store(&protectedObject{stack.Service, objects.Service, client.ObjectKey{Namespace: "shop", Name: "gone"}})
			if needed, err := b.Needed(t.Context()); err != nil || !needed {
				t.Errorf("%t %v", needed, err)
			}
		})
	})
}

// TestSharedGroupIsNeededUntilTheLastObjectIsGone deletes the object that the last look has found, one after the other.
func TestSharedGroupIsNeededUntilTheLastObjectIsGone(t *testing.T) {
	t.Parallel()
	all := protectedIngresses(4)
	c := growth.NewCluster(t, all...)
	b := &BackendGroup{client: readCache(c)}
	for left := len(all); left > 0; left-- {
		if needed, err := b.Needed(t.Context()); err != nil || !needed {
			t.Fatalf("%d left: %t %v", left, needed, err)
		}
		found := b.witness.Load().key
		i := slices.IndexFunc(all, func(o client.Object) bool { return o.GetName() == found.Name })
		if left%2 == 0 {
			c.Delete(all[i])
		} else { // its finalizer is removed
			o, _ := all[i].DeepCopyObject().(client.Object)
			o.SetFinalizers(nil)
			c.Modify(o)
		}
		await.Until(t, "the change of "+found.Name, func() bool { return !b.stillProtected(t.Context()) })
	}
	for _, k := range owner.Kinds {
		if protected, err := b.anyProtected(t.Context(), k); err != nil || protected {
			t.Errorf("%s: protected %t, %v", k.Owner, protected, err)
		}
	}
}
