package controller

import (
	"context"
	"maps"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
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

	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/controller/optional"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/objects"
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
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject:         map[client.Object]cache.ByObject{&corev1.Pod{}: {Transform: reducePod}, &corev1.Node{}: {Transform: reduceNode}},
		},
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
	}
	if c.WatchNamespace != "" {
		o.Cache.DefaultNamespaces = map[string]cache.Config{c.WatchNamespace: {}}
	}
	return o
}

// optionalKinds are the optional kinds that the controllers read: those of Gateways only if these are served.
func optionalKinds(c *config.Config, scheme *runtime.Scheme) (map[objects.Kind]schema.GroupVersionKind, error) {
	kinds, err := optional.Kinds(scheme)
	if !c.ServesGateways() {
		maps.DeleteFunc(kinds, func(k objects.Kind, _ schema.GroupVersionKind) bool { return !kube.Kinds[k].Required })
	}
	return kinds, err
}

// cacheOfOptionalKinds makes caches that also hold kinds whose definitions a cluster may lack, get and lose while the controller runs, and what is
// known of these definitions.
// Objects of other namespaces than restricted's, if it is not nil, are read as that has it.
func cacheOfOptionalKinds(core kubernetes.Interface, kinds map[objects.Kind]schema.GroupVersionKind, restricted *reads.Restricted, log logr.Logger) (cache.NewCacheFunc, *optional.Definitions) {
	definitions := optional.NewDefinitions(optional.DiscoverFrom(core.Discovery().RESTClient()), kinds, time.Now, log)
	definitions.Read = optional.ReadDefinitionFrom(core.Discovery().RESTClient())
	return func(rc *rest.Config, o cache.Options) (cache.Cache, error) {
		c, err := optional.NewCache(rc, o, definitions, log)
		if err != nil {
			return nil, err
		}
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

// reducePod returns the parts of a pod that endpoint resolution reads. With tens of thousands of pods the others would be most of the
// controller's memory.
func reducePod(in any) (any, error) {
	p, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion,
		CreationTimestamp: p.CreationTimestamp, DeletionTimestamp: p.DeletionTimestamp,
	}}
	if eni, ok := p.Annotations[networking.PodENIAnnotation]; ok {
		out.Annotations = map[string]string{networking.PodENIAnnotation: eni}
	}
	out.Spec.NodeName, out.Spec.ReadinessGates = p.Spec.NodeName, p.Spec.ReadinessGates
	for _, c := range p.Spec.Containers {
		out.Spec.Containers = append(out.Spec.Containers, corev1.Container{Name: c.Name, Ports: c.Ports})
	}
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out.Spec.InitContainers = append(out.Spec.InitContainers, corev1.Container{Name: c.Name, Ports: c.Ports, RestartPolicy: c.RestartPolicy})
		}
	}
	out.Status.PodIP, out.Status.Conditions = p.Status.PodIP, p.Status.Conditions
	return out, nil
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
		if c.Type == corev1.NodeReady { // heartbeats change the others all the time
			out.Status.Conditions = append(out.Status.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	return out, nil
}
