package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/cronjob"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/disruption"
	"k8s.io/kubernetes/pkg/controller/endpoint"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/endpointslicemirroring"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/nodelifecycle"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"
	"k8s.io/kubernetes/pkg/controller/tainteviction"
	tokens "k8s.io/kubernetes/pkg/serviceaccount"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

// controllers are Kubernetes' own, each made directly: the program that bundles them all also links storage, cloud and
// kubelet code, a tenth of the playground's first build. The rates are those of kube-controller-manager's flags.
type controllers struct {
	config *rest.Config
	client kubernetes.Interface
	shared informers.SharedInformerFactory
	ca     []byte
	key    any // signs the tokens of service accounts

	metadata metadata.Interface
	mapper   *restmapper.DeferredDiscoveryRESTMapper
	objects  informerfactory.InformerFactory
	started  chan struct{} // closed when the informers may be started by others, too
}

// constructor makes one controller; its loop runs until ctx ends.
type constructor struct {
	name string
	make func(*controllers, context.Context) (loop func(context.Context), err error)
}

// constructors are those that the life of a workload behind a load balancer needs. Storage, certificates, quotas and
// cloud controllers have nothing to act on here.
var constructors = []constructor{
	{"serviceaccount-token", (*controllers).serviceAccountTokens},
	{"serviceaccount", (*controllers).serviceAccounts},
	{"root-ca-certificate-publisher", (*controllers).rootCertificates},
	{"namespace", (*controllers).namespaces},
	{"garbage-collector", (*controllers).garbage},
	{"deployment", (*controllers).deployments},
	{"replicaset", (*controllers).replicaSets},
	{"statefulset", (*controllers).statefulSets},
	{"daemonset", (*controllers).daemonSets},
	{"job", (*controllers).jobs},
	{"cronjob", (*controllers).cronJobs},
	{"disruption", (*controllers).disruption},
	{"endpoints", (*controllers).endpoints},
	{"endpointslice", (*controllers).endpointSlices},
	{"endpointslice-mirroring", (*controllers).mirroredEndpointSlices},
	{"node-lifecycle", (*controllers).nodeLifecycle},
	{"taint-eviction", (*controllers).taintEviction},
	{"orphaned-pods", (*controllers).orphanedPods},
	{"clusterrole-aggregation", (*controllers).clusterRoles},
}

func (cp *controlPlane) startControllers() error {
	logger, err := componentLogger(cp.logPath("controller-manager"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
	c, err := newControllers(cp.creds.Config(cp.address, controlplane.Controllers), cp.creds)
	if err != nil {
		cancel()
		return err
	}
	loops := make([]func(context.Context), len(constructors))
	for i, k := range constructors {
		if loops[i], err = k.make(c, ctx); err != nil {
			cancel()
			return fmt.Errorf("%s controller: %w", k.name, err)
		}
	}
	cp.run(ctx, "kube-controller-manager", func(ctx context.Context) error {
		defer cancel()
		c.objects.Start(ctx.Done())
		c.shared.Start(ctx.Done())
		close(c.started)
		var running sync.WaitGroup
		for _, loop := range loops {
			running.Go(func() { loop(ctx) })
		}
		running.Wait()
		return ctx.Err()
	})
	return nil
}

func newControllers(config *rest.Config, creds *controlplane.Credentials) (*controllers, error) {
	// Everything is fresh for as long as the playground runs; the period spreads the resyncs of different kinds.
	resync := time.Duration(float64(12*time.Hour) * (1 + rand.Float64()))
	c := &controllers{config: config, ca: creds.CA, started: make(chan struct{})}
	var err error
	if c.key, err = keyutil.PrivateKeyFromFile(creds.ServiceAccountKey); err != nil {
		return nil, err
	}
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.client.Discovery()))
	c.shared = informers.NewSharedInformerFactory(c.client, resync)
	c.objects = informerfactory.NewInformerFactory(c.shared, metadatainformer.NewSharedInformerFactory(c.metadata, resync))
	return c, nil
}

