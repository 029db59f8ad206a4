package naming

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var (
	webFront = stack.ID{Namespace: "shop", Name: "web-front"}
	awesome  = stack.ID{Name: "my-team.awesome-group"}
)

func TestIngressLoadBalancerNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id     stack.ID
		scheme string
		want   string
	}{
		{webFront, "internal", "k8s-shop-webfront-14828abe95"},
		{webFront, "internet-facing", "k8s-shop-webfront-a928ab0da7"},
		{awesome, "internet-facing", "k8s-myteamawesomegrou-10b4157438"},
		{stack.ID{Name: "shared-alb"}, "internal", "k8s-sharedalb-dde01f172d"},
	} {
		if got := IngressLoadBalancer("demo-cluster", c.id, c.scheme); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.id, c.scheme, got, c.want)
		}
	}
	if got := IngressLoadBalancer("lab", stack.ID{Name: "b008"}, "internal"); got != "k8s-b008-a9b54473b0" {
		t.Errorf("group b008 of cluster lab: %s", got)
	}
}

func TestIngressSecurityGroupNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	for id, want := range map[stack.ID]string{
		webFront:             "k8s-shop-webfront-b665409a03",
		awesome:              "k8s-myteamawesomegrou-af9e19615f",
		{Name: "shared-alb"}: "k8s-sharedalb-682939f593",
	} {
		if got := IngressSecurityGroup("demo-cluster", id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestIngressTargetGroupNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	api := IngressTargetGroup{
		Cluster: "demo-cluster", Group: webFront, IngressNamespace: "shop", IngressName: "web-front",
		ServiceNamespace: "shop",
		ServiceName:      "api", ServiceUID: "0f3c2a1e-7b54-4c1d-9a6e-1234567890ab", ServicePort: "80", Port: 8080,
		TargetType: "ip", Protocol: "HTTP", ProtocolVersion: "HTTP1",
	}
	controlled := api
	controlled.ControlPort = 3000
	site := api
	site.ServiceName, site.ServiceUID, site.ServicePort, site.Port = "site-frontend",
		"5d1b9c77-2e0a-4f3b-8c44-abcdefabcdef", "http", 1
	grouped := api
	grouped.Group, grouped.TargetType, grouped.Port = awesome, "instance", 30080
	for _, c := range []struct {
		in   IngressTargetGroup
		want string
	}{
		{api, "k8s-shop-api-ef5ede8cb0"},
		{controlled, "k8s-shop-api-25ca236d5b"},
		{site, "k8s-shop-sitefron-48e605f74d"},
		{grouped, "k8s-shop-api-aeb2070936"},
	} {
		if got := c.in.Name(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestATargetGroupHasAnotherNameWhenWhatAWSCannotChangeDiffers(t *testing.T) {
	t.Parallel()
	of := func(change func(*IngressTargetGroup)) string {
		g := IngressTargetGroup{
			Cluster: "demo-cluster", Group: webFront, IngressNamespace: "shop", IngressName: "web-front",
			ServiceNamespace: "ns-1", ServiceName: "name-1", ServiceUID: "uid-1",
			ServicePort: "80", Port: 8080, TargetType: "ip", Protocol: "HTTP", ProtocolVersion: "HTTP1",
		}
		change(&g)
		return g.Name()
	}
	names := map[string]string{of(func(*IngressTargetGroup) {}): "as it is"}
	for what, change := range map[string]func(*IngressTargetGroup){
		"port of the Service": func(g *IngressTargetGroup) { g.ServicePort = "http" },
		"port of the targets": func(g *IngressTargetGroup) { g.Port = 9090 },
		"type": func(g *IngressTargetGroup) {
			g.TargetType = "instance"
		}, "protocol": func(g *IngressTargetGroup) { g.Protocol = "HTTPS" },
		"version": func(g *IngressTargetGroup) {
			g.ProtocolVersion = "HTTP2"
		}, "control port": func(g *IngressTargetGroup) { g.ControlPort = 3000 },
		"Service": func(g *IngressTargetGroup) {
			g.ServiceUID = "uid-2"
		}, "Ingress": func(g *IngressTargetGroup) { g.IngressName = "other" },
		"cluster": func(g *IngressTargetGroup) { g.Cluster = "other" },
	} {
		name := of(change)
		if same, ok := names[name]; ok || !strings.HasPrefix(name, "k8s-ns1-name1-") || len(name) != len("k8s-ns1-name1-")+
			10 {
			t.Errorf("another %s: %s, like %q", what, name, same)
		}
		names[name] = what
	}
}

func TestServiceNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	const uid = "11111111-2222-3333-4444-555555555555"
	front := stack.ID{Namespace: "team-a", Name: "web-frontend"}
	for _, c := range []struct{ got, want string }{
		{ServiceLoadBalancer("prod-cluster", front, uid, "internet-facing"), "k8s-teama-webfront-849994fa70"},
		{ServiceLoadBalancer("prod-cluster", front, uid, "internal"), "k8s-teama-webfront-2b67d0ba08"},
		{ServiceSecurityGroup("prod-cluster", front, uid), "k8s-teama-webfront-4b6dce656a"},
		{
			ServiceLoadBalancer("prod-cluster", stack.ID{Namespace: "dns", Name: "resolver"},
				"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "internal"),
			"k8s-dns-resolver-8b8d6e1f02",
		},
		{ServiceSecurityGroup("prod-cluster", stack.ID{Namespace: "dns", Name: "resolver"},
			"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"), "k8s-dns-resolver-2aa03045cd"},
		{
			ServiceLoadBalancer("my-cluster", stack.ID{Namespace: "default", Name: "nlb-ip-svc-tls"},
				"bdca2bd0-bfc6-449a-88a3-03451f05f18c", "internal"),
			"k8s-default-nlbipsvc-6b0ba8ff70",
		},
		{ServiceSecurityGroup("my-cluster", stack.ID{Namespace: "default", Name: "nlb-ip-svc-tls"},
			"bdca2bd0-bfc6-449a-88a3-03451f05f18c"), "k8s-default-nlbipsvc-1da4b78715"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestServiceTargetGroupNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	tg := func(edit func(*ServiceTargetGroup)) string {
		g := ServiceTargetGroup{
			Cluster: "prod-cluster", ServiceNamespace: "team-a", ServiceName: "web-frontend",
			ServiceUID: "11111111-2222-3333-4444-555555555555",
			Port:       31080, ServicePort: 80, TargetType: "instance", Protocol: "TCP", HealthCheckProtocol: "TCP",
			HealthCheckInterval: 10,
		}
		edit(&g)
		return g.Name()
	}
	for _, c := range []struct{ what, got, want string }{
		{"tcp", tg(func(*ServiceTargetGroup) {}), "k8s-teama-webfront-df7e8d5c3f"},
		{"tls", tg(func(g *ServiceTargetGroup) { g.Port, g.ServicePort = 31443, 443 }), "k8s-teama-webfront-4f37454e8d"},
		{"local policy", tg(func(g *ServiceTargetGroup) { g.HealthCheckProtocol = "HTTP" }), "k8s-teama-webfront-0c52c0dec1"},
		{
			"local policy, 443",
			tg(func(g *ServiceTargetGroup) { g.Port, g.ServicePort, g.HealthCheckProtocol = 31443, 443, "HTTP" }),
			"k8s-teama-webfront-067eee3e4e",
		},
		{"weighted", tg(func(g *ServiceTargetGroup) {
			g.BaseUID, g.ServiceUID, g.ServiceName = g.ServiceUID, "99999999-8888-7777-6666-555555555555", "canary"
			g.Port, g.ServicePort = 31999, 81
		}), "k8s-teama-canary-24e90ca37f"},
		{"tcp and udp", tg(func(g *ServiceTargetGroup) {
			g.ServiceNamespace, g.ServiceName, g.ServiceUID = "dns", "resolver", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
			g.Port, g.ServicePort, g.TargetType, g.Protocol = 5353, 53, "ip", "TCP_UDP"
		}), "k8s-dns-resolver-1b11a5abcb"},
		{"udp", tg(func(g *ServiceTargetGroup) {
			g.ServiceNamespace, g.ServiceName, g.ServiceUID = "dns", "resolver", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
			g.Port, g.ServicePort, g.TargetType, g.Protocol = 5353, 53, "ip", "UDP"
		}), "k8s-dns-resolver-08b39a8cfd"},
		{"ip", tg(func(g *ServiceTargetGroup) {
			g.Cluster, g.ServiceNamespace, g.ServiceName = "my-cluster", "default", "nlb-ip-svc-tls"
			g.ServiceUID, g.Port, g.TargetType = "bdca2bd0-bfc6-449a-88a3-03451f05f18c", 80, "ip"
		}), "k8s-default-nlbipsvc-d4818dcd51"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestBackendSecurityGroupNamesFitWhatEC2Admits(t *testing.T) {
	t.Parallel()
	for cluster, want := range map[string]string{
		"demo-cluster":   "k8s-traffic-democluster-36d0873f31",
		"prod-cluster":   "k8s-traffic-prodcluster-0fab1e32c5",
		"my-cluster":     "k8s-traffic-mycluster-4cbfcec96c",
		"prod.example_1": "k8s-traffic-prodexample1-6d81fe0228",
	} {
		if got := BackendSecurityGroup(cluster); got != want {
			t.Errorf("%s: %s, want %s", cluster, got, want)
		}
	}
	if got := BackendSecurityGroup(strings.Repeat("c", 300)); len(got) != 255 {
		t.Errorf("%d characters, want 255", len(got))
	}
}

func TestNamesNeverExceedWhatAWSAdmits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("very-long.name", 20)
	id := stack.ID{Namespace: long, Name: long}
	for _, got := range []string{
		IngressLoadBalancer(long, id, "internet-facing"), IngressLoadBalancer(long, stack.ID{Name: long}, "internal"),
		ServiceLoadBalancer(long, id, long, "internal"),
		IngressTargetGroup{ServiceNamespace: long, ServiceName: long}.Name(),
		ServiceTargetGroup{ServiceNamespace: long, ServiceName: long}.Name(),
	} {
		if len(got) > 32 {
			t.Errorf("%s has %d characters", got, len(got))
		}
	}
}

func TestIdentitiesAreThoseOfTheResourceTag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{IngressTargetGroupID("shop", "web-front", "site-frontend", "http"), "shop/web-front-site-frontend:http"},
		{IngressTargetGroupID("shop", "web-front", "api", "80"), "shop/web-front-api:80"},
		{ServiceTargetGroupID("team-a", "web-frontend", 443), "team-a/web-frontend:443"},
		{ListenerID(443), "443"},
		{RuleID(443, 1), "443:1"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestTrackingTagsAndLabelsNameTheStack(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "shop/web-front",
		"ingress.k8s.aws/resource": "443:1",
	}
	if d := cmp.Diff(want, Tracking(stack.Ingress, "demo-cluster", webFront.String(), "443:1")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"elbv2.k8s.aws/cluster": "c", "elbv2.k8s.aws/resource": "backend-sg"},
		BackendTracking("c")); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		key  stack.Key
		want map[string]string
	}{
		{stack.Key{Owner: stack.Ingress, ID: awesome}, map[string]string{"ingress.k8s.aws/stack": "my-team.awesome-group"}},
		{
			stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "team-a", Name: "web-frontend"}},
			map[string]string{"service.k8s.aws/stack-namespace": "team-a", "service.k8s.aws/stack-name": "web-frontend"},
		},
	} {
		if d := cmp.Diff(c.want, Labels(c.key)); d != "" {
			t.Error(d)
		}
	}
}

func TestAFinalizerNamesItsGroup(t *testing.T) {
	t.Parallel()
	finalizer := func(id stack.ID) string { return Finalizer(stack.Key{Owner: stack.Ingress, ID: id}) }
	o := &metav1.ObjectMeta{Namespace: "shop", Name: "web-front", Finalizers: []string{
		"service.k8s.aws/resources", finalizer(awesome), "group.ingress.k8s.aws/", finalizer(webFront), "foregroundDeletion"}}
	if d := cmp.Diff([]stack.ID{awesome, webFront}, StacksOfFinalizers(stack.Ingress, o)); d != "" {
		t.Error(d)
	}
	if f := finalizer(awesome); f != "group.ingress.k8s.aws/my-team.awesome-group" {
		t.Error(f)
	}
}

func TestTheStackOfEachKindOfOwnerIsFoundByItsTagsAndFinalizer(t *testing.T) {
	t.Parallel()
	for _, k := range owner.Kinds {
		for _, id := range []stack.ID{webFront, awesome} {
			key := stack.Key{Owner: k.Owner, ID: id}
			got, resource, ok := StackOf("demo", "", Tracking(k.Owner, "demo", id.String(), "443"))
			if got != key || resource != "443" || !ok {
				t.Errorf("%s is tagged as %s, resource %s, %v", key, got, resource, ok)
			}
			if id.Namespace == "" && k.GroupFinalizer == "" {
				continue
			}
			o := &metav1.ObjectMeta{Namespace: webFront.Namespace, Name: webFront.Name, Finalizers: []string{Finalizer(key)}}
			for _, other := range owner.Kinds {
				if found := StacksOfFinalizers(other.Owner, o); (len(found) == 1 && found[0] == id) != (other.Owner == k.Owner) {
					t.Errorf("the finalizer of %s is one of %s for %v", key, other.Owner, found)
				}
			}
		}
	}
}

func TestLegacyTagsNameTheClusterTag(t *testing.T) {
	t.Parallel()
	if got := LegacyTags("c1"); got[0] != "kubernetes.io/cluster/c1" || len(got) != 7 {
		t.Error(got)
	}
}
