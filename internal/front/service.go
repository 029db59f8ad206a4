package front

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Service is the front end of Services.
type Service struct {
	Config     service.Config
	References TargetGroupReferences
}

// Owner implements Loader.
func (Service) Owner() stack.Owner { return stack.Service }

// Declared implements Loader.
func (f Service) Declared(v *objects.View, o metav1.Object) (id stack.ID, ok bool, d *diag.Diagnostic) {
	svc, ok := o.(*corev1.Service)
	if !ok {
		return stack.ID{}, false, nil
	}
	if id, ok, d = service.StackOf(f.Config, svc); !ok && d == nil && service.Plain(f.Config, svc) &&
		!objects.NamedByIngress(v, svc) { // a pass over the Ingress notes each
		d = annotation.WithoutBalancer(owner.Object(svc), string(svc.Spec.Type), svc.Annotations)
	}
	return id, ok, d
}

// Load implements Loader.
func (f Service) Load(v *objects.View, id stack.ID) Input {
	g := service.Load(v, f.Config, id)
	w := Input{Declared: len(g.Members) > 0}
	for _, svc := range g.Members {
		w.Members = append(w.Members, svc)
	}
	for _, svc := range g.Leaving {
		w.Leaving = append(w.Leaving, svc)
	}
	switch {
	case w.Declared:
		w.LoadBalancer = service.Translate(v, f.Config, g)
		f.References.load(v, &w.LoadBalancer, w.Members)
	case len(g.Leaving) > 0:
		w.protection = func(counts func(metav1.Object) bool) (balancer, frontend intent.Field[bool]) {
			some := g
			some.Leaving = slices.DeleteFunc(slices.Clone(g.Leaving), func(svc *corev1.Service) bool { return !counts(svc) })
			return service.DeletionProtection(f.Config, some), frontend
		}
	}
	return w
}
