package tenants

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// playgroundOf is the playground of all tests of the package.
func playgroundOf(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{GlobalAccelerator: true})
}

// user is a tenant: somebody with all rights that a user needs in one namespace, and none elsewhere.
type user struct {
	*harness.Cluster // what tests ask for themselves
	name             string
}

// tenant is the user of a namespace, which it makes.
func tenant(t *testing.T, c *harness.Cluster, namespace string) user {
	t.Helper()
	name := "tenant-" + namespace
	c.Apply(t, `apiVersion: v1
kind: Namespace
metadata: {name: `+namespace+`}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant, namespace: `+namespace+`}
rules:
- {apiGroups: ["", apps, networking.k8s.io, gateway.networking.k8s.io, gateway.k8s.aws, elbv2.k8s.aws, aga.k8s.aws, discovery.k8s.io], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: `+namespace+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: `+name+`}]
`)
	return user{c, name}
}

// Kubectl runs kubectl as the user.
func (u user) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return u.Cluster.Kubectl(t, append([]string{"--as=" + u.name}, args...)...)
}

// TryKubectl runs kubectl as the user, and returns how it ended.
func (u user) TryKubectl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	return u.Cluster.TryKubectl(t, append([]string{"--as=" + u.name}, args...)...)
}

// Apply applies YAML text as the user. What it makes goes with the namespace.
func (u user) Apply(t testing.TB, manifests string) {
	t.Helper()
	u.Kubectl(t, "apply", "-f", written(t, manifests))
}

// ApplyRefused applies YAML text as the user, of which something must be refused, and returns what kubectl printed.
func (u user) ApplyRefused(t testing.TB, manifests string) string {
	t.Helper()
	out, err := u.TryKubectl(t, "apply", "-f", written(t, manifests))
	if err == nil {
		t.Fatalf("nothing was refused:\n%s", out)
	}
	return out + err.Error()
}

func written(t testing.TB, manifests string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifests.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
