package controller

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/k8s-lbc/lbc/internal/bindings"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/controller/nodedrain"
	"github.com/k8s-lbc/lbc/internal/controller/optional"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/drain"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/readiness"
	"github.com/k8s-lbc/lbc/internal/serverid"
	"github.com/k8s-lbc/lbc/internal/targets"
)

func managerOptions(c *config.Config, scheme *runtime.Scheme, log logr.Logger) ctrl.Options {
	o := ctrl.Options{
		Scheme:                        scheme,
		Logger:                        log,
		Metrics:                       metricsserver.Options{BindAddress: "0"}, // they are served from the start on, as probes are
		HealthProbeBindAddress:        "0",
		PprofBindAddress:              c.PprofAddr,
		LeaderElection:                c.LeaderElection,
		LeaderElectionID:              c.LeaderElectionID,
		LeaderElectionNamespace:       c.LeaderElectionNamespace,
		LeaseDuration:                 ptr.To(leaseDuration),
		RenewDeadline:                 ptr.To(renewDeadline),
		LeaderElectionReleaseOnCancel: true, // a rolling update must not wait for the lease to expire
		GracefulShutdownTimeout:       ptr.To(20 * time.Second),
		Cache: cache.Options{
			SyncPeriod:       &c.SyncPeriod,
			DefaultTransform: reduceMetadata,
			ByObject:         map[client.Object]cache.ByObject{&corev1.Pod{}: {Transform: reducePods(c.QUICVariable)}, &corev1.Node{}: {Transform: reduceNode}},
		},
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
	}
	if c.WatchNamespace != "" {
		o.Cache.DefaultNamespaces = map[string]cache.Config{c.WatchNamespace: {}}
	}
	return o
}

// optionalKinds are the optional kinds that the controllers read: those of Gateways and accelerators only if these are served.
func optionalKinds(c *config.Config, scheme *runtime.Scheme) (map[objects.Kind]schema.GroupVersionKind, error) {
	kinds, err := optional.Kinds(scheme)
	accelerators := c.ServesAccelerators()
	maps.DeleteFunc(kinds, func(k objects.Kind, _ schema.GroupVersionKind) bool {
		switch k {
		case objects.GlobalAccelerator:
			return !accelerators
		case objects.Gateway, objects.ReferenceGrant: // which endpoints of accelerators name
			return !accelerators && !c.ServesGateways()
		default:
			return !c.ServesGateways() && !kube.Kinds[k].Required
		}
	})
	return kinds, err
}

// cacheOfOptionalKinds makes caches that also hold kinds whose definitions a cluster may lack, get and lose while the controller runs, and what is
// known of these definitions.
// Objects of other namespaces than restricted's, if it is not nil, are read as that has it. pods is called with the cache of the pods when it is made.
func cacheOfOptionalKinds(core kubernetes.Interface, kinds map[objects.Kind]schema.GroupVersionKind, restricted *reads.Restricted, pods func(rc *rest.Config, o cache.Options, others cache.Cache) cache.Cache, log logr.Logger) (cache.NewCacheFunc, *optional.Definitions) {
	definitions := optional.NewDefinitions(optional.DiscoverFrom(core.Discovery().RESTClient()), kinds, time.Now, log)
	definitions.Read = optional.ReadDefinitionFrom(core.Discovery().RESTClient())
	return func(rc *rest.Config, o cache.Options) (cache.Cache, error) {
		common, err := optional.NewCache(rc, o, definitions, log)
		if err != nil {
			return nil, err
		}
		c := pods(rc, o, common)
		if restricted == nil {
			return c, nil
		}
		restricted.Cache = c
		restricted.Live, err = client.New(rc, client.Options{Scheme: o.Scheme, Mapper: o.Mapper, HTTPClient: o.HTTPClient})
		return restrictedCache{c, restricted}, err
	}, definitions
}

// restrictedCache is a cache of one namespace.
type restrictedCache struct {
	cache.Cache
	*reads.Restricted
}

// Get implements client.Reader.
func (c restrictedCache) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.Restricted.Get(ctx, key, o, opts...)
}

// List implements client.Reader.
func (c restrictedCache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.Restricted.List(ctx, list, opts...)
}

// reduceMetadata takes away what nothing reads of the metadata of any object: who manages which field, and the whole object once more as kubectl applied it.
// Nothing is written from a cached object but patches of what changes of it, so that the API server keeps both.
func reduceMetadata(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone
	}
	if o.GetManagedFields() != nil {
		o.SetManagedFields(nil)
	}
	if annotations := o.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" { // a resync shows what others read: nothing is written to it
		delete(annotations, corev1.LastAppliedConfigAnnotation)
	}
	return in, nil
}

