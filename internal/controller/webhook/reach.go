package webhook

import (
	"context"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

const (
	// probeName is the name of the TargetGroupBinding that Reach creates as a dry run.
	probeName = "aws-load-balancer-webhook-probe"
	// probeMark is the annotation that the webhook adds to it. No object that is stored has the annotation.
	probeMark = "aws-load-balancer-webhook-answers"

	reachInterval = time.Minute
	reachTimeout  = 15 * time.Second // two webhooks have five seconds each
	mostMissed    = 2                // a single request may meet a pod that ends
)

// Reach finds out whether the API server calls the webhooks. Most of them fail open, so that an API server that cannot
// reach them stores what they would refuse, and tells nobody. Once a minute the leader creates a TargetGroupBinding as
// a dry run, which stores nothing, and looks for the annotation that the webhook adds. It needs no right but that to
// create TargetGroupBindings.
type Reach struct {
	Conditions *impairment.Conditions
	Client     client.Client
	Namespace  string // of the dry run

	missed int // requests in a row that did not reach the webhooks
}

// Start looks until ctx ends.
func (r *Reach) Start(ctx context.Context) error {
	queue.Every(ctx, reachInterval, nil, r.Look)
	return nil
}

// Look makes one request. A request that something else refuses or does not answer shows nothing: the condition stays
// as it is.
func (r *Reach) Look(ctx context.Context) {
	if r.Conditions.Has(impairment.WebhookCertificate) { // which says more
		return
	}
	bounded, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	probe := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: probeName},
		Spec: v1beta1.TargetGroupBindingSpec{ServiceRef: v1beta1.ServiceReference{Name: probeName,
			Port: intstr.FromInt32(1)}}}
	err := r.Client.Create(bounded, probe, client.DryRunAll)
	switch {
	case err == nil && probe.Annotations[probeMark] != "":
		r.missed = 0
		r.Conditions.Heal(impairment.Webhooks)
		return
	case err != nil && !failedCall(err):
		return
	}
	if r.missed++; r.missed < mostMissed {
		return
	}
	r.Conditions.Set(impairment.Condition{Reason: impairment.Webhooks, Remedy: impairment.ReachWebhooks,
		Text: "the API server does not reach the controller's webhooks: it stores objects that they would refuse or " +
			"complete, and may refuse new Services of type LoadBalancer without a class"})
}

// failedCall reports whether the API server could not call a webhook of the controller that fails closed, as those of
// existing installations do.
func failedCall(err error) bool {
	text := err.Error()
	return strings.Contains(text, "failed calling webhook") && strings.Contains(text, ".elbv2.k8s.aws")
}

// probed answers the request of Reach; nil for every other request.
func probed(r *admissionv1.AdmissionRequest, mutating bool) *admissionv1.AdmissionResponse {
	if r.Name != probeName || !ptr.Deref(r.DryRun, false) || r.Operation != admissionv1.Create {
		return nil
	}
	answer := &admissionv1.AdmissionResponse{Allowed: true}
	if mutating {
		kind := admissionv1.PatchTypeJSONPatch
		answer.PatchType = &kind
		answer.Patch = []byte(`[{"op":"add","path":"/metadata/annotations","value":{"` + probeMark + `":"true"}}]`)
	}
	return answer
}
