package behaviour

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestAControllerOfOneNamespaceTakesNothingFromAnother shows that a controller restarted with
// --watch-namespace deletes and deregisters nothing of other namespaces. The test is not parallel:
// it has a controller of its own.
func TestAControllerOfOneNamespaceTakesNothingFromAnother(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	c := cluster(t)
	const watched, other = "watched", "unwatched"
	balanced := func(ns string) string {
		return scene.Backend(ns, "web", 2) + fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: balanced
  namespace: %s
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
---
`, ns)
	}
	namespaces := ""
	for _, ns := range []string{watched, other} {
		namespaces += fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", ns)
	}
	// A target group of the user with a binding in each namespace: the older one serves it.
	arn := targetGroup(t, c, "unwatched", types.TargetTypeEnumIp)
	c.Apply(t, namespaces+balanced(watched)+balanced(other)+scene.Ingress(watched, "web", scene.Class, public(nil))+
		scene.Ingress(other, "web", scene.Class, public(nil))+
		bind(other, "theirs", "targetGroupARN: "+arn))
	scene.WaitTargets(t, c, arn, 2)
	for _, ns := range []string{watched, other} {
		serve(t, c, ns, "web", "/")
		c.WaitGet(t, "http://"+c.ServiceAddress(t, ns, "balanced")+"/", "", 200, "web")
	}
	settled(t, c, "ingress", "service", "targetGroupBinding")

	traffic := scene.Send(t, c, "http://"+c.ServiceAddress(t, other, "balanced")+"/", "", scene.OK)
	mark := c.Mark()
	c.RestartController(t, "--watch-namespace="+watched)
	settled(t, c, "ingress", "service", "targetGroupBinding")
	if w := c.Writes(mark); len(w) > 0 {
		t.Errorf("written at the start: %s", strings.Join(w, ", "))
	}

	// It works in its namespace, also where only the binding of the other one is in its way, and goes on to take nothing.
	c.Apply(t, bind(watched, "ours", "targetGroupARN: "+arn))
	e := c.WaitEvent(t, "TargetGroupBinding", watched, "ours", "FailedReconcile")
	if !strings.Contains(e.Message, other+"/theirs") {
		t.Errorf("the event: %s", e.Message)
	}
	c.Kubectl(t, "scale", "deployment", "-n", watched, "web", "--replicas=3")
	wait(t, c, "three targets of the watched namespace", func() string {
		groups := c.TargetGroups(c.LoadBalancer(t, c.ServiceAddress(t, watched, "balanced")))
		if len(groups) != 1 || len(scene.Targets(c, groups[0].ARN)) != 3 {
			return fmt.Sprintf("%+v", groups)
		}
		return ""
	})
	c.Kubectl(t, "delete", "targetgroupbinding", "-n", watched, "ours", "--timeout="+harness.Timeout.String())
	settled(t, c, "ingress", "service", "targetGroupBinding")
	if w := slices.DeleteFunc(c.Writes(mark), func(w string) bool {
		return !strings.Contains(w, "Revoke") && !strings.Contains(w, "Deregister") && !strings.Contains(w, "Delete")
	}); len(w) > 0 {
		t.Errorf("taken away: %s", strings.Join(w, ", "))
	}
	noneWrong(t, "traffic of the other namespace", traffic.Stop())

	// Without the right to list in the whole cluster, what no binding in sight wants stays.
	bindingsOf(t, c, watched)
	c.RestartController(t, "--watch-namespace="+watched)
	c.Apply(t, bind(watched, "blind", "targetGroupARN: "+arn))
	e = c.WaitEvent(t, "TargetGroupBinding", watched, "blind", "FailedReconcile")
	for _, want := range []string{"UnseenBindings", "list targetgroupbindings.elbv2.k8s.aws in all namespaces"} {
		if !strings.Contains(e.Message, want) {
			t.Errorf("the event: %s", e.Message)
		}
	}
	theirs := scene.WaitTargets(t, c, arn, 5)
	c.Kubectl(t, "scale", "deployment", "-n", watched, "web", "--replicas=1")
	scene.WaitTargets(t, c, arn, 3)
	c.Kubectl(t, "delete", "targetgroupbinding", "-n", watched, "blind", "--timeout="+harness.Timeout.String())
	for _, left := range scene.WaitTargets(t, c, arn, 2) {
		if !slices.ContainsFunc(theirs, func(x simclient.Target) bool { return x.ID == left.ID }) {
			t.Errorf("%s is left", left.ID)
		}
	}
}

// bindingsOf leaves the controller the right to TargetGroupBindings in one namespace only, until the end of the test.
func bindingsOf(t *testing.T, c *harness.Cluster, namespace string) {
	t.Helper()
	roles := c.Client.RbacV1()
	role, err := roles.ClusterRoles().Get(t.Context(), "aws-load-balancer-controller-role", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	was, local := role.DeepCopy(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "bindings", Namespace: namespace}}
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		is := slices.Contains(r.Resources, "targetgroupbindings")
		if is {
			local.Rules = append(local.Rules, r)
		}
		return is
	})
	if len(local.Rules) != 1 {
		t.Fatalf("%d rules for bindings", len(local.Rules))
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: local.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName,
		Kind: "Role", Name: local.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "kube-system",
			Name: "aws-load-balancer-controller"}}}
	_, err = roles.Roles(namespace).Create(t.Context(), local, metav1.CreateOptions{})
	if err == nil {
		_, err = roles.RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{})
	}
	if err == nil {
		_, err = roles.ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		now, err := roles.ClusterRoles().Get(ctx, was.Name, metav1.GetOptions{})
		if err == nil {
			now.Rules = was.Rules
			_, err = roles.ClusterRoles().Update(ctx, now, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Error(err)
		}
		c.RestartController(t) // which cleans up in all namespaces
	})
}
