package manifest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

const manifests = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  ports: [{port: 80}, {port: 53, protocol: UDP, nodePort: 30000}, {port: 53, targetPort: dns}]
---
# nothing here
---
apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: {name: web, namespace: shop}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
`

func decoded(t *testing.T) []metav1.Object {
	t.Helper()
	found, skipped, err := Decode([]byte(manifests), "default")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"apps/v1 Deployment shop/web"}, skipped); d != "" {
		t.Error(d)
	}
	return found
}

func TestManifestsAreFilledInAsTheAPIServerWould(t *testing.T) {
	t.Parallel()
	found := decoded(t)
	FillIn(found)
	svc, _ := objects.FromObjects(found).Service("default", "web")
	// As Python's uuid.uuid5(uuid.NAMESPACE_DNS, "default/web").
	if svc.UID != "da140d5d-d039-5080-91db-f00e3c1c81aa" {
		t.Errorf("UID %s", svc.UID)
	}
	var got []string
	for _, p := range svc.Spec.Ports {
		got = append(got, string(p.Protocol)+" "+p.TargetPort.String())
	}
	if d := cmp.Diff([]string{"TCP 80", "UDP 53", "TCP dns"}, got); d != "" {
		t.Error(d)
	}
	if svc.Spec.Ports[0].NodePort != 30001 || svc.Spec.Ports[1].NodePort != 30000 || svc.Spec.Ports[2].NodePort != 30000 {
		t.Errorf("node ports %v", svc.Spec.Ports)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "dev"}}
	FillIn([]metav1.Object{ns})
	if ns.Labels["kubernetes.io/metadata.name"] != "dev" {
		t.Errorf("labels %v", ns.Labels)
	}
	secret := &corev1.Secret{StringData: map[string]string{"a": "b"}, Data: map[string][]byte{"c": []byte("d")}}
	plain := &corev1.Secret{StringData: map[string]string{"a": "b"}}
	FillIn([]metav1.Object{secret, plain})
	if string(secret.Data["a"])+string(secret.Data["c"])+string(plain.Data["a"]) != "bdb" || secret.StringData != nil {
		t.Errorf("Secrets %v %v", secret, plain)
	}
	local := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer,
		ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal}}
	FillIn([]metav1.Object{local})
	if local.Spec.HealthCheckNodePort != 30000 {
		t.Errorf("health check node port %d", local.Spec.HealthCheckNodePort)
	}
}

func TestServicesAreFilledInByTheirType(t *testing.T) {
	t.Parallel()
	no := false
	local := corev1.ServiceExternalTrafficPolicyLocal
	four := []corev1.IPFamily{corev1.IPv4Protocol}
	for name, c := range map[string]struct {
		spec, want corev1.ServiceSpec
	}{
		"no type": {corev1.ServiceSpec{}, corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, IPFamilies: four}},
		"without node ports": {corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, AllocateLoadBalancerNodePorts: &no},
			corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, AllocateLoadBalancerNodePorts: &no, IPFamilies: four}},
		"external": {corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName}, corev1.ServiceSpec{
			Type: corev1.ServiceTypeExternalName}},
		"two families": {corev1.ServiceSpec{IPFamilies: []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}},
			corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, IPFamilies: []corev1.IPFamily{corev1.IPv6Protocol,
				corev1.IPv4Protocol}}},
		"local, of nodes": {corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ExternalTrafficPolicy: local},
			corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ExternalTrafficPolicy: local, IPFamilies: four}},
		"a balancer, not local": {corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}, corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, IPFamilies: four}},
		"a health check's node port stays": {corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer,
			ExternalTrafficPolicy: local, HealthCheckNodePort: 30000},
			corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: local, HealthCheckNodePort: 30000,
				IPFamilies: four}},
	} {
		ports := []corev1.ServicePort{{Port: 80}, {Port: 81}}
		c.spec.Ports = ports
		svc := &corev1.Service{Spec: c.spec}
		FillIn([]metav1.Object{svc})
		first, second := svc.Spec.Ports[0].NodePort, svc.Spec.Ports[1].NodePort
		svc.Spec.Ports = nil
		if d := cmp.Diff(c.want, svc.Spec); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		exposed := c.spec.Type == corev1.ServiceTypeNodePort || c.spec.Type == corev1.ServiceTypeLoadBalancer &&
			c.spec.AllocateLoadBalancerNodePorts == nil
		taken := svc.Spec.HealthCheckNodePort
		if exposed != (first != 0) || exposed && (first == second || first == taken || second == taken) {
			t.Errorf("%s: node ports %d, %d beside %d", name, first, second, taken)
		}
	}
}

func TestAMalformedDocumentIsFoundByItsLine(t *testing.T) {
	t.Parallel()
	const good = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
	for in, want := range map[string]int{
		"- a": 1, good + "---\n- a\n": 5, good + "---\n" + good + "---\n- a": 9, "# first\n---\n" + good + "---\n\n\n- a": 9,
		strings.ReplaceAll(good+"---\n- a", "\n", "\r\n"): 5,
	} {
		_, _, err := Decode([]byte(in), "")
		var m *MalformedError
		if !errors.As(err, &m) {
			t.Errorf("%q: %v", in, err)
		} else if m.Line != want {
			t.Errorf("%q: line %d, want %d", in, m.Line, want)
		}
	}
}

func TestKindsOfTheClusterHaveNoNamespace(t *testing.T) {
	t.Parallel()
	found, skipped, err := Decode([]byte(`
