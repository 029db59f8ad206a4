package chaos

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// soakCluster is an API server that may be away, and the caches of whoever watches it, which may be behind.
type soakCluster struct {
	client.Client // of users: always there, and watched
	api           apiServer
	live          client.Client // of controllers, past the caches

	changed chan struct{}
	mu      sync.Mutex
	pending []cached
	held    bool // caches show nothing new
	shown   map[schema.GroupKind]map[client.ObjectKey]client.Object
	event   func(before, after client.Object) // the watches of the process that leads; nil = none does
	// addresses are those in the status of objects, as the API server has them.
	addresses map[string][]string
}

// cached names an object.
type cached struct {
	kind schema.GroupVersionKind
	key  client.ObjectKey
}

// soakKinds are watched, in the order in which a start receives them.
var soakKinds = []client.ObjectList{
	&networkingv1.IngressClassList{}, &corev1.NodeList{}, &corev1.PodList{}, &discoveryv1.EndpointSliceList{},
	&corev1.ServiceList{},
	&networkingv1.IngressList{}, &v1beta1.TargetGroupBindingList{},
}

// watchDelay is how long a cache is behind at best.
const watchDelay = 5 * time.Millisecond

func newSoakCluster(inner client.Client) *soakCluster {
	whole, ok := inner.(client.WithWatch)
	if !ok {
		panic("a client that cannot watch")
	}
	c := &soakCluster{addresses: map[string][]string{}, changed: make(chan struct{}, 1),
		shown: map[schema.GroupKind]map[client.ObjectKey]client.Object{}}
	noted := func(o client.Object, err error) error {
		if err == nil {
			c.note(o)
		}
		return err
	}
	c.Client = interceptor.NewClient(whole, interceptor.Funcs{
		Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return noted(o, w.Create(ctx, o, opts...))
		},
		Delete: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return noted(o, w.Delete(ctx, o, opts...))
		},
		Update: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return noted(o, w.Update(ctx, o, opts...))
		},
		Patch: func(ctx context.Context, w client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			return noted(o, w.Patch(ctx, o, p, opts...))
		},
		SubResourceUpdate: func(ctx context.Context, w client.Client, sub string, o client.Object,
			opts ...client.SubResourceUpdateOption) error {
			return noted(o, w.SubResource(sub).Update(ctx, o, opts...))
		},
		SubResourcePatch: func(ctx context.Context, w client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			return noted(o, w.SubResource(sub).Patch(ctx, o, p, opts...))
		},
	})
	c.live = c.api.before(c.Client)
	for _, list := range soakKinds {
		kind, err := apiutil.GVKForObject(list, c.Scheme())
		if err != nil {
			panic(err)
		}
		c.shown[schema.GroupKind{Group: kind.Group, Kind: strings.TrimSuffix(kind.Kind, "List")}] =
			map[client.ObjectKey]client.Object{}
	}
	return c
}

// note has a written object shown when its event arrives.
func (c *soakCluster) note(o client.Object) {
	kind, err := apiutil.GVKForObject(o, c.Scheme())
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	c.pending = append(c.pending, cached{kind, client.ObjectKeyFromObject(o)})
	var names []string
	switch o := o.(type) {
	case *networkingv1.Ingress:
		for _, at := range o.Status.LoadBalancer.Ingress {
			names = append(names, at.Hostname)
		}
	case *corev1.Service:
		for _, at := range o.Status.LoadBalancer.Ingress {
			names = append(names, at.Hostname)
		}
	}
	c.addresses[kind.Kind+" "+client.ObjectKeyFromObject(o).String()] = names
	c.mu.Unlock()
	c.signal()
}

// names are the addresses that an object shows.
func (c *soakCluster) names(kind soakKind, object client.ObjectKey) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses[string(kind)+" "+object.String()]
}

func (c *soakCluster) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// hold has caches stand still, or catch up.
func (c *soakCluster) hold(held bool) {
	c.mu.Lock()
	c.held = held
	c.mu.Unlock()
	c.signal()
}

// watch brings caches up to date until ctx ends.
func (c *soakCluster) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
		time.Sleep(watchDelay)
		c.mu.Lock()
		var pending []cached
		if !c.held {
			pending, c.pending = c.pending, nil
		}
		c.mu.Unlock()
		for _, x := range pending {
			c.show(ctx, x)
		}
	}
}

// show takes one object over into the cache and tells of it.
func (c *soakCluster) show(ctx context.Context, x cached) {
	c.mu.Lock()
	of, watched := c.shown[x.kind.GroupKind()]
	c.mu.Unlock()
	if !watched {
		return
	}
	made, err := c.Scheme().New(x.kind)
	if err != nil {
		panic(err)
	}
	after, _ := made.(client.Object)
	if err := c.Get(ctx, x.key, after); apierrors.IsNotFound(err) {
		after = nil
	} else if err != nil {
		return // the story is over
	}
	c.mu.Lock()
	before := of[x.key]
	delete(of, x.key)
	if after != nil {
		of[x.key] = after
	}
	event := c.event
	c.mu.Unlock()
	switch {
	case event == nil, before == nil && after == nil, before != nil && after != nil && before.GetResourceVersion() ==
		after.GetResourceVersion():
	// as informers tell of one that took the place of another
	case before != nil && after != nil && before.GetUID() != after.GetUID():
		event(before, nil)
		event(nil, after)
	default:
		event(before, after)
	}
}

// lead has a process hear of all that there is, and of what changes from now on.
func (c *soakCluster) lead(ctx context.Context, event func(before, after client.Object)) {
	c.mu.Lock()
	c.event = event
	c.mu.Unlock()
	for _, list := range soakKinds {
		list, _ := list.DeepCopyObject().(client.ObjectList)
		if err := (informers{c.live, c}).List(ctx, list); err != nil {
			panic(err)
		}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			after, _ := o.(client.Object)
			event(nil, after)
			return nil
		})
	}
}
