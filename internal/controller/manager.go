// Package controller wires the controllers to Kubernetes: caches, watches, leadership and webhooks. Wiring.setUp lists
// the parts. It also has what concerns all controllers: the lists of the account at a start (Loader), the search for
// drift (DriftDetector), what checkpoints hold (checkpoints.go), and the record for lbc timeline (History). Packages
// below it make the passes: stacks over load balancers, bindingpass over TargetGroupBindings, accelerator over
// GlobalAccelerators. Packages front, compile and plan make the decisions about load balancers.
package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/controller/accelerator"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/eventwriter"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/leaderdoctor"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
	"github.com/k8s-lbc/lbc/internal/controller/podcache"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/unclaimed"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// throttles are the limits that always apply. The built-in ones for ELBv2 are not among them: the limiter changes to
// AWS's published rates as soon as AWS throttles a call, and until then a burst of registrations need not wait for
// seconds.
func throttles(t config.Throttle) []awsclient.Throttle {
	var out []awsclient.Throttle
	for service, rules := range t {
		for _, r := range rules {
			if r.Default && service == awsclient.ServiceELBV2 {
				continue
			}
			out = append(out, awsclient.Throttle{Service: service, Operation: r.Operation, Rate: r.Rate, Burst: r.Burst})
		}
	}
	return out
}

// Wiring has the parts from which the others are built.
type Wiring struct {
	Config  *config.Config
	mgr     ctrl.Manager
	Scopes  *awsclient.Scopes
	Clients awsclient.Clients // of the own scope, as the inventory is
	Metrics *metrics.Metrics
	Log     logr.Logger
	Now     func() time.Time

	start       *start
	definitions *optionalkinds.Definitions // of kinds that a cluster may lack
	pods        *podcache.Cache            // of namespaces that need them
	uncopied    *readable.Shared           // pods and nodes of the caches, without copies
	restricted  *reads.Restricted          // nil = the caches show all namespaces, or Gateways are not served
	changed     []func(objects.Change)     // are called when an object changes of which there are no events

	// setUp makes the following in their order. Functions that are called after the start may use later ones.
	Inventory *inventory.Inventory
	history   *History          // of the leader
	brake     *brake.Brake      // of deletions, by all owners together
	shared    *namesake.Shared  // what another cluster of the same name was found to look after
	writers   *namesake.Writers // of LoadBalancer objects
	// when another process began to write the checkpoints of this one; nil = none did
	fencedAt        atomic.Pointer[time.Time]
	crashed         atomic.Bool // the former leader did not end in order
	Writer          *stacks.BindingWriter
	backend         *stacks.BackendGroup
	otherNamespaces *bindingpass.OtherNamespaces // nil = the caches show all namespaces
	checkpoints     *checkpoint.Writer
	refusals        *refusal.Memory // what AWS refuses of stacks, bindings and accelerators
	preceding       *bindingpass.Preceding
	lbStatus        *lbstatus.Writer
	Owners          []*stacks.Reconciler
	accelerators    *accelerator.Reconciler // nil = GlobalAccelerators are not served
	registry        *registrar.Registry
	selectors       *reads.Selectors // of Services, for the webhooks of pods; nil = none are served
	// webhookValidity is from when until when the certificate of the webhooks is valid; nil = none are served.
	webhookValidity func() (from, until time.Time)
	rules           []*queue.Keyed // of security groups, for targets
	board           *waiting.Board // of stacks and bindings that wait
	holds           *hold.Book     // what administrators hold
	boundHolds      inForce        // as of the last look of the watch of holds
	holdReporter    *reporting.Reporter
	told            reporting.Told       // by the other reporters
	eventWriter     *eventwriter.Writer  // of all reporters
	events          *leaderdoctor.Events // that the doctor in the leader reads
	unclaimed       *unclaimed.Watch     // nil = objects of other namespaces are not seen
	bindings        *bindingpass.Reconciler
	runnables       []manager.Runnable // that the manager starts
	rolesNoted      sync.Once          // that bindings use roles
}

