package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// guide reads values of an example of the guides. Those of the account are of another one there.
func guide(t *testing.T, c *harness.Cluster, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(c.Repo.Example(filepath.Join("guides", "install", file)))
	if err != nil {
		t.Fatal(err)
	}
	v := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "vpcId")
	return v
}

// TestRows21And23ThePodsRunAsTheServiceAccountThatTheUserMade shows that pods of the chart start
// and serve with a service account that the user created. The test installs example 23 of the
// guides; example 21 is the account, which must exist before its pods.
func TestRows21And23ThePodsRunAsTheServiceAccountThatTheUserMade(t *testing.T) {
	c := start(t)
	waitLeader(t, c)
	upgrade(t, c, guide(t, c, "23-helm-values-basic.yaml"))
	if out, err := c.TryKubectl(t, "get", "serviceaccount", "-n", "kube-system", installation); err == nil {
		t.Errorf("the chart makes the account all the same: %s", out)
	}
	c.ApplyFile(t, c.Repo.Example(filepath.Join("guides", "install", "21-irsa-service-account.yaml")))
	if role := c.Kubectl(t, "get", "serviceaccount", "-n", "kube-system", installation, "-o",
		`jsonpath={.metadata.annotations.eks\.amazonaws\.com/role-arn}`); role !=
		"arn:aws:iam::123456789012:role/AmazonEKSLoadBalancerControllerRole" {
		t.Errorf("the account is bound to %q", role)
	}
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", "kube-system", installation)
	rolledOut(t, c, "kube-system", installation)
	of := "-o=jsonpath={.items[*].spec.serviceAccountName}"
	if accounts := strings.Fields(c.Kubectl(t, "get", "pods", "-n", "kube-system", "-l", "app.kubernetes.io/name="+
		installation, of)); len(accounts) < 2 || len(slices.Compact(accounts)) != 1 || accounts[0] != installation {
		t.Errorf("the pods run as %v", accounts)
	}
	waitLeader(t, c)
	served(t, c, ownSecret)
	admits(t, c)
}
