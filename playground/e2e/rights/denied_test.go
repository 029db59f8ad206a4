package rights

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// without are rules that do not grant a right, "verb resource.group".
func without(rules []rbacv1.PolicyRule, lost ...string) (out []rbacv1.PolicyRule) {
	for _, rule := range rules {
		kept := single(rule)
		n := len(kept)
		kept = slices.DeleteFunc(kept, func(r rbacv1.PolicyRule) bool {
			return slices.Contains(lost, r.Verbs[0]+" "+strings.TrimSuffix(r.Resources[0]+"."+r.APIGroups[0], "."))
		})
		if len(kept) == n {
			kept = []rbacv1.PolicyRule{rule}
		}
		out = append(out, kept...)
	}
	return out
}

// take takes rights away from the roles of the chart, and returns what gives them back.
func take(t *testing.T, c *harness.Cluster, lost ...string) (restore func()) {
	t.Helper()
	roles, own := c.Client.RbacV1().ClusterRoles(), c.Client.RbacV1().Roles(namespace)
	was, err := roles.Get(t.Context(), clusterRole, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wasOwn, err := own.Get(t.Context(), namespaceRole, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(rules, ownRules []rbacv1.PolicyRule) error {
		now, err := roles.Get(context.Background(), clusterRole, metav1.GetOptions{})
		if err != nil {
			return err
		}
		nowOwn, err := own.Get(context.Background(), namespaceRole, metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Rules, nowOwn.Rules = rules, ownRules
		_, err = roles.Update(context.Background(), now, metav1.UpdateOptions{})
		_, errOwn := own.Update(context.Background(), nowOwn, metav1.UpdateOptions{})
		return errors.Join(err, errOwn)
	}
	less, lessOwn := without(was.Rules, lost...), without(wasOwn.Rules, lost...)
	if reflect.DeepEqual(less, was.Rules) && reflect.DeepEqual(lessOwn, wasOwn.Rules) {
		t.Fatalf("the roles do not grant %v", lost)
	}
	if err := put(less, lessOwn); err != nil {
		t.Fatal(err)
	}
	restored := false
	restore = func() {
		t.Helper()
		if restored {
			return
		}
		restored = true
		if err := put(was.Rules, wasOwn.Rules); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(restore)
	return restore
}

// says waits for a line of the log with all texts.
func says(t *testing.T, c *harness.Cluster, log func() string, texts ...string) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("a line of the log with %q", texts), func(context.Context) error {
		for line := range strings.Lines(log()) {
			if !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(line, s) }) {
				return nil
			}
		}
		return errors.New("there is none")
	})
}

const (
	remedy = "apply the ClusterRole, Role, ClusterRoleBinding and RoleBinding of this version of the chart or " +
		"manifests"
	witness = "witness"
)

// denial is a right that is taken away from a controller that runs.
type denial struct {
	lost  string                                           // "verb resource.group"
	needs func(t *testing.T, c *harness.Cluster, n string) // makes objects in a namespace that need it
	heals func(t *testing.T, c *harness.Cluster, n string) // waits until they are served
}

func ingress(t *testing.T, c *harness.Cluster, n string) {
	t.Helper()
	scene.Change(t, c, scene.Namespace(n, 1)+scene.Ingress(n, "web", scene.Class, scene.Annotations{"target-type": "ip"}))
}

func ingressServed(t *testing.T, c *harness.Cluster, n string) {
	t.Helper()
	c.IngressAddress(t, n, "web")
}

func networkMade(t *testing.T, c *harness.Cluster, n string) {
	t.Helper()
	scene.Change(t, c, scene.Namespace(n, 1)+network(n, "net"))
}

func networkServed(t *testing.T, c *harness.Cluster, n string) {
	t.Helper()
	c.ServiceAddress(t, n, "net")
}

func gatewayMade(t *testing.T, c *harness.Cluster, n string) {
	t.Helper()
	scene.Change(t, c, scene.Namespace(n, 1)+scene.TargetGroups(n, "web", "defaultConfiguration: {targetType: ip}")+
		scene.Gateway(n, "web", "alb", "scheme: internet-facing", "name: http, protocol: HTTP, port: 80")+
		scene.Route("HTTPRoute", n, "web", "parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]"))
}

func gatewayServed(t *testing.T, c *harness.Cluster, n string) {
	t.Helper()
	scene.GatewayAddress(t, c, n, "web")
}

