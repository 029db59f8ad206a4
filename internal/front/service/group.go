package service

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Group is the membership of one stack: that of a group of Services, or of one Service alone. All slices are in the
// order of precedence: by age, then by namespace and name.
type Group struct {
	ID stack.ID
	// Members declare the load balancer. Those of which a class, type or group can no longer be understood are among them:
	// they keep what they have.
	Members []*corev1.Service
	// Leaving carry the stack's finalizer and declare it no more.
	Leaving []*corev1.Service

	former map[*corev1.Service]diag.Diagnostic // why a member has its former version
}

// StackOf returns the stack that a Service declares: that of its group, or one of its own. ok is false if it declares
// none: it is not Supported or, then with a diagnostic, the name of its group is invalid.
func StackOf(cfg Config, svc *corev1.Service) (id stack.ID, ok bool, d *diag.Diagnostic) {
	if !Supported(cfg, svc) {
		return stack.ID{}, false, Unserved(cfg, svc)
	}
	id, d = groupOf(svc)
	return id, d == nil, d
}

func groupOf(svc *corev1.Service) (stack.ID, *diag.Diagnostic) {
	alone := naming.StackID(svc.Namespace, svc.Name)
	report := func(k annotation.Key, text, remedy string) *diag.Diagnostic {
		d := diag.New(owner.Object(svc), k.Path(), diag.InvalidGroup, text, remedy).In(diag.LoadBalancer)
		return &d
	}
	name, ok := svc.Annotations[string(annotation.ServiceGroupName)]
	if !ok {
		k, misspelt := annotation.MisspeltFor(annotation.ServiceGroupName, svc.Annotations)
		if misspelt && slices.ContainsFunc(naming.StacksOfFinalizers(stack.Service, svc),
			func(id stack.ID) bool { return id.Namespace == "" }) {
			return alone, report(k, fmt.Sprintf("annotation %s is unknown, and %s is missing; the Service stays in its group "+
				"with its former ports and settings", k, annotation.ServiceGroupName),
				"correct the key, or remove it to leave the group")
		}
		return alone, nil
	}
	if problem := naming.GroupNameProblem(name); problem != "" {
		return stack.ID{}, report(annotation.ServiceGroupName, fmt.Sprintf("%q is not a valid group name", name),
			problem)
	}
	return stack.ID{Name: name}, nil
}

// Load finds the members of a stack. The View records the reads of members only: a Service that becomes a member is
// covered by StackOf.
func Load(v *objects.View, cfg Config, id stack.ID) Group {
	g := Group{ID: id, former: map[*corev1.Service]diag.Diagnostic{}}
	for _, svc := range candidates(v, id) {
		fork := v.Fork()
		if one, ok := fork.Service(svc.Namespace, svc.Name); ok {
			svc = one // of a list, any object keeps all others in memory
		}
		carries := hasFinalizer(svc, id)
		// Whoever may write Services may write a finalizer, but not a status.
		deployed := carries && (id.Namespace != "" || len(svc.Status.LoadBalancer.Ingress) > 0)
		declares, why := false, (*diag.Diagnostic)(nil)
		if d, unclear := Unclear(cfg, svc); unclear {
			why = &d
		} else if Supported(cfg, svc) {
			var declared stack.ID
			declared, why = groupOf(svc)
			declares = why == nil && declared == id
		}
		switch {
		case declares:
			g.Members = append(g.Members, svc)
		case deployed && why != nil:
			g.Members = append(g.Members, svc)
			g.former[svc] = *why
		case carries:
			g.Leaving = append(g.Leaving, svc)
		default:
			continue
		}
		v.Adopt(fork)
	}
	slices.SortFunc(g.Members, byPrecedence)
	slices.SortFunc(g.Leaving, byPrecedence)
	return g
}

// hasFinalizer reports whether a Service has the finalizer of a stack.
func hasFinalizer(svc *corev1.Service, id stack.ID) bool {
	return slices.Contains(naming.StacksOfFinalizers(stack.Service, svc), id)
}

// candidates are the Services that may be in a group, found by what they name, or the one that may have a stack of its
// own.
func candidates(v *objects.View, id stack.ID) []*corev1.Service {
	if id.Namespace == "" {
		return objects.Naming[*corev1.Service](v.Fork(), objects.Service, objects.Ref{Kind: objects.Group, Name: id.Name},
			objects.Ref{Kind: objects.Finalizer, Name: naming.Finalizer(stack.Key{Owner: stack.Service, ID: id})})
	}
	if svc, ok := naming.Declarer[*corev1.Service](v, objects.Service, id); ok {
		return []*corev1.Service{svc}
	}
	return nil
}

func byPrecedence(a, b *corev1.Service) int {
	return cmp.Or(cmp.Compare(created(a), created(b)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// created is when a Service was created. One that is not yet, as in a manifest, is younger than all others.
func created(svc *corev1.Service) int64 {
	if svc.CreationTimestamp.IsZero() {
		return math.MaxInt64
	}
	return svc.CreationTimestamp.Unix()
}

// loadBalancer is the load balancer of a group, without its members.
func (g Group) loadBalancer() intent.LoadBalancer {
	lb := intent.LoadBalancer{
		Key: stack.Key{Owner: stack.Service, ID: g.ID}, Type: stack.Network, KeepsScheme: true, RefusesIPv6Ranges: true,
		ICMPFromPrefixLists: true,
	}
	switch {
	case g.ID.Namespace == "":
		lb.Names, lb.OnePerPort = GroupNames{}, true
	case len(g.Members) > 0:
		lb.Names = Names{ServiceUID: string(g.Members[0].UID)}
	}
	return lb
}
