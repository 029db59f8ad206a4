package controller

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

func managerOptions(c *config.Config, scheme *runtime.Scheme, log logr.Logger) ctrl.Options {
	o := ctrl.Options{
		Scheme: scheme,
		Logger: log,
		// they are served from the start on, as probes are
		Metrics:                       metricsserver.Options{BindAddress: "0"},
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
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}: {Transform: reducePods(c.QUICVariable)}, &corev1.Node{}: {Transform: reduceNode},
				&discoveryv1.EndpointSlice{}: {Transform: reduceSlice},
			},
		},
		Client: client.Options{
			Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
	}
	if c.WatchNamespace != "" {
		o.Cache.DefaultNamespaces = map[string]cache.Config{c.WatchNamespace: {}}
	}
	return o
}

// optionalKinds are the optional kinds that the controllers read: those of Gateways and accelerators only if these are
// served.
func optionalKinds(c *config.Config, scheme *runtime.Scheme) (map[objects.Kind]schema.GroupVersionKind, error) {
	kinds, err := optionalkinds.Kinds(scheme)
	accelerators := c.ServesAccelerators()
	maps.DeleteFunc(kinds, func(k objects.Kind, _ schema.GroupVersionKind) bool {
		switch k {
		case objects.GlobalAccelerator:
			return !accelerators
		case objects.Gateway, objects.ReferenceGrant: // which endpoints of accelerators name
			return !accelerators && !c.ServesGateways()
		default:
			return !c.ServesGateways() && !readable.Kinds[k].Required
		}
	})
	return kinds, err
}

// cacheOfOptionalKinds makes caches that also hold kinds whose definitions a cluster may lack, get and lose while the
// controller runs, and what is known of these definitions. Objects of other namespaces than restricted's, if it is not
// nil, are read as that has it. pods is called with the cache of the pods once the cache exists.
func cacheOfOptionalKinds(api rest.Interface, kinds map[objects.Kind]schema.GroupVersionKind,
	restricted *reads.Restricted, pods func(rc *rest.Config, o cache.Options, others cache.Cache) cache.Cache,
	log logr.Logger) (cache.NewCacheFunc, *optionalkinds.Definitions) {
	definitions := optionalkinds.NewDefinitions(optionalkinds.DiscoverFrom(api), kinds, time.Now, log)
	definitions.Read = optionalkinds.ReadDefinitionFrom(api)
	return func(rc *rest.Config, o cache.Options) (cache.Cache, error) {
		common, err := optionalkinds.NewCache(rc, o, definitions, log)
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
func (c restrictedCache) Get(ctx context.Context, key client.ObjectKey, o client.Object,
	opts ...client.GetOption) error {
	return c.Restricted.Get(ctx, key, o, opts...)
}

// List implements client.Reader.
func (c restrictedCache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.Restricted.List(ctx, list, opts...)
}

// apiClients are clients of the groups of the API that the controller calls besides its caches. client-go's clientset
// has a client of each of some fifty groups.
type apiClients struct {
	core          *corev1client.CoreV1Client
	authorization *authorizationclient.AuthorizationV1Client
	discovery     *discovery.DiscoveryClient
}

func newAPIClients(rc *rest.Config, hc *http.Client) (*apiClients, error) {
	ofCore := rest.CopyConfig(rc)
	ofCore.ContentType = runtime.ContentTypeProtobuf // as controller-runtime's clients have it for built-in kinds
	core, coreErr := corev1client.NewForConfigAndClient(ofCore, hc)
	authorization, authorizationErr := authorizationclient.NewForConfigAndClient(rc, hc)
	kinds, discoveryErr := discovery.NewDiscoveryClientForConfigAndClient(rc, hc)
	return &apiClients{core: core, authorization: authorization, discovery: kinds}, errors.Join(coreErr, authorizationErr,
		discoveryErr)
}

// CoreV1 returns what packages ask for that read or write objects of the core group.
func (c *apiClients) CoreV1() corev1client.CoreV1Interface { return c.core }

// labelled is a client for objects that are the controller's own as a whole: they get the labels that users want on
// what it creates.
type labelled struct {
	client.Client
	labels map[string]string
}

// ownObjects is the client for ConfigMaps and Secrets of the controller.
func (w *Wiring) ownObjects() client.Client {
	return labelled{w.mgr.GetClient(), w.Config.ObjectLabels}
}

// Create implements client.Writer.
func (l labelled) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	l.label(o)
	return l.Client.Create(ctx, o, opts...)
}

// Update implements client.Writer.
func (l labelled) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	l.label(o)
	return l.Client.Update(ctx, o, opts...)
}

func (l labelled) label(o client.Object) {
	if len(l.labels) == 0 {
		return
	}
	all := maps.Clone(o.GetLabels())
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, l.labels)
	o.SetLabels(all)
}
