package chart

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// withRules gives the controller's ClusterRole other rules, and returns what gives it its own back, as the end of the
// test does.
func withRules(t *testing.T, c *harness.Cluster, edit func([]rbacv1.PolicyRule) []rbacv1.PolicyRule) (restore func()) {
	t.Helper()
	const role = "aws-load-balancer-controller-role"
	roles := c.Client.RbacV1().ClusterRoles()
	was, err := roles.Get(t.Context(), role, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(rules []rbacv1.PolicyRule) {
		patch := []byte(`[{"op":"replace","path":"/rules","value":` + jsonOf(t, rules) + `}]`)
		if _, err := roles.Patch(context.Background(), role, types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Error(err)
		}
	}
	restore = sync.OnceFunc(func() { put(was.Rules) })
	t.Cleanup(restore)
	put(edit(was.DeepCopy().Rules))
	return restore
}

// TestPodOnHostNetworkGetsTheEvents shows that a controller pod on the host's network records
// events on its own pod, whose name is not that of the host.
func TestPodOnHostNetworkGetsTheEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("it upgrades the release")
	}
	c := start(t)
	waitLeader(t, c)
	upgrade(t, c, map[string]any{"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"})
	leader := waitLeader(t, c)

	restore := withRules(t, c, func(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
		return slices.DeleteFunc(rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, "nodes") })
	})
	if err := c.Env.KillReplica(leader); err != nil { // its pod starts another process, which may not list nodes
		t.Fatal(err)
	}
	reported := func(reason, text string) {
		t.Helper()
		c.WaitFor(t, "event "+reason, func(ctx context.Context) error {
			pods, err := c.Client.CoreV1().Pods("kube-system").List(ctx, metav1.ListOptions{
				LabelSelector: "app.kubernetes.io/name=" + installation})
			if err != nil {
				return err
			}
			for _, pod := range pods.Items {
				for _, e := range c.Events(t, "Pod", "kube-system", pod.Name) {
					if pod.Spec.HostNetwork && e.Reason == reason && strings.Contains(e.Message, text) {
						return nil
					}
				}
			}
			return fmt.Errorf("%d pods have none with %q", len(pods.Items), text)
		})
	}
	reported("Degraded", "may not list, watch nodes")
	restore()
	reported("Recovered", "")
	rolledOut(t, c, "kube-system", installation)
	waitLeader(t, c)
}