// reducePods returns a function that returns the parts of a pod that endpoint resolution reads. With tens of thousands of pods the others would be most of the
// controller's memory. variable is the environment variable with the server id of containers that serve QUIC.
func reducePods(variable string) func(any) (any, error) {
	return func(in any) (any, error) {
		p, ok := in.(*corev1.Pod)
		if !ok {
			return in, nil
		}
		return reducePod(p, variable), nil
	}
}

func reducePod(p *corev1.Pod, variable string) *corev1.Pod {
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion,
		CreationTimestamp: p.CreationTimestamp, DeletionTimestamp: p.DeletionTimestamp,
	}}
	for _, key := range []string{bindings.PodENIAnnotation, drain.SecondsAnnotation, serverid.Annotation} {
		if value, ok := p.Annotations[key]; ok {
			metav1.SetMetaDataAnnotation(&out.ObjectMeta, key, value)
		}
	}
	out.Spec.NodeName, out.Spec.ReadinessGates, out.Spec.TerminationGracePeriodSeconds = p.Spec.NodeName, p.Spec.ReadinessGates, p.Spec.TerminationGracePeriodSeconds
	for i := range p.Spec.Containers {
		if c, ok := reduceContainer(p, &p.Spec.Containers[i], variable); ok {
			out.Spec.Containers = append(out.Spec.Containers, c)
		}
	}
	for i := range p.Spec.InitContainers {
		if r := p.Spec.InitContainers[i].RestartPolicy; r == nil || *r != corev1.ContainerRestartPolicyAlways {
			continue
		}
		if c, ok := reduceContainer(p, &p.Spec.InitContainers[i], variable); ok {
			c.Lifecycle = nil // sidecars end after the containers
			out.Spec.InitContainers = append(out.Spec.InitContainers, c)
		}
	}
	out.Status.PodIP = p.Status.PodIP
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.ContainersReady || c.Type == corev1.PodReady || readiness.Has(p, c.Type) {
			out.Status.Conditions = append(out.Status.Conditions, c)
		}
	}
	return out
}

// reduceContainer returns what is read of a container: ports that may be named, the sleep before its end and, of a pod with server ids, all ports and the
// variable with the id. ok is false if nothing is: a container takes half a kilobyte.
func reduceContainer(p *corev1.Pod, c *corev1.Container, variable string) (kept corev1.Container, ok bool) {
	kept = corev1.Container{Name: c.Name, RestartPolicy: c.RestartPolicy}
	_, identified := p.Annotations[serverid.Annotation]
	for _, port := range c.Ports {
		if port.Name != "" || identified {
			kept.Ports = append(kept.Ports, port)
		}
	}
	for _, e := range c.Env {
		if e.Name == variable && identified {
			kept.Env = []corev1.EnvVar{e}
			break
		}
	}
	if l := c.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
		kept.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: l.PreStop.Sleep}}
	}
	return kept, identified || kept.Ports != nil || kept.Lifecycle != nil
}

// reduceNode returns the parts of a node that endpoint resolution reads. The list of its images and its annotations are most of a node.
func reduceNode(in any) (any, error) {
	n, ok := in.(*corev1.Node)
	if !ok {
		return in, nil
	}
	out := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: n.Name, UID: n.UID, ResourceVersion: n.ResourceVersion, Labels: n.Labels,
		CreationTimestamp: n.CreationTimestamp, DeletionTimestamp: n.DeletionTimestamp,
	}}
	out.Spec.ProviderID, out.Spec.Taints, out.Spec.Unschedulable = n.Spec.ProviderID, n.Spec.Taints, n.Spec.Unschedulable
	out.Status.Addresses = n.Status.Addresses
	for _, c := range n.Status.Conditions {
		if c.Type == nodedrain.Condition { // which this controller writes
			out.Status.Conditions = append(out.Status.Conditions, c)
		}
		if c.Type == corev1.NodeReady { // heartbeats change the others all the time
			kept := corev1.NodeCondition{Type: c.Type, Status: c.Status}
			if strings.Contains(c.Message, targets.ShuttingDown) {
				kept.Message = targets.ShuttingDown
			}
			out.Status.Conditions = append(out.Status.Conditions, kept)
		}
	}
	return out, nil
}
