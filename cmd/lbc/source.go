package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/servicepods"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// source is the source of objects and of the state of AWS.
type source struct {
	snapshot  *offline.Indexed
	reader    objects.Reader // the snapshot, and Secrets of the cluster as they are needed
	cluster   offline.Cluster
	kube      client.Reader // nil = no cluster is read
	fromFiles []placed
	unread    []unread // objects of the files whose kinds are not read
	broken    []broken // files that are left out
	// assumedClasses are findings about GatewayClasses that are in none of the files.
	assumedClasses []finding
	clients        awsclient.Clients
	inventory      *inventory.Inventory
	live           bool // the account is in AWS, not in a file
	recorded       bool // the account is a recording
	builtIn        bool // the account is the simulator's built-in one
	close          func()
	errOut         io.Writer
}

// open reads the inputs. The caller closes the source.
func (i *inputs) open(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	s, err := i.objects(ctx, errOut, in)
	if err != nil {
		return nil, err
	}
	if err := i.connected(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// connected completes a source by the account.
func (i *inputs) connected(ctx context.Context, s *source) error {
	if err := i.connect(ctx, s); err != nil {
		return err
	}
	if err := i.config.Validate(); err != nil {
		s.close()
		return err
	}
	if err := i.vpcExists(ctx, s); err != nil {
		s.close()
		return err
	}
	scope := inventoryscope.Of(&i.config)
	scope.Now, scope.AddOnTimeout = time.Now, time.Minute
	s.inventory = inventory.New(s.clients, scope)
	return nil
}

// objects reads files and cluster.
func (i *inputs) objects(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	if i.given("cluster-name") && i.config.ClusterName == "" {
		return nil, errors.New("--cluster-name is empty: name the cluster, or omit the flag to take the name from the " +
			"controller's Deployment or the account file")
	}
	rc, err := i.cluster()
	if err != nil {
		return nil, err
	}
	fromFiles, skipped, unreadable, err := i.read(in)
	if err != nil {
		return nil, err
	}
	sayUnread(errOut, skipped)
	s := &source{snapshot: &offline.Indexed{Snapshot: objects.Snapshot{}}, fromFiles: fromFiles, unread: skipped,
		broken: unreadable, errOut: errOut}
	s.reader = s.snapshot
	objs := make([]metav1.Object, 0, len(fromFiles))
	for _, p := range fromFiles {
		objs = append(objs, p.object)
	}
	if i.fromCluster() {
		snapshot, k, err := cluster(ctx, rc)
		if err != nil {
			return nil, err
		}
		if !i.namesOnly {
			if err := i.settings(ctx, k, errOut); err != nil {
				return nil, err
			}
		}
		if warning := otherName(ctx, k, i.config.ClusterName); warning != "" {
			fmt.Fprintln(errOut, "lbc: warning:", warning)
		}
		s.snapshot = &offline.Indexed{Snapshot: snapshot}
		s.reader = &liveReader{Indexed: s.snapshot, read: func(namespace, name string) (*corev1.Secret, error) {
			secret := &corev1.Secret{}
			return secret, k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret)
		}, pod: func(svc *corev1.Service) (*corev1.Pod, error) { return servicepods.Read(ctx, k, svc) }}
		s.kube, s.cluster = k, shownBy(k, snapshot, &i.config)
		for i := range s.fromFiles {
			s.fromFiles[i].former = s.former(s.fromFiles[i].object)
		}
		adopt(s.snapshot.Snapshot, objs)
	} else {
		s.snapshot.Put(chartClass())
	}
	manifest.FillIn(objs)
	for _, o := range objs {
		s.snapshot.Put(o)
	}
	if !i.fromCluster() {
		s.assumedClasses = assumeGatewayClasses(s, &i.config)
	}
	return s, nil
}

// chartClass is the IngressClass that the chart installs; one of that name in a file replaces it.
func chartClass() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: ingress.Controller}}
}

// former is the object of the cluster that one of a file takes the place of; nil if there is none.
func (s *source) former(o metav1.Object) metav1.Object {
	kind, _ := objects.KindOf(o)
	have, ok := s.snapshot.Get(kind, o.GetNamespace(), o.GetName())
	if !ok {
		return nil
	}
	return have
}

// concerning selects the stacks that objects from files belong to. A Gateway is concerned by everything that its load
// balancer is made of.
func concerning(reader objects.Reader, c *config.Config, objs []placed) func(stack.Key) bool {
	v := objects.New(reader)
	want := map[stack.Key]bool{}
	for _, x := range objs {
		for _, k := range offline.KeysOf(v, c, x.object) {
			want[k] = true
		}
	}
	affected := map[objects.Read]bool{}
	for _, x := range objs {
		kind, _ := objects.KindOf(x.object)
		for r := range objects.ChangeOf(kind, x.former, x.object).Reads {
			affected[r] = true
		}
	}
	changed := func(r objects.Read) bool { return affected[r] }
	return func(k stack.Key) bool {
		return want[k] || owner.Of(k.Owner).Kind == string(objects.Gateway) &&
			slices.ContainsFunc(offline.Reads(reader, c, k), changed)
	}
}

// within selects the stacks that the objects of a namespace declare, be it with those of others.
func within(v *objects.View, s objects.Snapshot, c *config.Config, namespace string) func(stack.Key) bool {
	want := map[stack.Key]bool{}
	for _, k := range owner.Kinds {
		for _, o := range s.List(objects.Kind(k.Kind), namespace) {
			for _, key := range offline.KeysOf(v, c, o) {
				want[key] = true
			}
		}
	}
	return func(k stack.Key) bool { return want[k] }
}

// plans makes the plans of all stacks, or, with a cluster, of the stacks that the files concern or that the namespace
// declares.
func (i *inputs) plans(ctx context.Context, s *source) (offline.Outcome, error) {
	v := objects.New(s.reader)
	only := func(stack.Key) bool { return true }
	switch {
	case len(s.fromFiles) > 0 && i.fromCluster():
		only = concerning(s.reader, &i.config, s.fromFiles)
	case i.limited():
		only = within(v, s.snapshot.Snapshot, &i.config, i.namespace)
	}
	return i.planner(s).Plans(ctx, v, only)
}

// planner plans with the source's inventory and cluster, and the flags of the controller.
func (i *inputs) planner(s *source) offline.Planner {
	return offline.Planner{Account: s.inventory, Config: &i.config, Cluster: s.cluster, References: !s.builtIn,
		Progress: func(planned, of int) {
			if planned > 0 && planned%progressAt == 0 {
				fmt.Fprintf(s.errOut, "lbc: planned %d of %d load balancers\n", planned, of)
			}
		}}
}
