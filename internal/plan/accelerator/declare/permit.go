package declare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Permit withholds endpoints whose ARN is that of a load balancer of this cluster which the object may not name. An accelerator opens
// an internal load balancer to the internet, so that its ARN is a reference to the object that declares it: to one of the same
// namespace, or by a ReferenceGrant. A withheld endpoint waits: one that an earlier version added stays. asked reports whether the
// answer depended on objects.
func Permit(v *objects.View, ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint, answers Answers) (asked bool) {
	for i := range endpoints {
		e := &endpoints[i]
		of := answers[e.ID].Owner
		if e.State != Given || of == (stack.Key{}) || of.ID.Namespace == ga.Namespace {
			continue
		}
		asked = true
		if !mayName(v, ga.Namespace, of, e.ID) {
			e.pending(fmt.Sprintf("load balancer %s is that of %s, which GlobalAccelerators of namespace %s may not name", e.ID, of, ga.Namespace),
				"have a ReferenceGrant created in the namespace of its object, or correct the reference")
		}
	}
	return asked
}

// mayName reports whether objects of a namespace may name the load balancer of a stack of another one, or of a group.
func mayName(v *objects.View, namespace string, of stack.Key, arn string) bool {
	kind := objects.Kind(owner.Of(of.Owner).Kind)
	if of.ID.Namespace == "" {
		return slices.ContainsFunc(members(v, kind, namespace), func(o metav1.Object) bool {
			return slices.Contains(naming.StacksOfFinalizers(of.Owner, o), of.ID) && slices.ContainsFunc(owner.Of(of.Owner).Hostnames(o), func(host string) bool { return isOf(host, arn) })
		})
	}
	from, ref := objects.From{Kind: objects.GlobalAccelerator, Namespace: namespace}, objects.Ref{Kind: kind, Namespace: of.ID.Namespace, Name: of.ID.Name}
	var err error
	switch kind {
	case objects.Ingress:
		_, err = objects.Get[*networkingv1.Ingress](v, from, ref)
	case objects.Service:
		_, err = objects.Get[*corev1.Service](v, from, ref)
	default:
		_, err = objects.Get[*gatewayv1.Gateway](v, from, ref)
	}
	return err == nil || errors.Is(err, objects.ErrAbsent) // whose load balancer is about to go
}

// isOf reports whether a hostname is that of a load balancer: [internal-]NAME-ID.… Whoever may write an object may write the finalizer of
// a group, but not the status.
func isOf(host, arn string) bool {
	_, rest, _ := strings.Cut(arn, ":loadbalancer/")
	parts := strings.Split(rest, "/")
	if len(parts) != 3 {
		return false
	}
	label, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(host), "dualstack."), ".")
	id, named := strings.CutPrefix(strings.TrimPrefix(label, "internal-"), strings.TrimPrefix(strings.ToLower(parts[1]), "internal-")+"-")
	return named && id != "" && !strings.Contains(id, "-")
}

// members are the objects of a namespace that may be members of a group.
func members(v *objects.View, kind objects.Kind, namespace string) (out []metav1.Object) {
	if kind == objects.Ingress {
		for _, o := range objects.List[*networkingv1.Ingress](v, kind, namespace) {
			out = append(out, o)
		}
		return out
	}
	for _, o := range objects.List[*corev1.Service](v, kind, namespace) {
		out = append(out, o)
	}
	return out
}
