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
