package gatewaystatus

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// strange are a Service with its TargetGroupConfiguration, and a route of another namespace that names the Service.
const strange = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: TargetGroupConfiguration
metadata: {name: web, namespace: shop}
spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: mal}
spec: {parentRefs: [{name: evil}], rules: [{backendRefs: [{name: web, namespace: shop, port: 80}]}]}
`

// TestRouteOfOthersHoldsNoTargetGroupConfiguration: a route that may not name a Service keeps nothing of the Service's
// owner.
func TestRouteOfOthersHoldsNoTargetGroupConfiguration(t *testing.T) {
	t.Parallel()
	const grant = `
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: mal, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: mal}], to: [{group: "", kind: Service}]}
`
	for name, c := range map[string]struct {
		text string
		used bool
	}{
		"without a grant":        {strange, false},
		"with a grant":           {strange + grant, true},
		"of the same namespace":  {strings.ReplaceAll(strange, "mal", "shop"), true},
		"with a grant elsewhere": {strange + strings.Replace(grant, "namespace: shop", "namespace: mal", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objs, _, err := manifest.Decode([]byte(c.text), "shop")
			if err != nil {
				t.Fatal(err)
			}
			v := objects.FromObjects(objs)
			held, ok := objects.Lookup[client.Object](v, objects.TargetGroupConfiguration, "shop", "web")
			if !ok {
				t.Fatal("no TargetGroupConfiguration")
			}
			if user, used := targetGroupUser(v, gateway.Config{ALB: gateway.ControllerALB}, held); used != c.used {
				t.Errorf("used: %v, by %q", used, user)
			}
		})
	}
}

// TestConfigurationsThatNothingNamesAreNoted has a configuration of each kind that something names, and one that
// nothing names.
func TestConfigurationsThatNothingNamesAreNoted(t *testing.T) {
	t.Parallel()
	objs, _, err := manifest.Decode([]byte(strings.ReplaceAll(strange, "mal", "shop")+`
---
apiVersion: v1
kind: Service
metadata: {name: idle, namespace: shop}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: TargetGroupConfiguration, metadata: {name: idle, namespace: shop}, spec: {
  targetReference: {name: idle}, defaultConfiguration: {targetType: ip}}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: TargetGroupConfiguration, metadata: {name: default, namespace: shop}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: LoadBalancerConfiguration, metadata: {name: idle, namespace: shop}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: LoadBalancerConfiguration, metadata: {name: used, namespace: shop}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: LoadBalancerConfiguration, metadata: {name: foreign, namespace: shop}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: ours}, spec: {controllerName:
  gateway.k8s.aws/alb, parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: used,
  namespace: shop}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: theirs}, spec: {controllerName:
  example.com/x, parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: foreign,
  namespace: shop}}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: ListenerRuleConfiguration, metadata: {name: idle, namespace: shop}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: ListenerRuleConfiguration, metadata: {name: used, namespace: shop}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: LoadBalancerConfiguration, metadata: {name: guards, namespace: shop},
  spec: {sourceRanges: [10.0.0.0/8]}}
---
{apiVersion: gateway.k8s.aws/v1beta1, kind: ListenerRuleConfiguration, metadata: {name: guards, namespace: shop},
  spec: {conditions: [{field: source-ip, sourceIPConfig: {values: [10.0.0.0/8]}}]}}
---
{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: idle}, spec: {ipAddressType: ipv4}}
---
{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: guards}, spec: {scheme: internal}}
---
{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: used}, spec: {scheme: internal}}
---
{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: foreign}, spec: {scheme: internal}}
---
{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: group}, spec: {group: {name: g,
  settingsNamespaces: [shop]}}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: ours}, spec: {controller: ingress.k8s.aws/alb,
  parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: used}}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: theirs}, spec: {controller: example.com/x,
  parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: foreign}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: names, namespace: shop}, spec: {rules: [
  {filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: used}}]}]}}
`), "shop")
	if err != nil {
		t.Fatal(err)
	}
	const created = 1_700_000_000
	now, v := time.Unix(created+30, 0), objects.FromObjects(objs)
	for name, want := range map[string]string{
		"TargetGroupConfiguration/web": "", "TargetGroupConfiguration/default": "",
		"TargetGroupConfiguration/idle":     "this object configures Service shop/idle, which is the backend of no route, so it has no effect",
		"LoadBalancerConfiguration/used":    "",
		"LoadBalancerConfiguration/idle":    "no GatewayClass or Gateway of this controller names this object, so it has no effect",
		"LoadBalancerConfiguration/foreign": "no GatewayClass or Gateway of this controller names this object, so it has no effect",
		"ListenerRuleConfiguration/used":    "",
		"ListenerRuleConfiguration/idle":    "no HTTPRoute or GRPCRoute names this object, so it has no effect",
		"LoadBalancerConfiguration/guards": "so it has no effect and protects no load balancer; name it in parametersRef of " +
			"one [GuardNotApplied]",
		"ListenerRuleConfiguration/guards": "so it has no effect and protects no load balancer; name it in a filter of type " +
			"ExtensionRef [GuardNotApplied]",
		"IngressClassParams/idle": "no IngressClass of this controller names this object, so it has no effect; name it",
		"IngressClassParams/guards": "so it has no effect and protects no load balancer (spec.scheme); name it in " +
			"spec.parameters of an IngressClass, or delete it [GuardNotApplied]",
		"IngressClassParams/used":    "",
		"IngressClassParams/foreign": "so it has no effect and protects no load balancer (spec.scheme)",
		"IngressClassParams/group":   "",
	} {
		kind, name, _ := strings.Cut(name, "/")
		r := New(objects.Kind(kind), gateway.Config{ALB: gateway.ControllerALB}, nil, nil, NewStatuses(nil,
			func() time.Time { return now }, logr.Discard()))
		namespace := "shop"
		if r.Kind == objects.IngressClassParams {
			namespace = ""
		}
		o, ok := objects.Lookup[client.Object](v, r.Kind, namespace, name)
		if !ok {
			t.Fatalf("no %s %s", kind, name)
		}
		o.SetCreationTimestamp(metav1.Unix(created, 0))
		notes, again := r.noteIdle(v, o, nil)
		if young := want != ""; len(notes) > 0 || young != (again == 30*time.Second) {
			t.Errorf("%s %s, 30 s old: %v, again after %v", kind, name, notes, again)
		}
		o.SetCreationTimestamp(metav1.Unix(created-60, 0))
		notes, again = r.noteIdle(v, o, nil)
		if got := fmt.Sprint(notes); again != 0 || want == "" && len(notes) > 0 || !strings.Contains(got, want) {
			t.Errorf("%s %s: %s, again after %v, want %q", kind, name, got, again, want)
		}
	}
	stray := diag.List{{Path: "spec.targetReference"}}
	o, _ := objects.Lookup[client.Object](v, objects.TargetGroupConfiguration, "shop", "idle")
	r := New(objects.TargetGroupConfiguration, gateway.Config{}, nil, nil, NewStatuses(nil, time.Now, logr.Discard()))
	if notes, _ := r.noteIdle(v, o, stray); len(notes) != 1 {
		t.Errorf("a second note about the reference: %v", notes)
	}
}