kind: List
items:
- {apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: a}}
- {apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: b}}
- {apiVersion: v1, kind: Namespace, metadata: {name: c}}
- {apiVersion: v1, kind: Secret, metadata: {name: d}}
- {apiVersion: v1, kind: Service, metadata: {name: e, namespace: own}}
- {apiVersion: elbv2.k8s.aws/v1beta1, kind: TargetGroupBinding, metadata: {name: f}}
- {apiVersion: example.com/v1, kind: Service, metadata: {name: g}}
- {apiVersion: extensions/v1, kind: Scale, metadata: {name: h}}
`), "default")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	v := objects.FromObjects(found)
	for _, o := range found {
		got = append(got, o.GetNamespace()+"/"+o.GetName())
	}
	if d := cmp.Diff([]string{"/a", "/b", "/c", "default/d", "own/e", "default/f"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"example.com/v1 Service g", "extensions/v1 Scale h"}, skipped); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"c", "b", "a", "d"} {
		found = append(found, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "many", Name: name}}, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "few" + name, Name: "x"}})
	}
	var sorted []string
	for _, s := range objects.FromObjects(found).Services("") {
		sorted = append(sorted, s.Namespace+"/"+s.Name)
	}
	if d := cmp.Diff([]string{"fewa/x", "fewb/x", "fewc/x", "fewd/x", "many/a", "many/b", "many/c", "many/d", "own/e"},
		sorted); d != "" {
		t.Error(d)
	}
	_, class := v.IngressClass("a")
	_, params := v.IngressClassParams("b")
	_, namespace := v.Namespace("c")
	_, secret := objects.Get[*corev1.Secret](v, objects.From{Namespace: "default"}, objects.Ref{
		Kind: objects.Secret, Name: "d"})
	bindings := v.TargetGroupBindings("default")
	if !class || !params || !namespace || secret != nil || len(bindings) != 1 || len(v.Services("")) != 1 ||
		len(v.Services("own")) != 1 || len(v.Services("default")) != 0 {
		t.Error("not all are in the view")
	}
}

func TestAMalformedManifestIsNamed(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {portz: []}": `document 1: v1 Service web: unknown field "spec.portz"`,
		"# only this\n---\n{":           "document 2: ",
		"a: b":                          "document 1: this is not a Kubernetes object: it needs apiVersion and kind",
		"- a":                           "document 1: this is not a Kubernetes object",
		"apiVersion: v2\nkind: Service": "document 1: v2 Service: no cluster serves this version; write apiVersion: v1",
		"apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web, namespace: a}": "document 1: extensions/v1beta1 Ingress a/web: no cluster serves this version; write apiVersion: networking.k8s.io/v1",
		"kind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  x: y": "document 1: List: item " +
			"0: v1 Secret: ",
	} {
		_, _, err := Decode([]byte(in), "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func TestManifestsOfTheGatewayAPIAreReadInEveryServedVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		apiVersion string
		kinds      []objects.Kind
	}{
		{"gateway.networking.k8s.io/v1", append([]objects.Kind{objects.GatewayClass, objects.Gateway, objects.ListenerSet,
			objects.ReferenceGrant}, objects.RouteKinds...)},
		{"gateway.networking.k8s.io/v1beta1", []objects.Kind{objects.GatewayClass, objects.Gateway, objects.HTTPRoute,
			objects.ReferenceGrant}},
		{"gateway.networking.k8s.io/v1alpha2", []objects.Kind{objects.TCPRoute, objects.UDPRoute, objects.TLSRoute}},
		{"gateway.networking.k8s.io/v1alpha3", []objects.Kind{objects.TLSRoute}},
		{"gateway.k8s.aws/v1", []objects.Kind{objects.LoadBalancerConfiguration, objects.TargetGroupConfiguration,
			objects.ListenerRuleConfiguration}},
		{"gateway.k8s.aws/v1beta1", []objects.Kind{objects.LoadBalancerConfiguration, objects.TargetGroupConfiguration,
			objects.ListenerRuleConfiguration}},
	} {
		for _, kind := range c.kinds {
			found, skipped, err := Decode([]byte("apiVersion: "+c.apiVersion+"\nkind: "+string(kind)+"\nmetadata: {name: x}\n"),
				"shop")
			if err != nil || len(skipped) > 0 || len(found) != 1 {
				t.Errorf("%s %s: %v, skipped %v", c.apiVersion, kind, err, skipped)
				continue
			}
			if k, _ := objects.KindOf(found[0]); k != kind || (found[0].GetNamespace() == "") != (kind == objects.GatewayClass) {
				t.Errorf("%s %s: a %s in namespace %q", c.apiVersion, kind, k, found[0].GetNamespace())
			}
		}
	}
	for text, want := range map[string]string{
		"apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: GRPCRoute\n": "write apiVersion: gateway.networking.k8s.io/v1",
		"apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: Gateway\n":   "write apiVersion: gateway.networking.k8s.io/v1",
		"apiVersion: gateway.k8s.aws/v1\nkind: LoadBalancerConfig\n": "those of gateway.k8s.aws are " +
			"ListenerRuleConfiguration, LoadBalancerConfiguration, TargetGroupConfiguration",
		"apiVersion: gateway.k8s.aws/v1\nkind: LoadBalancerConfiguration\nspec: {a: 1}": `unknown field "spec.a"`,
	} {
		if _, _, err := Decode([]byte(text), "shop"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestHTTPRoutesFromFilesHaveTheMatchesThatTheAPIServerFillsIn(t *testing.T) {
	t.Parallel()
	r := &gatewayv1.HTTPRoute{}
	headers := &gatewayv1.HTTPRoute{}
	headers.Spec.Rules = []gatewayv1.HTTPRouteRule{
		{Matches: []gatewayv1.HTTPRouteMatch{{Headers: []gatewayv1.HTTPHeaderMatch{{Name: "a"}}}}}}
	FillIn([]metav1.Object{r, headers})
	for _, r := range []*gatewayv1.HTTPRoute{r, headers} {
		if len(r.Spec.Rules) != 1 || len(r.Spec.Rules[0].Matches) != 1 || *r.Spec.Rules[0].Matches[0].Path.Value != "/" {
			t.Errorf("%+v", r.Spec)
		}
	}
}

func TestGlobalAcceleratorFromFileHasDefaults(t *testing.T) {
	t.Parallel()
	read := func(spec string) []metav1.Object {
		found, skipped, err := Decode([]byte("apiVersion: aga.k8s.aws/v1beta1\nkind: GlobalAccelerator\nmetadata: "+
			"{name: web}\nspec: "+spec), "default")
		if err != nil || len(found) != 1 || len(skipped) > 0 {
			t.Fatalf("%d found, skipped %v: %v", len(found), skipped, err)
		}
		FillIn(found)
		return found
	}
	got := read("{listeners: [{endpointGroups: [{endpoints: [{type: Service, name: web}, {type: Service, name: shop, " +
		"weight: 0, clientIPPreservationEnabled: false}]}]}]}")
	want := read("{ipAddressType: IPV4, listeners: [{clientAffinity: NONE, endpointGroups: [{trafficDialPercentage: " +
		"100, endpoints: [{type: Service, name: web, weight: 128, clientIPPreservationEnabled: true}, {type: Service, " +
		"name: shop, weight: 0, clientIPPreservationEnabled: false}]}]}]}")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got[0].GetNamespace() != "default" {
		t.Errorf("namespace %q", got[0].GetNamespace())
	}
}
