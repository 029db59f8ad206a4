package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func raw(t *testing.T, text string) runtime.RawExtension {
	t.Helper()
	if text == "" {
		return runtime.RawExtension{}
	}
	j, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: j}
}

// options are those of a cluster whose caches hold cached, and whose API server holds live.
func options(cached, live []metav1.Object, liveErr error, refused *[]string) Options {
	return Options{
		Ingress:           admission.IngressConfig{Config: ingress.Config{IngressClass: "alb"}},
		LoadBalancerClass: "service.k8s.aws/nlb", Binding: admission.BindingConfig{VPC: "vpc-01234567",
			Bindable: allowlist.List{{Pattern: allowlist.Any}}}, Region: "us-west-2", Accelerators: true,
		Cached: func(context.Context) *objects.View { return objects.FromObjects(cached) },
		Live: func(context.Context) (*objects.View, func() error) {
			return objects.FromObjects(live), func() error { return liveErr }
		},
		ReadinessGates: true,
		Targets:        func(*objects.View, *corev1.Pod) []podtargets.Found { return nil },
		Sleeps:         func(context.Context) bool { return true },
		ServerID:       func(context.Context) serverid.ID { return serverid.ID{7: 7} }, ServerIDVariable: "ID",
		Refused: func(path, check string, _ bool) { *refused = append(*refused, path+" "+check) },
		Log:     logr.Discard(),
	}
}

// bound are a binding and its Service, of the pods with the label app=web.
func bound() []metav1.Object {
	return []metav1.Object{
		&v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"},
			Spec: v1beta1.TargetGroupBindingSpec{
				TargetType: ptr.To(v1beta1.TargetTypeIP), ServiceRef: v1beta1.ServiceReference{Name: "web"}}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}, Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"}}},
	}
}

func post(t testing.TB, h http.Handler, r admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	t.Helper()
	r.UID = "u-1"
	body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1",
		Kind: "AdmissionReview"}, Request: &r})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body)))
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	if review.Kind != "AdmissionReview" || review.Response.UID != "u-1" {
		t.Errorf("the answer is %+v", review)
	}
	return review.Response
}

const (
	absentClass = "metadata: {name: web, annotations: {alb.ingress.kubernetes.io/scheme: internal}}\nspec: " +
		"{ingressClassName: fresh}"
	balancer = "metadata: {name: web}\nspec: {type: LoadBalancer}"
)