// denials begin with the one that takes longest to heal, which the others do not wait for.
var denials = []denial{
	{lost: "patch loadbalancers/status.elbv2.k8s.aws", needs: ingress,
		heals: func(t *testing.T, c *harness.Cluster, n string) {
			t.Helper()
			balancersReady(t, c, n, 1)
		}},
	{lost: "patch ingresses.networking.k8s.io", needs: ingress, heals: ingressServed},
	{lost: "patch ingresses/status.networking.k8s.io", needs: ingress, heals: ingressServed},
	{lost: "create targetgroupbindings.elbv2.k8s.aws", needs: ingress, heals: ingressServed},
	{lost: "patch targetgroupbindings/status.elbv2.k8s.aws", needs: ingress, heals: ingressServed},
	{lost: "patch services", needs: networkMade, heals: networkServed},
	{lost: "patch services/status", needs: networkMade, heals: networkServed},
	{lost: "patch loadbalancerconfigurations.gateway.k8s.aws", needs: gatewayMade, heals: gatewayServed},
	{lost: "patch gateways.gateway.networking.k8s.io", needs: gatewayMade, heals: gatewayServed},
	{lost: "patch gateways/status.gateway.networking.k8s.io", needs: gatewayMade, heals: gatewayServed},
	{lost: "patch httproutes/status.gateway.networking.k8s.io", needs: gatewayMade, heals: gatewayServed},
	{lost: "create events", needs: ingress, heals: ingressServed},
	{lost: "create configmaps", needs: func(t *testing.T, c *harness.Cluster, n string) {
		t.Helper()
		scene.Change(t, c, scene.Namespace(n, 1)+binding(t, c, n, n))
	}, heals: func(t *testing.T, c *harness.Cluster, n string) {
		t.Helper()
		c.Kubectl(t, "wait", "--for=condition=Ready", "targetgroupbinding", n, "-n", n, "--timeout="+harness.Timeout.String())
	}},
	{lost: "patch pods/status", needs: func(t *testing.T, c *harness.Cluster, n string) {
		t.Helper()
		scene.Change(t, c, gated(n)+scene.Ingress(n, "web", scene.Class, scene.Annotations{"target-type": "ip"}))
		c.IngressAddress(t, n, "web")
		c.Kubectl(t, "rollout", "restart", "deployment", "-n", n, "web")
	}, heals: func(t *testing.T, c *harness.Cluster, n string) {
		t.Helper()
		c.Kubectl(t, "rollout", "status", "deployment", "-n", n, "web", "--timeout="+harness.Timeout.String())
	}},
}

// TestEachWithdrawnRightIsReportedAlone shows that a running controller reports each right the API
// server refuses, with its remedy, and serves everything else. The test takes rights of each sort
// away, one at a time.
func TestEachWithdrawnRightIsReportedAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts after each of some twenty refusals")
	}
	c := start(t)
	scene.Change(t, c, scene.Namespace(witness, 1)+scene.Ingress(witness, "web", scene.Class, scene.Annotations{
		"target-type": "ip", "scheme": "internet-facing"}))
	url := "http://" + c.IngressAddress(t, witness, "web") + "/"
	c.WaitGet(t, url, "", http.StatusOK, "web")
	for i, d := range denials {
		t.Run(d.lost, func(t *testing.T) {
			n := fmt.Sprintf("denied-%d", i)
			log := c.Journal(t)
			restore := take(t, c, d.lost)
			d.needs(t, c, n)
			says(t, c, log, "the controller's ServiceAccount may not "+d.lost, remedy)
			serves(t, c, url, i)
			restore()
		})
	}
	var made []string
	for i, d := range denials {
		n := fmt.Sprintf("denied-%d", i)
		d.heals(t, c, n)
		made = append(made, n)
	}
	end(t, c, append(made, witness)...)
	c.WaitFor(t, "the end of the reports", func(ctx context.Context) error {
		_, page, err := harness.Page(ctx, c.Env.ControllerMetrics())
		if err == nil && !strings.Contains(page, `lbc_degraded{reason="rights"} 0`) {
			err = errors.New("rights are reported to be missing")
		}
		return err
	})
}

// end has namespaces deleted with all that is in them, which no later test needs to wait for, but for Gateways: without
// the right to list them the controller could not release them.
func end(t *testing.T, c *harness.Cluster, namespaces ...string) {
	t.Helper()
	for _, kinds := range []string{"gateways", "loadbalancerconfigurations,targetgroupconfigurations"} {
		c.Kubectl(t, "delete", kinds, "--all", "--all-namespaces", "--timeout="+harness.Timeout.String())
	}
	c.Kubectl(t, slices.Concat([]string{"delete", "namespace", "--wait=false"}, namespaces)...)
}