// setUp makes all parts and adds them to the manager.
func (w *Wiring) setUp(ctx context.Context) error {
	w.events = leaderdoctor.NewEvents(w.Now)
	w.eventWriter = eventwriter.New(w.start.api.core.Events(""), w.Log.WithName("events"))
	w.starts(w.eventWriter)
	w.setUpInventory()
	w.setUpHolds()
	w.setUpShared()
	for _, part := range []struct {
		name  string
		setUp func(context.Context) error
	}{
		{"the informers", w.setUpInformers},
		{"the health checks", w.setUpChecks},
		{"the admission webhooks", w.setUpWebhooks},
		{"the Ingress controller", w.setUpIngress},
		{"the Service controller", w.setUpService},
		{"the Gateway controllers", w.setUpGateways},
		{"the GlobalAccelerator controller", w.setUpAccelerators},
		{"the reads of other namespaces", w.watchRestricted},
		{"the TargetGroupBinding controller", w.setUpBindings},
		{"the watches of pods", w.setUpPods}, // which have the indexes that the controllers add
	} {
		if err := part.setUp(ctx); err != nil {
			return fmt.Errorf("setting up %s: %w", part.name, err)
		}
	}
	w.setUpDriftDetector()
	w.watchUnclaimed()
	w.showWaiting()
	w.setUpDoctor()
	w.starts(
		&Loader{Inventory: w.Inventory, Checkpoints: w.checkpoints, Stacks: w.Owners, Declared: w.declares, Log: w.Log},
		&stacks.CertificateWatcher{Read: w.Inventory.Certificates().Read, Owners: w.Owners, Always: w.Config.DriftInterval >
			0, Used: w.Inventory.UsesCertificates, ReadEnds: w.Inventory.Certificates().ReadEnds, Now: w.Now,
			Log: w.Log.WithName("certificates")},
		&lbstatus.ProvisioningWatcher{
			Starting: w.Inventory.Provisioning, Refresh: w.Inventory.RefreshStates, Now: w.Now, Log: w.Log.WithName("balancers"),
			Wake: func(key stack.Key) { w.wake(queue.Normal, key) },
		},
		gatewayNotice{controllers: unservedControllers(w.Config), reader: w.mgr.GetAPIReader(),
			namespace: w.Config.WatchNamespace, record: w.recorder("gateway"), log: w.Log.WithName("gateway")},
		metrics.Sampler{Metrics: w.Metrics, Cache: w.mgr.GetCache(), Unserved: w.unserved()},
	)
	for _, r := range w.runnables {
		if err := w.mgr.Add(r); err != nil {
			return err
		}
	}
	return nil
}

// declared are the stacks that passes reconcile.
func (w *Wiring) declared() (all []stack.Key) {
	for _, s := range w.Owners {
		all = append(all, s.Index.Units()...)
	}
	return all
}

// declares reports whether there are any.
func (w *Wiring) declares() bool { return len(w.declared()) > 0 }

// Aside reports whether a denied call is an answer and no lack. A role for TargetGroupBindings alone may neither list
// load balancers nor read whose a target group is. A policy with a condition on tags denies calls about what this
// process has just deleted.
func (w *Wiring) Aside(c awsclient.Call) bool {
	if w.Inventory != nil && c.Err != nil {
		if _, resource := awsclient.Denial(c.Err.Error()); resource != "" && w.Inventory.Gone(resource) {
			return true
		}
	}
	// AWS is left to decide what fits; ends of certificates are for metrics and checks only
	return c.Cause == awsclient.CertificateEnds ||
		c.Operation == "DescribeAccountLimits" || c.Operation == "DescribeManagedPrefixLists" ||
		(c.Cause == awsclient.Listing || c.Operation == "DescribeLoadBalancers" || c.Operation == "DescribeTags") &&
			!w.declares()
}

// starts lists what the manager starts.
func (w *Wiring) starts(rs ...manager.Runnable) { w.runnables = append(w.runnables, rs...) }