func TestRequestsAreAnsweredAsTheAPIServerAsks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path, operation, old, object string
		allowed                            bool
		code                               int32
		says, patch, refused               string
	}{
		{name: "a refusal", path: IngressPath, operation: "CREATE", object: absentClass, code: 403,
			says:    `"fresh" does not exist`,
			refused: IngressPath + " checkIngressClass"},
		{name: "a deletion", path: IngressPath, operation: "DELETE", old: absentClass, allowed: true},
		{name: "an update that changes nothing", path: IngressPath, operation: "UPDATE", old: absentClass,
			object: absentClass, allowed: true},
		{name: "a patch", path: ServicePath, operation: "CREATE", object: balancer, allowed: true,
			patch: `[{"op":"add","path":"/spec/loadBalancerClass","value":"service.k8s.aws/nlb"}]`},
		{name: "a kind that does not fit", path: ServicePath, operation: "CREATE", object: "spec: []", code: 400,
			says: "the object cannot be read"},
		{name: "class parameters", path: ClassParamsPath, operation: "CREATE", object: "spec: {inboundCIDRs: [x]}", code: 403,
			says: "Could not be parsed as a CIDR", refused: ClassParamsPath + " checkInboundCIDRs"},
		{name: "a binding", path: BindingPath, operation: "CREATE",
			object: "spec: {targetGroupARN: x, targetType: ip, nodeSelector: {}}", code: 403, says: "cannot set NodeSelector",
			refused: BindingPath + " checkNodeSelector"},
		{name: "a binding to complete", path: CompleteBindingPath, operation: "CREATE", object: "spec: {}", code: 403,
			says: "must provide either TargetGroupARN or TargetGroupName", refused: CompleteBindingPath +
				" checkTargetGroupArnOrName"},
		{name: "a pod that is to wait for its target", path: PodPath, operation: "CREATE",
			object: "metadata: {labels: {app: web}}", allowed: true,
			patch: `[{"op":"add","path":"/spec/readinessGates","value":[{"conditionType":"target-health.elbv2.k8s.aws/web"}]}]`},
		{name: "a pod of nobody", path: PodPath, operation: "CREATE", object: "metadata: {labels: {app: x}}", allowed: true},
		{name: "a pod that is edited", path: PodPath, operation: "UPDATE", old: "metadata: {}",
			object: "metadata: {labels: {app: web}}", allowed: true},
		{name: "an accelerator", path: AcceleratorPath, operation: "UPDATE", old: "spec: {}",
			object: "spec: {listeners: [{protocol: TCP}]}", code: 403, says: "listener port ranges must be specified",
			refused: AcceleratorPath + " checkListeners"},
		{name: "a pod that serves QUIC", path: ServerIDPath, operation: "CREATE", object: "{metadata: {annotations: {" +
			serverid.Annotation + ": app}}, spec: {containers: [{name: app}]}}", allowed: true,
			patch: `[{"op":"add","path":"/spec/containers/0/env","value":[{"name":"ID","value":"AAAAAAAAAAc="}]}]`},
		{name: "a pod that serves no QUIC", path: ServerIDPath, operation: "CREATE",
			object: "spec: {containers: [{name: app}]}", allowed: true},
		{name: "a pod that serves QUIC and is edited", path: ServerIDPath, operation: "UPDATE", old: "metadata: {}",
			object:  "{metadata: {annotations: {" + serverid.Annotation + ": app}}, spec: {containers: [{name: app}]}}",
			allowed: true},
		{name: "a feature that is not there", path: "/", operation: "CREATE", object: "spec: {}", allowed: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var refused []string
			r := post(t, Handlers(options(bound(), nil, nil, &refused))[tc.path], admissionv1.AdmissionRequest{
				Operation: admissionv1.Operation(tc.operation), Namespace: "ns", Object: raw(t, tc.object),
				OldObject: raw(t, tc.old),
			})
			if r.Allowed != tc.allowed || string(r.Patch) != tc.patch || strings.Join(refused, ";") != tc.refused {
				t.Errorf("allowed %v, patch %s, refused %q", r.Allowed, r.Patch, refused)
			}
			if !tc.allowed && (r.Result.Code != tc.code || !strings.Contains(r.Result.Message, tc.says)) {
				t.Errorf("%+v, want %d %q", r.Result, tc.code, tc.says)
			}
		})
	}
}

func TestGlobalAcceleratorsAreValidatedWhereTheyAreServed(t *testing.T) {
	t.Parallel()
	var refused []string
	o := options(nil, nil, nil, &refused)
	o.Accelerators = false
	if _, ok := Handlers(o)[AcceleratorPath]; ok {
		t.Error("there is a handler without the gate")
	}
}

func TestWhatTheCachesLackIsLookedUpBeforeARefusal(t *testing.T) {
	t.Parallel()
	fresh := []metav1.Object{&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "fresh"},
		Spec: networkingv1.IngressClassSpec{Controller: ingress.Controller}}}
	create := admissionv1.AdmissionRequest{Operation: admissionv1.Create, Namespace: "ns", Object: raw(t, absentClass)}
	var refused []string
	if r := post(t, Handlers(options(nil, fresh, nil, &refused))[IngressPath], create); !r.Allowed {
		t.Errorf("an Ingress whose class is a moment old: %+v", r.Result)
	}
	if r := post(t, Handlers(options(nil, nil, errors.New("timeout"), &refused))[IngressPath], create); !r.Allowed {
		t.Errorf("while nobody can make sure: %+v", r.Result)
	}
	if len(refused) > 0 {
		t.Errorf("counted %q", refused)
	}
}

func TestPodsGetNoGateWhereInjectionIsOff(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		o := options(bound(), nil, nil, nil)
		o.ReadinessGates = on
		r := post(t, Handlers(o)[PodPath], admissionv1.AdmissionRequest{Operation: admissionv1.Create, Namespace: "ns",
			Object: raw(t, "metadata: {labels: {app: web}}")})
		if !r.Allowed || (r.Patch != nil) != on {
			t.Errorf("injection %t: %+v", on, r)
		}
	}
}

// drained is a namespace whose pods get what they lack at their end.
var drained = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Labels: map[string]string{
	drain.NamespaceLabel: drain.Enabled}}}

