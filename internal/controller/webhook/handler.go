// Package webhook serves the admission webhooks over HTTPS, and renews and publishes their certificate. Package
// admission makes the responses, and package servingcert the certificate.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// Paths of the webhook configurations of existing installations.
const (
	IngressPath         = "/validate-networking-v1-ingress"
	ClassParamsPath     = "/validate-elbv2-k8s-aws-v1beta1-ingressclassparams"
	BindingPath         = "/validate-elbv2-k8s-aws-v1beta1-targetgroupbinding"
	CompleteBindingPath = "/mutate-elbv2-k8s-aws-v1beta1-targetgroupbinding"
	ServicePath         = "/mutate-v1-service"
	PodPath             = "/mutate-v1-pod"
	DrainPath           = "/mutate-v1-pod-drain" // of namespaces without readiness gates
	ServerIDPath        = "/mutate-v1-pod-server-id"
	AgentNamespacePath  = "/mutate-alb-target-control-namespace-v1-pod"
	AgentObjectPath     = "/mutate-alb-target-control-object-v1-pod"
	AcceleratorPath     = "/validate-aga-k8s-aws-v1beta1-globalaccelerator"
	// Of the tags of objects that nothing else is validated of.
	ServiceTagsPath      = "/validate-tags-v1-service"
	BalancerTagsPath     = "/validate-tags-gateway-k8s-aws-loadbalancerconfiguration"
	TargetGroupTagsPath  = "/validate-tags-gateway-k8s-aws-targetgroupconfiguration"
	ListenerRuleTagsPath = "/validate-tags-gateway-k8s-aws-listenerruleconfiguration"
	// Of objects of every kind that may have what the existing controller lacks.
	ExistingFeaturesPath = "/validate-existing-features"
)

// Options of the handlers.
type Options struct {
	Ingress admission.IngressConfig
	// LoadBalancerClass is set on Services without one; empty: it is not.
	LoadBalancerClass string
	Region            string // of the cluster
	Binding           admission.BindingConfig
	// ExistingFeaturesOnly is the flag of that name.
	ExistingFeaturesOnly bool
	// OurClass reports whether a GatewayClass is one of this controller.
	OurClass func(v *objects.View, class string) bool
	// Accelerators reports whether GlobalAccelerators are served, and so validated.
	Accelerators bool
	// Cached makes a view of the caches.
	Cached func(ctx context.Context) *objects.View
	// Live makes a view of the objects that the API server returns. failed returns the error of a read that was not
	// answered by NotFound.
	Live func(ctx context.Context) (v *objects.View, failed func() error)
	// ReadinessGates reports whether pods get readiness gates.
	ReadinessGates bool
	// Targets finds the target groups of a new pod.
	Targets func(v *objects.View, pod *corev1.Pod) []podtargets.Found
	// Sleeps reports whether the API server serves the sleep action of hooks. Pods get none elsewhere, as they would be
	// invalid without it.
	Sleeps func(ctx context.Context) bool
	// ServerID makes a server id for a container that serves QUIC, which is in an environment variable of the name
	// ServerIDVariable.
	ServerID         func(ctx context.Context) serverid.ID
	ServerIDVariable string
	// AgentConfig reads the configuration of target control agents that is in force in a namespace, nil if there is none.
	// If the function is nil, no pod gets an agent.
	AgentConfig func(ctx context.Context, namespace string) (*v1beta1.ALBTargetControlConfig, error)
	// Refused counts a refusal by path and check; mutating is the kind of webhook.
	Refused func(path, check string, mutating bool)
	Log     logr.Logger

	reviews *reviews // that of all handlers
}