// setUpInventory makes the cache of AWS.
func (w *Wiring) setUpInventory() {
	scope := inventoryscope.Of(w.Config)
	scope.Now = w.Now
	scope.CertificatesChanged = w.CertificatesChanged
	scope.Freed = func(keys []stack.Key) {
		for _, key := range keys {
			w.wake(queue.Normal, key)
		}
	}
	scope.Progress = func(read, of int) { w.Log.Info("reading the tags of the account", "read", read, "of", of) }
	w.refusals = refusal.New(w.Now, buildinfo.Read(w.Config.Version).String())
	scope.Refusals = w.refusals
	w.Inventory = inventory.New(w.Clients, scope)
	if w.Config.ImportsCertificates() {
		w.Metrics.Count("lbc_certificate_imports_last_year", w.Inventory.Certificates().ImportsLastYear)
	}
}

// setUpShared makes what the controllers of stacks and bindings share.
func (w *Wiring) setUpShared() {
	c := w.Config
	w.setUpTwins()
	w.brake = brake.New(c.DeletionBrake, w.Now)
	w.Metrics.Count("lbc_deletions_held", w.brake.Stopped)
	w.Writer = stacks.NewBindingWriter(w.mgr.GetClient(), w.Now)
	run := func(ctx context.Context, p plan.Plan) apply.Result { return apply.Run(ctx, p, w.deps()) }
	w.backend = stacks.NewBackendGroup(w.mgr.GetClient(), w.Inventory, run, c.ClusterName, w.Log.WithName("backend-sg"))
	w.backend.Shared = w.shared.Known
	w.backend.Unserved, w.backend.DefaultTags, w.backend.ExternalTags = w.unserved(), c.DefaultTags, c.ExternalManagedTags
	w.backend.Failed = func(o stack.Owner) {
		w.Metrics.CountFailure(owner.Of(o).Controller, metrics.SharedGroupNotReleased)
	}
	if w.backend.Restricted = c.WatchNamespace != ""; w.backend.Restricted {
		w.Log.Info("the controller sees one namespace only: security group rules that bindings of other namespaces may "+
			"need are not revoked, and the shared backend security group is not deleted",
			"watch-namespace", c.WatchNamespace)
		w.otherNamespaces = bindingpass.NewOtherNamespaces(w.mgr.GetAPIReader(), c.WatchNamespace, w.Now,
			w.Log.WithName("elsewhere"))
		w.starts(w.otherNamespaces)
	}
	w.preceding = &bindingpass.Preceding{}
	w.checkpoints = w.newCheckpoints(w.restore)
	w.history.KeptIn(w.checkpoints)
	KeepRefusals(w.checkpoints, w.refusals)
	if w.preceding.Checkpoints = w.checkpoints; w.checkpoints != nil {
		w.checkpoints.Late = w.restoreLate
		w.start.versions.OnBack(w.checkpoints.Store.Rewrite) // else the next process believes those of the snapshot
		w.starts(w.checkpoints)
	}
	w.lbStatus = lbstatus.NewWriter(w.mgr.GetClient(), w.mgr.GetAPIReader(), c.WatchNamespace, w.Now,
		w.Log.WithName("status"))
	w.lbStatus.Cluster, w.lbStatus.Writers, w.lbStatus.Tenant = c.ClusterName, w.writers, w.tenant
	w.lbStatus.Labels, w.lbStatus.Reporter = settings.ObjectLabels(c), w.reporter("loadBalancer")
	w.lbStatus.OnInstalled = func() {
		for _, s := range w.Owners {
			s.Waker.Wake(queue.Drift, s.Index.Units()...)
		}
	}
	w.lbStatus.BecameReady = w.Metrics.ObserveReady
	w.Metrics.CollectLoadBalancers(w.lbStatus.LoadBalancers, w.Inventory.QuotaUse)
	w.starts(w.backend, w.lbStatus)
}

// unserved are the owners whose objects are not read: a cluster may not serve their kind, nor permit to list it.
func (w *Wiring) unserved() []stack.Owner {
	if w.Config.ServesGateways() {
		return nil
	}
	return []stack.Owner{stack.GatewayALB, stack.GatewayNLB}
}