func (c *controllers) serviceAccountTokens(ctx context.Context) (func(context.Context), error) {
	generator, err := tokens.JWTTokenGenerator(tokens.LegacyIssuer, c.key)
	if err != nil {
		return nil, err
	}
	k, err := serviceaccount.NewTokensController(klog.FromContext(ctx), c.shared.Core().V1().ServiceAccounts(),
		c.shared.Core().V1().Secrets(), c.client,
		serviceaccount.TokensControllerOptions{TokenGenerator: generator, RootCA: c.ca})
	return func(ctx context.Context) { k.Run(ctx, 5) }, err
}

func (c *controllers) serviceAccounts(ctx context.Context) (func(context.Context), error) {
	k, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), c.shared.Core().V1().ServiceAccounts(),
		c.shared.Core().V1().Namespaces(), c.client,
		serviceaccount.DefaultServiceAccountsControllerOptions())
	return func(ctx context.Context) { k.Run(ctx, 1) }, err
}

func (c *controllers) rootCertificates(context.Context) (func(context.Context), error) {
	k, err := rootcacertpublisher.NewPublisher(c.shared.Core().V1().ConfigMaps(), c.shared.Core().V1().Namespaces(),
		c.client, c.ca)
	return func(ctx context.Context) { k.Run(ctx, 1) }, err
}

func (c *controllers) namespaces(ctx context.Context) (func(context.Context), error) {
	// Deleting a namespace must not wait for the default resync of discovery.
	k := namespace.NewNamespaceController(ctx, c.client, c.metadata,
		c.client.Discovery().ServerPreferredNamespacedResources, c.shared.Core().V1().Namespaces(),
		time.Minute, corev1.FinalizerKubernetes)
	return func(ctx context.Context) { k.Run(ctx, 10) }, nil
}

func (c *controllers) garbage(ctx context.Context) (func(context.Context), error) {
	ignored := map[schema.GroupResource]struct{}{}
	for resource := range garbagecollector.DefaultIgnoredResources() {
		ignored[resource] = struct{}{}
	}
	graph := garbagecollector.NewDependencyGraphBuilder(ctx, c.metadata, c.mapper, ignored, c.objects, c.started)
	k, err := garbagecollector.NewComposedGarbageCollector(ctx, c.client, c.metadata, c.mapper, graph)
	const period = 30 * time.Second
	return func(ctx context.Context) {
		var running sync.WaitGroup
		running.Go(func() { k.Run(ctx, 20, period) })
		running.Go(func() { k.Sync(ctx, c.client.Discovery(), period) })
		running.Wait()
	}, err
}

func (c *controllers) deployments(ctx context.Context) (func(context.Context), error) {
	k, err := deployment.NewDeploymentController(ctx, c.shared.Apps().V1().Deployments(),
		c.shared.Apps().V1().ReplicaSets(), c.shared.Core().V1().Pods(), c.client)
	return func(ctx context.Context) { k.Run(ctx, 5) }, err
}

func (c *controllers) replicaSets(ctx context.Context) (func(context.Context), error) {
	k := replicaset.NewReplicaSetController(ctx, c.shared.Apps().V1().ReplicaSets(), c.shared.Core().V1().Pods(), c.client,
		replicaset.BurstReplicas)
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}

func (c *controllers) statefulSets(ctx context.Context) (func(context.Context), error) {
	k := statefulset.NewStatefulSetController(ctx, c.shared.Core().V1().Pods(), c.shared.Apps().V1().StatefulSets(),
		c.shared.Core().V1().PersistentVolumeClaims(),
		c.shared.Apps().V1().ControllerRevisions(), c.client)
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}

func (c *controllers) daemonSets(ctx context.Context) (func(context.Context), error) {
	k, err := daemon.NewDaemonSetsController(ctx, c.shared.Apps().V1().DaemonSets(),
		c.shared.Apps().V1().ControllerRevisions(), c.shared.Core().V1().Pods(),
		c.shared.Core().V1().Nodes(), c.client, flowcontrol.NewBackOff(time.Second, 15*time.Minute))
	return func(ctx context.Context) { k.Run(ctx, 2) }, err
}

