package survey

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// triedNamespaces bounds the namespaces in which objects are created as a dry run.
const triedNamespaces = 10

// denials are the refusals of policies to objects as the controller creates them, of which nothing is stored. An error
// says that no policy was asked: the user may not create such objects, or the API server does not answer.
func (r *reader) denials(ctx context.Context, s state) (map[string]string, error) {
	c := r.settings(s)
	labels := naming.ObjectLabels{Fixed: c.ObjectLabels, Copied: c.CopiedLabels}
	out := map[string]string{}
	for _, owner := range triedFor(s.facts.Objects) {
		meta := metav1.ObjectMeta{GenerateName: "lbc-doctor-", Namespace: owner.GetNamespace(),
			Labels: labels.Of(owner.GetLabels())}
		lb, binding := &v1alpha1.LoadBalancer{ObjectMeta: meta}, &v1beta1.TargetGroupBinding{ObjectMeta: *meta.DeepCopy()}
		binding.Spec.ServiceRef.Name, binding.Spec.ServiceRef.Port = "none", intstr.FromInt32(80)
		binding.Spec.TargetGroupARN =
			"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/lbc-doctor/0123456789abcdef"
		target := v1beta1.TargetType("ip")
		binding.Spec.TargetType = &target
		for kind, o := range map[string]client.Object{"LoadBalancer": lb, "TargetGroupBinding": binding} {
			err := s.client.Create(ctx, o, client.DryRunAll)
			if err == nil {
				continue
			}
			what := diag.Object{Kind: kind, Namespace: meta.Namespace, Name: "of " + owner.GetName()}
			// the controller's own webhooks know no such target group
			switch denial, ok := diag.DenialOf(err.Error()); {
			case ok && !strings.HasSuffix(denial.By, ".k8s.aws"):
				text, _ := denial.Of(what, true)
				out[what.String()] = text
			case !ok && unasked(err):
				return nil, err
			}
		}
	}
	return out, nil
}

// unasked reports whether an error that no policy has written is about the user, or no answer. A namespace that is
// being deleted, and a cluster without the definition, take no such objects.
func unasked(err error) bool {
	switch {
	case apimeta.IsNoMatchError(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return false
	}
	return apierrors.IsForbidden(err) || apierrors.ReasonForError(err) == metav1.StatusReasonUnknown
}

// triedFor are objects for which the controller may create others, one of each namespace.
func triedFor(all objects.Snapshot) (out []metav1.Object) {
	v, seen := objects.New(all), map[string]bool{}
	for _, kind := range []objects.Kind{objects.Ingress, objects.Gateway, objects.Service} {
		for _, o := range objects.List[metav1.Object](v, kind, "") {
			svc, isService := o.(*corev1.Service)
			if isService && svc.Spec.Type != corev1.ServiceTypeLoadBalancer || seen[o.GetNamespace()] ||
				len(out) == triedNamespaces || o.GetDeletionTimestamp() != nil {
				continue
			}
			seen[o.GetNamespace()] = true
			out = append(out, o)
		}
	}
	return out
}