// restore enters the content of checkpoints where a new leader begins with it.
func (w *Wiring) restore(restored checkpoint.Restored) {
	w.crashed.Store(!restored.Complete && !restored.At.IsZero())
	restoreHolds(w.holds, restored)
	RestoreRefusals(w.refusals, restored)
	if w.accelerators != nil {
		RestoreAccelerators(restored, w.accelerators.Restore)
	}
	Assume(w.Inventory, restored, w.Now())
	w.registry.Assume(w.Scopes.Own(), w.otherNamespaces.Own(Registrations(restored, w.Now())))
	RestoreTold(&w.told, restored)
	for _, s := range w.Owners {
		s.Restore(restored)
	}
	w.restoreLate(restored)
	for id := range restored.Entries {
		if id.Kind == checkpoint.Orphans { // of earlier versions
			w.checkpoints.Delete(id.Kind, id.Name)
		}
	}
}

// wake queues a stack.
func (w *Wiring) wake(priority int, key stack.Key) {
	for _, s := range w.Owners {
		if s.Front.Owner() == key.Owner {
			s.Waker.Wake(priority, key)
		}
	}
}

// CertificatesChanged queues the stacks of all owners that asked for a host that one of the names covers.
func (w *Wiring) CertificatesChanged(names []string) {
	for _, s := range w.Owners {
		s.CertificatesChanged(names)
	}
}

// deps are what plans and operations of the own scope work with.
func (w *Wiring) deps() apply.Deps {
	return apply.Deps{Clients: w.Clients, Inventory: w.Inventory, Bindings: w.Writer, Now: w.Now, Hold: w.holds.Guard}
}

// setUpInformers starts every informer with the process and not with leadership, so that the caches of a replica that
// takes over are filled.
func (w *Wiring) setUpInformers(ctx context.Context) error {
	for _, o := range watched() {
		if _, err := w.mgr.GetCache().GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("%T: %w", o, err)
		}
	}
	for _, k := range readable.Kinds {
		if !k.Grouped {
			continue
		}
		if err := w.mgr.GetFieldIndexer().IndexField(ctx, k.Object, readable.References, readable.ReferenceValues); err !=
			nil {
			return fmt.Errorf("%T: %w", k.Object, err)
		}
	}
	return nil
}

// setUpChecks adds the checks of /readyz: a replica is ready once its caches have synced.
func (w *Wiring) setUpChecks(context.Context) error {
	w.start.probes.Add("caches", func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if !w.mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("informer caches have not synced yet")
		}
		return nil
	})
	w.definitions.OnLook(w.checkDefinitions)
	w.definitions.OnChange(w.DefinitionChanged)
	return nil
}

// recorder records events under the component names of the existing controller.
func (w *Wiring) recorder(component string) reporting.Record {
	apiVersions := map[string]string{}
	for kind, k := range readable.Kinds {
		if gvk, err := apiutil.GVKForObject(k.Object, w.mgr.GetScheme()); err == nil {
			apiVersions[string(kind)] = gvk.GroupVersion().String()
		}
	}
	log := w.Log.WithName(component)
	return func(o diag.Object, e reporting.Event) {
		if w.start.lease.lapsed() {
			return // refused writes of a process that was suspended are no news for users
		}
		w.events.Recorded(o, e)
		ref := corev1.ObjectReference{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, APIVersion: apiVersions[o.Kind],
			UID: types.UID(o.UID)}
		if w.namespaceEnds(o.Namespace) {
			return // the API server refuses events in a namespace that is being deleted; the Reporter has them on the Namespace
		}
		w.eventWriter.Add(eventwriter.Event{About: ref, Component: component, Type: e.Type, Reason: e.Reason,
			Message: e.Message})
		if e.Type == corev1.EventTypeWarning { // events expire after an hour
			if strings.Contains(e.Message, "["+string(diag.CredentialsRefused)+"]") && w.board.Has(impairment.Credentials) {
				log.V(1).Info("warned", "object", o.String(), "reason", e.Reason, "message", e.Message)
				return // one line for all objects is there
			}
			log.Info("warned", "object", o.String(), "reason", e.Reason, "message", e.Message)
		}
	}
}
