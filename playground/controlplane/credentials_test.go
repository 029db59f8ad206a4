package controlplane

import (
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// TestAKubeconfigIsNeverSeenHalfWritten: replicas of the controller are started at one moment, each after its
// kubeconfig was written.
func TestAKubeconfigIsNeverSeenHalfWritten(t *testing.T) {
	cp := &ControlPlane{dir: t.TempDir(), address: "127.0.0.1:6443", creds: &Credentials{CA: []byte("authority")}}
	path, err := cp.ControllerKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	defer writers.Wait()
	for range 2 {
		writers.Go(func() {
			for range 500 {
				if _, err := cp.ControllerKubeconfig(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 500 {
		if _, err := clientcmd.BuildConfigFromFlags("", path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAccountsHaveRightsOfTheirOwn shows that the kubeconfig of a service account, also of another one than that of the
// manifests, has the rights of the account and not those of the administrator.
func TestAccountsHaveRightsOfTheirOwn(t *testing.T) {
	t.Parallel()
	cp := &ControlPlane{dir: t.TempDir(), address: "127.0.0.1:6443", creds: &Credentials{CA: []byte("authority"),
		Tokens: map[string]string{Admin.Name: "admin's", Controller.Name: "controller's"}}}
	for name, want := range map[string][2]string{
		"aws-load-balancer-controller":     {"controller's", ""},
		"aws-load-balancer-controller-lbc": {"admin's", "system:serviceaccount:kube-system:aws-load-balancer-controller-lbc"},
	} {
		path, err := cp.AccountKubeconfig("kube-system", name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := clientcmd.BuildConfigFromFlags("", path)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{c.BearerToken, c.Impersonate.UserName}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
