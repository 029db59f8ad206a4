package node

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// dial connects to an address, and gives up soon.
func dial(t *testing.T, n *vnet.Network, to netip.AddrPort) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c, err := n.DialTCP(ctx, netip.MustParseAddr("10.0.9.9"), to)
	if err == nil {
		_ = c.Close()
	}
	return err
}

func TestDeadNodeDoesNothingUntilRevived(t *testing.T) {
	t.Parallel()
	const name = "dying"
	host, address := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	client, network := fake.NewClientset(), vnet.New()
	f, err := Start(t.Context(), Options{
		Client: client, Network: network, Nodes: []Spec{{Name: name, Instance: "i-1", Address: host}}, Cooldown: time.Hour,
		Assign:  func(string) ([]netip.Addr, error) { return []netip.Addr{address}, nil },
		Release: func(string, []netip.Addr) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "1"},
		Spec: corev1.PodSpec{NodeName: name, Containers: []corev1.Container{
			{Name: "app", Image: "app", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}}},
	}
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(address, 8080)
	waitUntil(t, func() bool {
		p, err := client.CoreV1().Pods("default").Get(t.Context(), "web", metav1.GetOptions{})
		return err == nil && p.Status.Phase == corev1.PodRunning && dial(t, network, at) == nil
	})
	if err := f.Kill("other"); err == nil {
		t.Error("a node that there is not was killed")
	}
	if err := f.Kill(name); err != nil {
		t.Fatal(err)
	}
	for _, to := range []netip.AddrPort{at, netip.AddrPortFrom(host, 30000)} {
		waitUntil(t, func() bool { return isTimeout(dial(t, network, to)) })
	}
	if err := f.Kill(name); err == nil {
		t.Error("a dead node was killed")
	}
	left, err := client.CoreV1().Pods("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || left.Status.Phase != corev1.PodRunning {
		t.Errorf("the pod of a dead node is %s, %v", left.Status.Phase, err)
	}
	if err := client.CoreV1().Nodes().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Revive(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if err := dial(t, network, netip.AddrPortFrom(host, 30000)); !errors.Is(err, vnet.ErrRefused) {
		t.Errorf("a closed port of a node that was revived: %v", err)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// waitUntil waits for a condition.
func waitUntil(t *testing.T, condition func() bool) {
	t.Helper()
	await.Until(t, "the condition", condition)
}
