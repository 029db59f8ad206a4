// Package webhook serves the admission webhooks over HTTPS and keeps their certificate: requests in, verdicts of package
// admission out, and the Secret and CA bundles of a certificate that the controller manages itself. It judges nothing.
// It imports admission, servingcert, world, api, and controller-runtime's client and webhook server.
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/admission"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// Paths, as the webhook configurations of existing installations name them.
const (
	IngressPath         = "/validate-networking-v1-ingress"
	ClassParamsPath     = "/validate-elbv2-k8s-aws-v1beta1-ingressclassparams"
	BindingPath         = "/validate-elbv2-k8s-aws-v1beta1-targetgroupbinding"
	CompleteBindingPath = "/mutate-elbv2-k8s-aws-v1beta1-targetgroupbinding"
	ServicePath         = "/mutate-v1-service"
	PodPath             = "/mutate-v1-pod"
	AgentNamespacePath  = "/mutate-alb-target-control-namespace-v1-pod"
	AgentObjectPath     = "/mutate-alb-target-control-object-v1-pod"
)

// Options of the handlers.
type Options struct {
	Ingress admission.IngressConfig
	// LoadBalancerClass is given to Services without one; empty: none is.
	LoadBalancerClass string
	VPC               string // of the cluster
	// Cached makes a view of the caches.
	Cached func(ctx context.Context) *objects.View
	// Live makes a view of what the API server holds now; the error is that of any read that failed for another reason than
	// that the object does not exist.
	Live func(ctx context.Context) (v *objects.View, failed func() error)
	// ReadinessGates are given to pods.
	ReadinessGates bool
	// AgentConfig reads the configuration of target control agents that is in force in a namespace, nil if there is none. If the
	// function is nil, no pod gets an agent.
	AgentConfig func(ctx context.Context, namespace string) (*v1beta1.ALBTargetControlConfig, error)
	// Refused counts a refusal by path and check; mutating tells the kind of webhook.
	Refused func(path, check string, mutating bool)
	Log     logr.Logger
}

// Handlers are the webhooks by path. "/" admits what is asked at any other path: an installation may name webhooks of features
// that this version does not have, and pods must not fail for that.
func Handlers(o Options) map[string]http.Handler {
	handlers := map[string]http.Handler{
		IngressPath: handler[networkingv1.Ingress](o, IngressPath, false, func(v *objects.View, old, ing *networkingv1.Ingress) admission.Verdict {
			return admission.Ingress(v, o.Ingress, old, ing)
		}),
		ClassParamsPath: handler[v1beta1.IngressClassParams](o, ClassParamsPath, false, func(_ *objects.View, old, p *v1beta1.IngressClassParams) admission.Verdict {
			return admission.ClassParams(old, p)
		}),
		BindingPath: handler[v1beta1.TargetGroupBinding](o, BindingPath, false, func(v *objects.View, old, b *v1beta1.TargetGroupBinding) admission.Verdict {
			return admission.Binding(v, o.VPC, old, b)
		}),
		CompleteBindingPath: handler[v1beta1.TargetGroupBinding](o, CompleteBindingPath, true, func(_ *objects.View, old, b *v1beta1.TargetGroupBinding) admission.Verdict {
			return admission.CompleteBinding(old, b)
		}),
		ServicePath: handler[corev1.Service](o, ServicePath, true, func(_ *objects.View, old, svc *corev1.Service) admission.Verdict {
			if o.LoadBalancerClass == "" {
				return admission.Verdict{}
			}
			return admission.Service(o.LoadBalancerClass, old, svc)
		}),
		PodPath: handler[corev1.Pod](o, PodPath, true, func(v *objects.View, old, pod *corev1.Pod) admission.Verdict {
			if !o.ReadinessGates || old != nil {
				return admission.Verdict{}
			}
			return admission.ReadinessGates(v, pod)
		}),
		"/": serve(func(_ context.Context, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return &admissionv1.AdmissionResponse{Allowed: true}
		}),
	}
	if o.AgentConfig != nil {
		handlers[AgentNamespacePath], handlers[AgentObjectPath] = agents(o), agents(o)
	}
	return handlers
}

// agents serves both webhooks of target control agents, which differ in what the API server asks them about. Refusals are
// counted at the one path under which they have always been.
func agents(o Options) http.Handler {
	return handlerOf(o, AgentNamespacePath, true, func(ctx context.Context, v *objects.View, old, pod *corev1.Pod) admission.Verdict {
		if old != nil || !admission.WantsAgent(v, pod) {
			return admission.Verdict{}
		}
		config, err := o.AgentConfig(ctx, pod.Namespace)
		switch {
		case err != nil:
			return admission.NoAgentConfig(err.Error())
		case config == nil:
			return admission.Verdict{}
		}
		return admission.Agent(config, pod)
	})
}

