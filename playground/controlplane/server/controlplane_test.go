package server

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

// A control plane takes seconds to start, so one test with parts.
func TestTheControlPlaneRunsTheControllersOfADeployment(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the playground, which every end-to-end test uses")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cp, err := controlplane.Start(ctx, controlplane.Options{Program: thisProgram, Dir: t.TempDir(),
		Progress: func(c string, d time.Duration) { t.Logf("%s after %v", c, d) }})
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Stop()
	client := kubernetes.NewForConfigOrDie(cp.AdminConfig())

	labels := map[string]string{"app": "web"}
	replicas := int32(2)
	_, err = client.AppsV1().Deployments("default").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	poll := func(what string, f func(context.Context) (bool, error)) {
		t.Helper()
		if err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 3*time.Minute, true, f); err != nil {
			t.Fatalf("%s: %v; %v", what, err, cp.Failed())
		}
		t.Logf("%s after %v", what, time.Since(began))
	}
	poll("two pods exist", func(ctx context.Context) (bool, error) {
		pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		return err == nil && len(pods.Items) == 2, err
	})

	_, err = client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "one"},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue,
				LastHeartbeatTime: metav1.Now()}},
			Allocatable: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("110")},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	poll("the pods are scheduled", func(ctx context.Context) (bool, error) {
		pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=one"})
		return err == nil && len(pods.Items) == 2, err
	})

	// The API server is paused and restarted, and everything goes on.
	if err := cp.PauseAPIServer(); err != nil {
		t.Fatal(err)
	}
	short, end := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err = client.CoreV1().Pods("default").List(short, metav1.ListOptions{})
	if end(); err == nil {
		t.Error("a paused API server answers")
	}
	if err := cp.ResumeAPIServer(); err != nil {
		t.Fatal(err)
	}
	scale := func(replicas int32) {
		t.Helper()
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
		if _, err := client.AppsV1().Deployments("default").Patch(ctx, "web", types.MergePatchType, patch,
			metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		poll(fmt.Sprintf("%d pods", replicas), func(ctx context.Context) (bool, error) {
			list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
			return err == nil && len(list.Items) == int(replicas), nil
		})
	}
	if err := cp.RestartAPIServer(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("restarted after %v", time.Since(began))
	scale(3)
	if err := cp.RestartAPIServer(ctx); err != nil { // as often as one likes
		t.Fatal(err)
	}
	scale(4) // fewer pods would wait for a kubelet to end them

	// etcd goes back to a snapshot: what was made since is gone, what was deleted is there again, and resource versions
	// are lower.
	names := func() (all []string, version string) {
		t.Helper()
		list, err := client.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{LabelSelector: "of=test"})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list.Items {
			all = append(all, m.Name+"="+m.Data["is"])
		}
		return all, list.ResourceVersion
	}
	write := func(name string) {
		t.Helper()
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"of": "test"}},
			Data: map[string]string{"is": "old"}}
		if _, err := client.CoreV1().ConfigMaps("default").Create(ctx, m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	write("deleted")
	write("edited")
	before, _ := names()
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	if err := cp.SnapshotEtcd(snapshot); err != nil {
		t.Fatal(err)
	}
	write("made")
	for n := range 20 {
		if _, err := client.CoreV1().ConfigMaps("default").Patch(ctx, "edited", types.MergePatchType,
			fmt.Appendf(nil, `{"data":{"is":"new %d"}}`, n), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.CoreV1().ConfigMaps("default").Delete(ctx, "deleted", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	since, last := names()
	if slices.Equal(before, since) {
		t.Fatalf("nothing has changed: %v", since)
	}
	if err := cp.RestoreEtcd(ctx, snapshot); err != nil {
		t.Fatal(err)
	}
	restored, version := names()
	if order, err := resourceversion.CompareResourceVersion(version, last); !slices.Equal(restored, before) ||
		err != nil || order >= 0 {
		t.Errorf("restored: %v at version %s (%v), want %v before %s", restored, version, err, before, last)
	}
	t.Logf("restored after %v", time.Since(began))
	if err := cp.RestoreEtcd(ctx, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("etcd was restored from nothing")
	}
	if err := cp.Failed(); err != nil {
		t.Error(err)
	}
}
