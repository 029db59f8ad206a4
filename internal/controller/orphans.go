package controller

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/orphans"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// syncWait is how long a look waits for caches that have not synced.
const syncWait = time.Second

// setUpOrphans sets up the looks for what no object claims, unless objects of other namespaces are not seen: then it finds nothing.
func (w *Wiring) setUpOrphans() {
	c := w.Config
	w.orphans = &orphans.Collector{
		Account: w.Inventory, Certificates: w.Inventory.Certificates().KnownOwned,
		Cached: func(ctx context.Context) objects.Reader { return w.reader(ctx, w.mgr.GetClient()) },
		Live:   func(ctx context.Context) objects.Reader { return w.reader(ctx, w.mgr.GetAPIReader()) },
		Synced: func(ctx context.Context) bool {
			ctx, cancel := context.WithTimeout(ctx, syncWait)
			defer cancel()
			return w.mgr.GetCache().WaitForCacheSync(ctx)
		},
		Declared: w.declared,
		Serves: func(of stack.Owner) bool {
			return slices.ContainsFunc(w.Owners, func(s *stacks.Reconciler) bool { return s.Front.Owner() == of })
		},
		Bindings: w.Writer.List,
		Run:      func(ctx context.Context, p plan.Plan) apply.Result { return apply.Run(ctx, p, w.deps()) },
		Cluster:  c.ClusterName, VPC: c.VPC, Options: settings.PlanOptions(c), After: c.DeleteOrphansAfter, Brake: w.brake,
		Subject: w.subjectOf, Record: w.recorder("orphans"), Checkpoints: w.checkpoints, Now: w.Now, Log: w.Log.WithName("orphans"),
		Shared: w.shared, Targets: w.targetsOf,
	}
	w.Metrics.Count("lbc_orphans", w.orphans.Count)
	if c.WatchNamespace == "" {
		w.starts(w.orphans)
	}
}

// reader reads the objects of the kinds that are watched. A kind that is not read is not served for the reader, so that nothing is concluded about its stacks.
func (w *Wiring) reader(ctx context.Context, from client.Reader) *reads.CacheReader {
	r := reads.NewCacheReader(ctx, from, nil)
	r.Definitions = w.definitions
	return r
}

// subjectOf is the object of events about a stack without objects: a class that this controller serves, or the namespace.
func (w *Wiring) subjectOf(ctx context.Context, key stack.Key) (diag.Object, bool) {
	v := objects.New(w.reader(ctx, w.mgr.GetClient()))
	switch objects.Kind(owner.Of(key.Owner).Kind) {
	case objects.Ingress:
		for _, class := range v.IngressClasses() {
			if class.Spec.Controller == ingress.Controller {
				return owner.Object(class), true
			}
		}
	case objects.Gateway:
		g := w.Config.Gateways
		for _, class := range objects.List[*gatewayv1.GatewayClass](v, objects.GatewayClass, "") {
			if slices.Contains([]string{g.ALB, g.NLB, g.Auto}, string(class.Spec.ControllerName)) {
				return owner.Object(class), true
			}
		}
	default:
	}
	if key.ID.Namespace == "" || readable.Kinds[objects.Namespace].Object == nil {
		return diag.Object{}, false
	}
	return diag.Object{Kind: string(objects.Namespace), Name: key.ID.Namespace}, true
}