// handler serves one kind. Creations and updates are judged, other operations pass. What a judge does not survive passes too:
// the controller looks at every object again, and reports there what is wrong.
func handler[T any, P interface {
	*T
	metav1.Object
}](o Options, path string, mutating bool, judge func(v *objects.View, old, object P) admission.Verdict) http.Handler {
	return handlerOf(o, path, mutating, func(_ context.Context, v *objects.View, old, object P) admission.Verdict {
		return judge(v, old, object)
	})
}

// handlerOf serves a kind whose judge reads more than a view.
func handlerOf[T any, P interface {
	*T
	metav1.Object
}](o Options, path string, mutating bool, judge func(ctx context.Context, v *objects.View, old, object P) admission.Verdict) http.Handler {
	return serve(func(ctx context.Context, r *admissionv1.AdmissionRequest) (answer *admissionv1.AdmissionResponse) {
		defer func() {
			if p := recover(); p != nil {
				o.Log.Error(fmt.Errorf("panic: %v", p), "a webhook failed; the object passes", "path", path, "namespace", r.Namespace, "name", r.Name)
				o.Refused(path, "panic", mutating)
				answer = &admissionv1.AdmissionResponse{Allowed: true}
			}
		}()
		if r.Operation != admissionv1.Create && r.Operation != admissionv1.Update {
			return &admissionv1.AdmissionResponse{Allowed: true}
		}
		object, err := decode[T, P](r, r.Object.Raw)
		var old P
		if err == nil && r.Operation == admissionv1.Update {
			old, err = decode[T, P](r, r.OldObject.Raw)
		}
		if err != nil {
			return refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest, "the object cannot be read: "+err.Error())
		}
		v := judge(ctx, o.Cached(ctx), old, object)
		if v.Doubtful {
			v = again(ctx, o, v, func(w *objects.View) admission.Verdict { return judge(ctx, w, old, object) })
		}
		return o.respond(v, path, mutating)
	})
}

// again judges by what the API server holds now: objects applied together with this one may not have reached the caches. If they
// cannot be read, a refusal would rest on a guess.
func again(ctx context.Context, o Options, v admission.Verdict, judge func(*objects.View) admission.Verdict) admission.Verdict {
	live, failed := o.Live(ctx)
	certain := judge(live)
	if err := failed(); err != nil {
		o.Log.Error(err, "a webhook could not make sure; the object passes")
		v.Denied, v.Check = "", ""
		return v
	}
	return certain
}

func (o Options) respond(v admission.Verdict, path string, mutating bool) *admissionv1.AdmissionResponse {
	if v.Denied != "" {
		o.Refused(path, v.Check, mutating)
		r := refusal(http.StatusForbidden, metav1.StatusReasonForbidden, v.Denied)
		r.Warnings = v.Warnings
		return r
	}
	r := &admissionv1.AdmissionResponse{Allowed: true, Warnings: v.Warnings}
	if len(v.Patch) == 0 {
		return r
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	ops := make([]operation, 0, len(v.Patch))
	for _, p := range v.Patch {
		ops = append(ops, operation{"add", p.Path, p.Value})
	}
	patch, err := json.Marshal(ops)
	if err != nil {
		o.Log.Error(err, "encoding a patch; the object passes as it is", "path", path)
		return r
	}
	kind := admissionv1.PatchTypeJSONPatch
	r.Patch, r.PatchType = patch, &kind
	return r
}

func refusal(code int32, reason metav1.StatusReason, text string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: text}}
}

// decode reads an object; the namespace is that of the request.
func decode[T any, P interface {
	*T
	metav1.Object
}](r *admissionv1.AdmissionRequest, raw []byte) (P, error) {
	o := P(new(T))
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, err
	}
	o.SetNamespace(r.Namespace)
	return o, nil
}

// maxReview bounds a request: two versions of an object of at most 3 MB each, and more.
const maxReview = 8 << 20

// serve speaks the API server's protocol.
func serve(answer func(context.Context, *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var review admissionv1.AdmissionReview
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxReview))
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil || review.Request == nil {
			http.Error(w, "this is not an AdmissionReview with a request", http.StatusBadRequest)
			return
		}
		r := answer(req.Context(), review.Request)
		r.UID = review.Request.UID
		out, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: r})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out)
	})
}