func TestPodsGetAPauseBeforeTheirEndWhereTheirNamespaceAsksForIt(t *testing.T) {
	t.Parallel()
	const gate = `{"op":"add","path":"/spec/readinessGates","value":[{"conditionType":"target-health.elbv2.k8s.aws/web"}]}`
	const pause = `{"op":"add","path":"/spec/containers/0/lifecycle","value":{"preStop":{"sleep":{"seconds":45}}}},{"op":"add","path":"/spec/terminationGracePeriodSeconds","value":75}`
	for name, tc := range map[string]struct {
		path          string
		gates, sleeps bool
		cached        []metav1.Object
		operation     admissionv1.Operation
		want          string
	}{
		"with gates": {PodPath, true, true, append(bound(), drained), admissionv1.Create, "[" + gate +
			"," + pause + "]"},
		"gates are off": {PodPath, false, true, append(bound(), drained), admissionv1.Create,
			"[" + pause + "]"},
		"the namespace does not ask": {PodPath, true, true, bound(), admissionv1.Create, "[" + gate + "]"},
		"by itself": {DrainPath, true, true, append(bound(), drained), admissionv1.Create,
			"[" + pause + "]"},
		"by itself, without the label": {DrainPath, true, true, bound(), admissionv1.Create, ""},
		"an API server without a sleep": {PodPath, true, false, append(bound(), drained), admissionv1.Create,
			"[" + gate + "]"},
		"a pod that is edited":           {DrainPath, true, true, append(bound(), drained), admissionv1.Update, ""},
		"no label and no gates":          {PodPath, false, true, bound(), admissionv1.Create, ""},
		"an old server and no gates":     {PodPath, false, false, append(bound(), drained), admissionv1.Create, ""},
		"an old server, the path itself": {DrainPath, true, false, append(bound(), drained), admissionv1.Create, ""},
	} {
		o := options(tc.cached, nil, nil, nil)
		o.ReadinessGates, o.Sleeps = tc.gates, func(context.Context) bool { return tc.sleeps }
		o.Targets = func(*objects.View, *corev1.Pod) []podtargets.Found {
			return []podtargets.Found{{Target: drain.Target{Binding: "web", Type: stack.Application}}}
		}
		object := raw(t, "{metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}")
		r := post(t, Handlers(o)[tc.path], admissionv1.AdmissionRequest{Operation: tc.operation, Namespace: "ns",
			Object: object, OldObject: object})
		if !r.Allowed || string(r.Patch) != tc.want {
			t.Errorf("%s: %+v %s", name, r, r.Patch)
		}
	}
}

func TestPodsWaitForFutureBindingOnlyIfLoadBalancerServes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		found podtargets.Found
		gate  bool
	}{
		"a target group of a load balancer that serves": {podtargets.Found{Awaited: true, Serving: true}, true},
		"one of a load balancer that may never serve":   {podtargets.Found{Awaited: true}, false},
		"one of node ports": {podtargets.Found{Awaited: true, Serving: true, Target: drain.Target{
			Instance: true}}, false},
	} {
		o := options(nil, nil, nil, nil)
		tc.found.Binding = "later"
		o.Targets = func(*objects.View, *corev1.Pod) []podtargets.Found { return []podtargets.Found{tc.found} }
		r := post(t, Handlers(o)[PodPath], admissionv1.AdmissionRequest{Operation: admissionv1.Create, Namespace: "ns",
			Object: raw(t, "{metadata: {labels: {app: web}}}")})
		if got := strings.Contains(string(r.Patch), "target-health.elbv2.k8s.aws/later"); !r.Allowed || got != tc.gate {
			t.Errorf("%s: %s", name, r.Patch)
		}
	}
}

