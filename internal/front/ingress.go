package front

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Ingress is the front end of Ingress groups.
type Ingress struct {
	Config     ingress.Config
	References TargetGroupReferences
	last       lastLogins // Recalling sets them
}

// Owner implements Loader.
func (Ingress) Owner() stack.Owner { return stack.Ingress }

// Declared implements Loader.
func (f Ingress) Declared(v *objects.View, o metav1.Object) (id stack.ID, ok bool, d *diag.Diagnostic) {
	ing, ok := o.(*networkingv1.Ingress)
	if !ok {
		return stack.ID{}, false, nil
	}
	if id, ok, d = ingress.GroupOf(v, f.Config, ing); !ok && d == nil && (f.Config.TellUnserved ||
		ingress.MisspeltLegacyClass(v, f.Config, ing)) {
		d = ingress.Unserved(v, f.Config, ing)
	}
	return id, ok, d
}

// Load implements Loader.
func (f Ingress) Load(v *objects.View, id stack.ID) Input {
	g := ingress.Load(v, f.Config, id)
	w := Input{
		Declared: len(g.Active)+len(g.Former) > 0, ClassOwnership: ingress.ClassOwnership(v, g),
		ClassOfGroup: ingress.ClassOfGroup(g), ClassApprovals: ingress.ClassApprovals(g),
		Authority: ingress.Authorities(v, g),
	}
	if group, n := naming.ShardOf(id); len(g.Active) > 0 || n > 0 {
		w.Shards = ingress.Shards(v, group)
	}
	if len(g.DryRun) > 0 {
		w.DryRun = f.dryRun(v, id, g.DryRun)
	}
	for _, i := range slices.Concat(g.Active, g.Former) {
		w.Members = append(w.Members, i)
		if f.Config.IncludeDryRun && ingress.DryRun(i) {
			w.Findings = append(w.Findings, underDryRun(ingress.Object(i), annotation.DryRun))
		}
	}
	for _, i := range g.Inactive {
		w.Leaving = append(w.Leaving, i)
	}
	w.protection = func(counts func(metav1.Object) bool) (balancer, frontend intent.Field[bool]) {
		some := slices.DeleteFunc(g.Protecting(), func(i *networkingv1.Ingress) bool { return !counts(i) })
		return ingress.DeletionProtection(v, some), ingress.FrontendProtection(some)
	}
	if w.Declared {
		w.LoadBalancer = ingress.Translate(v, f.Config, g)
		f.References.load(v, &w.LoadBalancer, w.Members)
		f.last.load(v, &w.LoadBalancer, ingress.Credentials(f.Config, g))
		return w
	}
	w.Findings = g.Diagnostics
	return w
}

func (f Ingress) dryRun(v *objects.View, id stack.ID, under []*networkingv1.Ingress) *DryRun {
	cfg := f.Config
	cfg.IncludeDryRun = true
	r := &DryRun{LoadBalancer: ingress.Translate(v, cfg, ingress.Load(v, cfg, id))}
	for _, i := range under {
		r.Objects = append(r.Objects, i)
	}
	f.References.load(v, &r.LoadBalancer, r.Objects)
	return r
}
