package stacks

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const dryRunGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: any}
spec: {controllerName: gateway.k8s.aws/auto}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop, generation: 1, annotations: {gateway.k8s.aws/dry-run: "true"}}
spec: {gatewayClassName: any, listeners: [{name: a, port: 80, protocol: PROTOCOL}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ROUTE
metadata: {name: web, namespace: shop, generation: 1}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}
`

// gatewayReconciler is a reconciler of Gateways of a family over a cluster with dryRunGateway, and the statuses that
// its passes decided.
func gatewayReconciler(t *testing.T, family attachment.Family, protocol, route string) (s *Reconciler, events *[]string,
	statuses func() map[string]metav1.Object) {
	t.Helper()
	objs, _, err := manifest.Decode([]byte(strings.NewReplacer("PROTOCOL", protocol, "ROUTE", route).Replace(
		dryRunGateway)), "shop")
	if err != nil {
		t.Fatal(err)
	}
	manifest.FillIn(objs)
	var cluster []client.Object
	for _, o := range objs {
		c, ok := o.(client.Object)
		if !ok {
			t.Fatalf("%T", o)
		}
		cluster = append(cluster, c)
	}
	s, events = newTestReconciler(t, cluster...)
	flags, err := config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=vpc-0a1de000000000001"})
	if err != nil {
		t.Fatal(err)
	}
	s.Front = settings.Gateway(flags, family)
	decided := map[string]metav1.Object{}
	s.Decided = func(_ stack.Key, changes []gateway.Change) {
		for _, c := range changes {
			for _, o := range objs {
				if k, _ := objects.KindOf(o); k == c.Kind && o.GetName() == c.Name {
					c.Apply(o, metav1.Now())
					decided[string(k)] = o
				}
			}
		}
	}
	return s, events, func() map[string]metav1.Object { return decided }
}

func storedGateway(t *testing.T, c client.Client) *gatewayv1.Gateway {
	t.Helper()
	g := &gatewayv1.Gateway{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAGatewayUnderDryRunGetsItsPlanAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family          attachment.Family
		protocol, route string
		resource        string
	}{
		{attachment.Application, "HTTP", "HTTPRoute", `"AWS::ElasticLoadBalancingV2::ListenerRule":{"80:`},
		{attachment.Network, "TCP", "TCPRoute", `"AWS::ElasticLoadBalancingV2::Listener":{"80":`},
	} {
		s, events, statuses := gatewayReconciler(t, c.family, c.protocol, c.route)
		key := stack.Key{Owner: gateway.Owner(c.family), ID: stack.ID{Namespace: "shop", Name: "web"}}
		for range 2 {
			if _, err := s.Reconcile(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		got := storedGateway(t, s.Client)
		if p := got.Annotations[string(annotation.GatewayDryRunPlan)]; !strings.HasPrefix(
			p, `{"id":"shop/web","resources":{"AWS::EC2::SecurityGroup"`) || !strings.Contains(p, c.resource) {
			t.Errorf("%s: the plan: %s", c.protocol, p)
		} else if strings.Contains(p, "/stack") || strings.Contains(p, "/cluster") || strings.Contains(p, "/resource\"") {
			t.Errorf("%s: the plan has tags or labels that are added when it is deployed: %s", c.protocol, p)
		}
		if len(got.Finalizers) > 0 || got.Annotations[gateway.ConstructionAnnotation] != "" {
			t.Errorf("%s: it was prepared for a deployment: %+v", c.protocol, got.ObjectMeta)
		}
		if keys, err := s.Inventory.Keys(t.Context()); err != nil || len(keys) > 0 {
			t.Errorf("%s: AWS holds %v, %v", c.protocol, keys, err)
		}
		groups, err := s.Clients.EC2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{})
		if err != nil || slices.ContainsFunc(groups.SecurityGroups, func(g ec2types.SecurityGroup) bool {
			return strings.HasPrefix(*g.GroupName, "k8s-")
		}) {
			t.Errorf("%s: security groups %v, %v", c.protocol, groups.SecurityGroups, err)
		}
		all := strings.Join(*events, "\n")
		if strings.Count(all, "Normal DryRun web: dry run: nothing of this Gateway is deployed; deploying it means ") != 1 ||
			strings.Contains(all, "Successfully") {
			t.Errorf("%s: events:\n%s", c.protocol, all)
		}
		g, ok := statuses()["Gateway"].(*gatewayv1.Gateway)
		if !ok {
			t.Fatal("the Gateway has no status")
		}
		var shown []string
		for _, x := range g.Status.Conditions {
			shown = append(shown, x.Type+" "+string(x.Status)+" "+x.Reason+" "+x.Message)
		}
		want := "Accepted True Accepted \nProgrammed False Pending Dry run: nothing is deployed until annotation " +
			"gateway.k8s.aws/dry-run is removed; the plan is in annotation gateway.k8s.aws/dry-run-plan."
		if text := strings.Join(shown, "\n"); text != want || len(g.Status.Addresses) > 0 ||
			g.Status.Listeners[0].AttachedRoutes != 1 {
			t.Errorf("%s: the status has %s, listeners %+v; want %s", c.protocol, text, g.Status.Listeners, want)
		}
		if statuses()[c.route] == nil {
			t.Errorf("%s: the route has no status", c.protocol)
		}
	}
}

func TestDryRunOfDeployedGatewayOnlyShowsPlan(t *testing.T) {
	t.Parallel()
	s, events, statuses := gatewayReconciler(t, attachment.Application, "HTTP", "HTTPRoute")
	key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "web"}}
	change := func(edit func(g *gatewayv1.Gateway)) {
		t.Helper()
		g := storedGateway(t, s.Client)
		edit(g)
		g.Generation++
		if err := s.Client.Update(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reconcile(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	change(func(g *gatewayv1.Gateway) { g.Finalizers = []string{gateway.Finalizer(attachment.Application)} })
	for _, c := range []struct {
		name, family, event, plan string
		edit                      func(g *gatewayv1.Gateway)
	}{
		{"another port", "", "the deployed version of this Gateway stays as it is; deploying it means ",
			`"AWS::ElasticLoadBalancingV2::Listener":{"8080":`, func(g *gatewayv1.Gateway) { g.Spec.Listeners[0].Port = 8080 }},
		{"the other family", "", "the deployed version of this Gateway stays as it is; deploying it would change nothing", "",
			func(g *gatewayv1.Gateway) {
				g.Spec.Listeners[0].Protocol = gatewayv1.TCPProtocolType
			}},
	} {
		change(c.edit)
		all := strings.Join(*events, "\n")
		if !strings.Contains(all, c.event) {
			t.Errorf("%s: events:\n%s\nwant %s", c.name, all, c.event)
		}
		if p := storedGateway(t, s.Client).Annotations[string(annotation.GatewayDryRunPlan)]; !strings.Contains(p, c.plan) {
			t.Errorf("%s: the plan %s, want %s", c.name, p, c.plan)
		}
	}
	if len(statuses()) > 0 {
		t.Errorf("statuses were written: %v", statuses())
	}
	if keys, err := s.Inventory.Keys(t.Context()); err != nil || len(keys) > 0 {
		t.Errorf("AWS holds %v, %v", keys, err)
	}
}

func TestADeletedGatewayUnderDryRunIsDeleted(t *testing.T) {
	t.Parallel()
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
		string(annotation.GatewayDryRun): "true"},
		Finalizers: []string{gateway.Finalizer(attachment.Application)}, DeletionTimestamp: &metav1.Time{}}}
	flags, err := config.Parse([]string{"--cluster-name=demo-cluster"})
	if err != nil {
		t.Fatal(err)
	}
	w := settings.Gateway(flags, attachment.Application).Load(objects.FromObjects([]any{g, &corev1.Namespace{}}),
		stack.ID{Namespace: "shop", Name: "web"})
	if w.DryRun != nil || len(w.Leaving) != 1 {
		t.Errorf("%+v", w)
	}
}

func TestAPlanOfAGatewayThatDoesNotFitIsCompressed(t *testing.T) {
	t.Parallel()
	keys := owner.Of(stack.GatewayALB).DryRun
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
		string(keys.Plan): strings.Repeat("y", 200<<10)}}}
	for rules, want := range map[int]annotation.Key{100: annotation.GatewayDryRunPlan,
		2000: annotation.GatewayDryRunPlanGzip} {
		got, found, err := planAnnotations(g, keys, stackOf(rules, false))
		if err != nil || len(got) != 1 || got[string(want)] == "" || (want == keys.Packed) != (len(found) == 1) {
			t.Errorf("%d rules: %d annotations, %v, %v", rules, len(got), found, err)
		}
	}
}