// Handlers returns the webhooks by path. "/" admits every request at any other path: an installation may configure
// webhooks of features that this version does not have, and pods must not fail for that.
func Handlers(o Options) map[string]http.Handler {
	if o.reviews == nil {
		o.reviews = newReviews()
	}
	handlers := map[string]http.Handler{
		IngressPath: handler(o, IngressPath, false, func(_ context.Context, v *objects.View, old,
			ing *networkingv1.Ingress) admission.Response {
			return withTags(admission.Ingress(v, o.Ingress, old, ing), old, ing)
		}),
		ClassParamsPath: handler(o, ClassParamsPath, false, func(_ context.Context, _ *objects.View, old,
			p *v1beta1.IngressClassParams) admission.Response {
			return withTags(admission.ClassParams(old, p), old, p)
		}),
		BindingPath: handler(o, BindingPath, false, func(_ context.Context, v *objects.View, old,
			b *v1beta1.TargetGroupBinding) admission.Response {
			return admission.Binding(v, o.Binding, old, b)
		}),
		CompleteBindingPath: handler(o, CompleteBindingPath, true, func(_ context.Context, _ *objects.View, old,
			b *v1beta1.TargetGroupBinding) admission.Response {
			return admission.CompleteBinding(old, b)
		}),
		ServicePath: handler(o, ServicePath, true, func(_ context.Context, _ *objects.View, old,
			svc *corev1.Service) admission.Response {
			if o.LoadBalancerClass == "" {
				return admission.Response{}
			}
			return admission.Service(o.LoadBalancerClass, old, svc)
		}),
		ServiceTagsPath:      tags[corev1.Service](o, ServiceTagsPath),
		BalancerTagsPath:     tags[lbcgatewayv1.LoadBalancerConfiguration](o, BalancerTagsPath),
		TargetGroupTagsPath:  tags[lbcgatewayv1.TargetGroupConfiguration](o, TargetGroupTagsPath),
		ListenerRuleTagsPath: tags[lbcgatewayv1.ListenerRuleConfiguration](o, ListenerRuleTagsPath),

		PodPath:   pods(o, PodPath, o.ReadinessGates),
		DrainPath: pods(o, DrainPath, false),
		ServerIDPath: handler(o, ServerIDPath, true, func(ctx context.Context, _ *objects.View, old,
			pod *corev1.Pod) admission.Response {
			if old != nil {
				return admission.Response{}
			}
			return admission.ServerIDs(pod, o.ServerIDVariable, func() serverid.ID { return o.ServerID(ctx) })
		}),
		"/": serve(o.reviews, func(_ context.Context, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return &admissionv1.AdmissionResponse{Allowed: true}
		}),
	}
	if o.ExistingFeaturesOnly {
		handlers[ExistingFeaturesPath] = existingFeatures(o)
	}
	if o.AgentConfig != nil {
		handlers[AgentNamespacePath], handlers[AgentObjectPath] = agents(o), agents(o)
	}
	if o.Accelerators {
		handlers[AcceleratorPath] = handler(o, AcceleratorPath, false, func(_ context.Context, _ *objects.View, old,
			ga *agav1beta1.GlobalAccelerator) admission.Response {
			return withTags(admission.GlobalAccelerator(o.Region, old, ga), old, ga)
		})
	}
	return handlers
}

// existingFeatures refuses what the existing controller does not have.
func existingFeatures(o Options) http.Handler {
	return handler(o, ExistingFeaturesPath, false, func(_ context.Context, v *objects.View, old,
		object *unstructured.Unstructured) admission.Response {
		var before addition.Object
		if old != nil {
			before = old.Object
		}
		return admission.ExistingFeatures(before, object.Object, func(class string) bool { return o.OurClass(v, class) })
	})
}

// tags serves the validation of the tags of one kind.
func tags[T any, P interface {
	*T
	metav1.Object
}](o Options, path string) http.Handler {
	return handler(o, path, false, func(_ context.Context, _ *objects.View, old, object P) admission.Response {
		return withTags(admission.Response{}, old, object)
	})
}

// withTags adds the validation of an object's tags to a response that is about all else of it.
func withTags[P interface {
	comparable
	metav1.Object
}](r admission.Response, old, object P) admission.Response {
	var before metav1.Object
	if none := *new(P); old != none {
		before = old
	}
	return r.With(admission.Tags(before, object))
}

// pods serves the webhooks of new pods: readiness gates, and what the pods of some namespaces lack to lose no request
// at their end.
func pods(o Options, path string, gates bool) http.Handler {
	return handler(o, path, true, func(ctx context.Context, v *objects.View, old, pod *corev1.Pod) admission.Response {
		drains := old == nil && admission.WantsDrain(v, pod.Namespace) && o.Sleeps(ctx)
		if old != nil || !gates && !drains {
			return admission.Response{}
		}
		found := o.Targets(v, pod)
		var out admission.Response
		if gates {
			out = admission.ReadinessGates(v, pod, awaited(found)...)
		}
		if drains {
			out = admission.Join(out, admission.Drain(pod, podtargets.Targets(found)))
		}
		return out
	})
}

// awaited are the bindings of ip targets that a load balancer which serves already is about to get. While it does not
// serve, nothing shows that it ever will, and a pod with a gate would never be ready.
func awaited(found []podtargets.Found) (names []string) {
	for _, f := range found {
		if f.Awaited && f.Serving && !f.Instance {
			names = append(names, f.Binding)
		}
	}
	return names
}