func (c *controllers) jobs(ctx context.Context) (func(context.Context), error) {
	k, err := job.NewController(ctx, c.client, c.shared.Core().V1().Pods(), c.shared.Batch().V1().Jobs(), nil, nil)
	return func(ctx context.Context) { k.Run(ctx, 5) }, err
}

func (c *controllers) cronJobs(ctx context.Context) (func(context.Context), error) {
	k, err := cronjob.NewControllerV2(ctx, c.shared.Batch().V1().Jobs(), c.shared.Batch().V1().CronJobs(), c.client)
	return func(ctx context.Context) { k.Run(ctx, 5) }, err
}

func (c *controllers) disruption(ctx context.Context) (func(context.Context), error) {
	scales, err := scale.NewForConfig(c.config, c.mapper, dynamic.LegacyAPIPathResolverFunc,
		scale.NewDiscoveryScaleKindResolver(c.client.Discovery()))
	if err != nil {
		return nil, err
	}
	k := disruption.NewDisruptionController(ctx, c.shared.Core().V1().Pods(),
		c.shared.Policy().V1().PodDisruptionBudgets(), c.shared.Core().V1().ReplicationControllers(),
		c.shared.Apps().V1().ReplicaSets(), c.shared.Apps().V1().Deployments(), c.shared.Apps().V1().StatefulSets(), c.client,
		c.mapper, scales, c.client.Discovery())
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}

func (c *controllers) endpoints(ctx context.Context) (func(context.Context), error) {
	k := endpoint.NewEndpointController(ctx, c.shared.Core().V1().Pods(), c.shared.Core().V1().Services(),
		c.shared.Core().V1().Endpoints(), c.client, 0)
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}

func (c *controllers) endpointSlices(ctx context.Context) (func(context.Context), error) {
	k := endpointslice.NewController(ctx, c.shared.Core().V1().Pods(), c.shared.Core().V1().Services(),
		c.shared.Core().V1().Nodes(), c.shared.Discovery().V1().EndpointSlices(), 100, c.client, 0)
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}

func (c *controllers) mirroredEndpointSlices(ctx context.Context) (func(context.Context), error) {
	k := endpointslicemirroring.NewController(ctx, c.shared.Core().V1().Endpoints(),
		c.shared.Discovery().V1().EndpointSlices(), c.shared.Core().V1().Services(), 1000, c.client, 0)
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}

func (c *controllers) nodeLifecycle(ctx context.Context) (func(context.Context), error) {
	const (
		monitor, startup, grace = 5 * time.Second, time.Minute, 50 * time.Second
		evictions, secondary    = 0.1, 0.01 // nodes a second
		largeCluster, unhealthy = 50, 0.55  // nodes, share of a zone
	)
	k, err := nodelifecycle.NewNodeLifecycleController(ctx, c.shared.Coordination().V1().Leases(),
		c.shared.Core().V1().Pods(), c.shared.Core().V1().Nodes(),
		c.shared.Apps().V1().DaemonSets(), c.client, monitor, startup, grace, evictions, secondary, largeCluster, unhealthy)
	return func(ctx context.Context) { k.Run(ctx) }, err
}

func (c *controllers) taintEviction(ctx context.Context) (func(context.Context), error) {
	k, err := tainteviction.New(ctx, c.client, c.shared.Core().V1().Pods(), c.shared.Core().V1().Nodes(),
		"taint-eviction-controller")
	if err != nil {
		return nil, err
	}
	return k.Run, nil
}

func (c *controllers) orphanedPods(context.Context) (func(context.Context), error) {
	k := orphans{client: c.client, pods: c.shared.Core().V1().Pods(), nodes: c.shared.Core().V1().Nodes()}
	k.informers()
	return k.run, nil
}

func (c *controllers) clusterRoles(context.Context) (func(context.Context), error) {
	k := clusterroleaggregation.NewClusterRoleAggregation(c.shared.Rbac().V1().ClusterRoles(), c.client.RbacV1())
	return func(ctx context.Context) { k.Run(ctx, 5) }, nil
}