func TestAgentsAreInjectedAtBothPathsWhereTheGateIsOn(t *testing.T) {
	t.Parallel()
	wants := raw(
		t, `{metadata: {labels: {elbv2.k8s.aws/alb-target-control-agent-inject: "true"}}, spec: {containers: [{name: app}]}}`)
	config := &v1beta1.ALBTargetControlConfig{Spec: v1beta1.ALBTargetControlConfigSpec{
		Image: "agent", DataAddress: "0.0.0.0:80", ControlAddress: "0.0.0.0:3000", DestinationAddress: "127.0.0.1:8080"}}
	if h := Handlers(options(nil, nil, nil, nil)); h[AgentNamespacePath] != nil || h[AgentObjectPath] != nil {
		t.Error("served though the gate is off: the path of unbuilt features admits them")
	}
	for name, tc := range map[string]struct {
		object  runtime.RawExtension
		config  *v1beta1.ALBTargetControlConfig
		err     error
		patched bool
		refused []string
	}{
		"with a configuration": {wants, config, nil, true, nil},
		"without one":          {wants, nil, nil, false, nil},
		"while it cannot be read": {wants, nil, errors.New("timeout"), false,
			[]string{AgentNamespacePath + " albTargetControlAgentInjector"}},
		"a pod that does not want one": {raw(t, "spec: {containers: [{name: app}]}"), nil, errors.New("nobody asks"),
			false, nil},
	} {
		for _, path := range []string{AgentNamespacePath, AgentObjectPath} {
			var refused, asked []string
			o := options(nil, nil, nil, &refused)
			o.AgentConfig = func(_ context.Context, namespace string) (*v1beta1.ALBTargetControlConfig, error) {
				asked = append(asked, namespace)
				return tc.config, tc.err
			}
			r := post(t, Handlers(o)[path], admissionv1.AdmissionRequest{Operation: admissionv1.Create, Namespace: "ns",
				Object: tc.object})
			if r.Allowed != (tc.refused == nil) || (r.Patch != nil) != tc.patched || cmp.Diff(tc.refused, refused) != "" ||
				len(asked) > 0 && asked[0] != "ns" {
				t.Errorf("%s at %s: %+v, refused %q", name, path, r, refused)
			}
		}
	}
}

func TestAJudgeThatPanicsRefusesNothing(t *testing.T) {
	t.Parallel()
	var refused []string
	o := options(nil, nil, nil, &refused)
	o.Cached = func(context.Context) *objects.View { panic("a defect") }
	r := post(t, Handlers(o)[IngressPath], admissionv1.AdmissionRequest{Operation: admissionv1.Create,
		Object: raw(t, absentClass)})
	if !r.Allowed || cmp.Diff([]string{IngressPath + " panic"}, refused) != "" {
		t.Errorf("%+v, counted %q", r, refused)
	}
}

func TestWhatIsNoReviewIsABadRequest(t *testing.T) {
	t.Parallel()
	var refused []string
	for _, body := range []string{"", "{", "{}"} {
		w := httptest.NewRecorder()
		Handlers(options(nil, nil, nil, &refused))["/"].ServeHTTP(w, httptest.NewRequestWithContext(t.Context(),
			http.MethodPost, "/", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", body, w.Code)
		}
	}
}

func TestExistingFeaturesAreRefusedWithTheFlagOnly(t *testing.T) {
	t.Parallel()
	const retained = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, annotations: " +
		"{alb.ingress.kubernetes.io/deletion-policy: Retain}}}"
	for name, tc := range map[string]struct {
		only, allowed bool
		operation     admissionv1.Operation
		old           string
	}{
		"without the flag": {false, true, admissionv1.Create, ""},
		"at creation":      {true, false, admissionv1.Create, ""},
		"an edit that adds it": {true, false, admissionv1.Update,
			"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}}"},
		"an edit of one that has it": {true, true, admissionv1.Update, retained},
		"a deletion":                 {true, true, admissionv1.Delete, retained},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refused []string
			o := options(nil, nil, nil, &refused)
			o.ExistingFeaturesOnly, o.OurClass = tc.only, func(*objects.View, string) bool { return true }
			h, ok := Handlers(o)[ExistingFeaturesPath]
			if ok != tc.only {
				t.Fatalf("served: %v", ok)
			}
			if !ok { // as the server does it with paths that it does not know
				h = Handlers(o)["/"]
			}
			r := post(t, h, admissionv1.AdmissionRequest{Operation: tc.operation, Namespace: "ns", Object: raw(t, retained),
				OldObject: raw(t, tc.old)})
			if r.Allowed != tc.allowed || !tc.allowed &&
				(len(refused) != 1 || !strings.Contains(r.Result.Message, "alb.ingress.kubernetes.io/deletion-policy")) {
				t.Errorf("allowed %v, refused %v, %+v", r.Allowed, refused, r.Result)
			}
		})
	}
}