// agents serves both webhooks of target control agents, which differ in their selectors only. Refusals are counted at
// one path, as by the existing controller.
func agents(o Options) http.Handler {
	return handler(o, AgentNamespacePath, true, func(ctx context.Context, v *objects.View, old,
		pod *corev1.Pod) admission.Response {
		if old != nil || !admission.WantsAgent(v, pod) {
			return admission.Response{}
		}
		done, err := o.reviews.reading(ctx)
		if err != nil {
			return admission.NoAgentConfig(err.Error())
		}
		defer done()
		config, err := o.AgentConfig(ctx, pod.Namespace)
		switch {
		case err != nil:
			return admission.NoAgentConfig(err.Error())
		case config == nil:
			return admission.Response{}
		}
		return admission.Agent(config, pod)
	})
}

// handler serves one kind. respond answers with the objects as decoded; old is nil at a creation.
func handler[T any, P interface {
	*T
	metav1.Object
}](o Options, path string, mutating bool, respond func(ctx context.Context, v *objects.View, old,
	object P) admission.Response) http.Handler {
	return o.handler(path, mutating, func(r *admissionv1.AdmissionRequest) (func(context.Context,
		*objects.View) admission.Response, error) {
		object, err := decode[T, P](r, r.Object.Raw)
		var old P
		if err == nil && r.Operation == admissionv1.Update {
			old, err = decode[T, P](r, r.OldObject.Raw)
		}
		return func(ctx context.Context, v *objects.View) admission.Response { return respond(ctx, v, old, object) }, err
	})
}

// handler validates creations and updates by what decoded makes of a request; other operations are admitted. An object
// at which that panics is admitted, too: the controller reads every object and reports there what is wrong.
func (o Options) handler(path string, mutating bool, decoded func(*admissionv1.AdmissionRequest) (
	respond func(context.Context, *objects.View) admission.Response, err error)) http.Handler {
	return serve(o.reviews, func(ctx context.Context, r *admissionv1.AdmissionRequest) (
		answer *admissionv1.AdmissionResponse) {
		defer func() {
			if p := recover(); p != nil {
				o.Log.Error(fmt.Errorf("panic: %v", p), "an admission webhook panicked; the object is admitted", "path", path,
					"namespace", r.Namespace, "name", r.Name)
				o.Refused(path, "panic", mutating)
				answer = &admissionv1.AdmissionResponse{Allowed: true}
			}
		}()
		if r.Operation != admissionv1.Create && r.Operation != admissionv1.Update {
			return &admissionv1.AdmissionResponse{Allowed: true}
		}
		if probe := probed(r, mutating); probe != nil {
			return probe
		}
		respond, err := decoded(r)
		if err != nil {
			return refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest, "the object cannot be read: "+err.Error())
		}
		v := respond(ctx, o.Cached(ctx))
		if v.Recheck {
			v = again(ctx, o, v, func(w *objects.View) admission.Response { return respond(ctx, w) })
		}
		return o.respond(v, path, mutating)
	})
}

// again evaluates a request with objects read from the API server, since objects applied together with this one may not
// have reached the caches. If a read fails, the object is admitted.
func again(ctx context.Context, o Options, v admission.Response,
	respond func(*objects.View) admission.Response) admission.Response {
	done, err := o.reviews.reading(ctx)
	if err != nil { // nobody waits for the answer any more
		return v
	}
	defer done()
	live, failed := o.Live(ctx)
	certain := respond(live)
	if err := failed(); err != nil {
		o.Log.Error(err, "the objects that an admission request depends on cannot be read; the object is admitted")
		v.Denied, v.Check = "", ""
		return v
	}
	return certain
}

func (o Options) respond(v admission.Response, path string, mutating bool) *admissionv1.AdmissionResponse {
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
	patch, err := json.Marshal(v.Patch)
	if err != nil {
		o.Log.Error(err, "encoding a patch; the object is admitted as it is", "path", path)
		return r
	}
	kind := admissionv1.PatchTypeJSONPatch
	r.Patch, r.PatchType = patch, &kind
	return r
}

func refusal(code int32, reason metav1.StatusReason, text string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason,
		Message: text}}
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

// serve decodes requests of the API server and encodes the responses.
func serve(from *reviews,
	respond func(context.Context, *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var review admissionv1.AdmissionReview
		body, done, err := from.read(w, req)
		defer done()
		if errors.Is(err, errBusy) {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil || review.Request == nil {
			http.Error(w, "this is not an AdmissionReview with a request", http.StatusBadRequest)
			return
		}
		r := respond(req.Context(), review.Request)
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