// serves holds that the controller goes on: targets of an application that is scaled meanwhile are registered.
func serves(t *testing.T, c *harness.Cluster, url string, i int) {
	t.Helper()
	want := 1 + (i+1)%2
	c.Kubectl(t, "scale", "deployment", "-n", witness, "web", fmt.Sprintf("--replicas=%d", want))
	c.WaitFor(t, fmt.Sprintf("%d targets", want), func(ctx context.Context) error {
		for _, tg := range c.Simulator.Resources().TargetGroups {
			if strings.HasPrefix(tg.Name, "k8s-"+witness+"-") {
				if n := len(scene.Targets(c, tg.ARN)); n != want {
					return fmt.Errorf("%d are registered", n)
				}
			}
		}
		return nil
	})
	c.WaitGet(t, url, "", http.StatusOK, "web")
}

// TestControllerStartsWithoutSomeRights shows that a controller started without some rights reports
// them and serves all that needs none of them.
func TestControllerStartsWithoutSomeRights(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts after each of some twenty refusals")
	}
	c := start(t)
	log := c.Journal(t)
	restore := take(t, c, "list gateways.gateway.networking.k8s.io", "watch gateways.gateway.networking.k8s.io",
		"get customresourcedefinitions.apiextensions.k8s.io",
		"list backendtlspolicies.gateway.networking.k8s.io", "list loadbalancers.elbv2.k8s.aws")
	c.RestartController(t)
	says(t, c, log, `"reason":"rights"`, "may not list, watch gateways.gateway.networking.k8s.io", remedy)
	says(t, c, log, "may not get customresourcedefinitions.apiextensions.k8s.io: deletions of Gateways, routes and "+
		"their configurations take effect one second later", remedy)
	says(t, c, log, "objects of a kind that has no effect on load balancers may not be listed", "BackendTLSPolicy",
		"cannot list resource")
	says(t, c, log, "no LoadBalancer objects are written: install their definition and grant the right to write them",
		"cannot list resource")
	const n = "unrighted"
	scene.Change(t, c, scene.Namespace(n, 1)+scene.Ingress(n, "web", scene.Class, scene.Annotations{"target-type": "ip",
		"scheme": "internet-facing"}))
	c.WaitGet(t, "http://"+c.IngressAddress(t, n, "web")+"/", "", http.StatusOK, "web")
	restore()
	gatewayMade(t, c, n+"-gateway")
	gatewayServed(t, c, n+"-gateway")
	end(t, c, n, n+"-gateway")
}

// TestAControllerWithoutItsLeaseReportsThatAndLeadsOnceItMay shows that a controller without the
// right to its Lease reports it, and leads once the right is granted.
func TestAControllerWithoutItsLeaseReportsThatAndLeadsOnceItMay(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts after each of some twenty refusals")
	}
	c := start(t)
	log := c.Journal(t)
	c.Env.StopController() // it releases the Lease
	restore := take(t, c, "get leases.coordination.k8s.io", "update leases.coordination.k8s.io")
	if err := c.Env.StartController(); err != nil {
		t.Fatal(err)
	}
	says(t, c, log, `"reason":"rights"`, "may not create, get, update leases.coordination.k8s.io in namespace "+
		namespace, remedy)
	restore()
	running(t, c)
	const n = "unled"
	ingress(t, c, n)
	ingressServed(t, c, n)
	end(t, c, n)
}

// running waits until the controller is ready.
func running(t *testing.T, c *harness.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	if err := c.Env.WaitController(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestControllerWaitsForTheWebhookSecret shows that a controller without the right to the Secret of
// its webhooks reports it, and serves them once granted.
func TestControllerWaitsForTheWebhookSecret(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts after each of some twenty refusals")
	}
	c := start(t)
	log := c.Journal(t)
	restore := take(t, c, "get secrets")
	c.Env.StopController()
	if err := c.Env.StartController(); err != nil {
		t.Fatal(err)
	}
	says(t, c, log, `"reason":"webhook-certificate"`, "cannot get resource", "secrets",
		"see that the leader runs and may write the Secret of --webhook-cert-secret")
	restore()
	running(t, c)
	const n = "unhooked"
	networkMade(t, c, n)
	networkServed(t, c, n)
	end(t, c, n)
}
