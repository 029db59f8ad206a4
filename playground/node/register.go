package node

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

type listOptions = metav1.ListOptions

const (
	leaseNamespace = "kube-node-lease"
	leaseSeconds   = 40               // as kubelets write
	leaseRenewal   = 10 * time.Second // a quarter of it
	kubeletVersion = "v1.37.2"
)

// object is what the kubelet and the AWS cloud provider would make of the node together.
func (s Spec) object(now metav1.Time) *corev1.Node {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("1000"),
	}
	condition := func(t corev1.NodeConditionType, status corev1.ConditionStatus, reason,
		message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: t, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now,
			LastTransitionTime: now}
	}
	var internal []corev1.NodeAddress
	for _, a := range s.Addresses() {
		internal = append(internal, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.String()})
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name,
			Labels: map[string]string{
				corev1.LabelHostname:           s.Name,
				corev1.LabelArchStable:         s.Architecture,
				corev1.LabelOSStable:           "linux",
				corev1.LabelTopologyZone:       s.Zone,
				corev1.LabelTopologyRegion:     s.Region,
				corev1.LabelInstanceTypeStable: "m5.large",
			},
		},
		Spec: corev1.NodeSpec{ProviderID: "aws:///" + s.Zone + "/" + s.Instance},
		Status: corev1.NodeStatus{
			Capacity:    resources,
			Allocatable: resources,
			Addresses:   append(internal, corev1.NodeAddress{Type: corev1.NodeHostName, Address: s.Name}),
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: kubeletVersion, OperatingSystem: "linux", Architecture: s.Architecture, OSImage: "playground",
				ContainerRuntimeVersion: "stand-in://1",
			},
			Conditions: []corev1.NodeCondition{
				condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "simulated kubelet is ready"),
				condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", ""),
				condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", ""),
				condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", ""),
			},
		},
	}
}

func (s Spec) lease(now time.Time) *coordinationv1.Lease {
	holder, seconds, renewed := s.Name, int32(leaseSeconds), metav1.NewMicroTime(now)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: s.Name, Namespace: leaseNamespace},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &renewed},
	}
}

// registerAll makes the objects of the nodes.
func (f *Fleet) registerAll(ctx context.Context) error {
	for _, n := range f.options.Nodes {
		f.nodes[n.Name] = n
		for _, a := range n.Addresses() {
			if err := f.join(a); err != nil {
				return fmt.Errorf("node %s: %w", n.Name, err)
			}
		}
		if err := f.register(ctx, n); err != nil {
			return fmt.Errorf("register node %s: %w", n.Name, err)
		}
	}
	return nil
}

func (f *Fleet) register(ctx context.Context, s Spec) error {
	node := s.object(metav1.Now())
	f.kubelet.describe(node)
	for {
		_, err := f.options.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) {
			return nil
		}
		if !retry(ctx) {
			return err
		}
	}
}

// heartbeat renews the node's lease, which is what the node lifecycle controller looks at.
func (f *Fleet) heartbeat(ctx context.Context, s Spec) {
	leases := f.options.Client.CoordinationV1().Leases(leaseNamespace)
	var last *coordinationv1.Lease
	for {
		var err error
		if last, err = renew(ctx, leases, last, s.lease(time.Now())); err != nil {
			if !retry(ctx) {
				return
			}
			continue
		}
		if sleep.For(ctx, leaseRenewal) != nil {
			return
		}
	}
}

// renew writes the lease. last is what the previous call returned, nil at first and after an error: an update has to
// name the version that it replaces. The first renewal creates the lease, since its namespace may appear a moment
// after the API server became ready.
func renew(ctx context.Context, leases coordinationclient.LeaseInterface, last, lease *coordinationv1.Lease) (
	*coordinationv1.Lease, error) {
	if last == nil {
		written, err := leases.Create(ctx, lease, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			if err != nil {
				return nil, err
			}
			return written, nil
		}
		if last, err = leases.Get(ctx, lease.Name, metav1.GetOptions{}); err != nil {
			return nil, err
		}
	}
	last.Spec = lease.Spec
	written, err := leases.Update(ctx, last, metav1.UpdateOptions{})
	if err != nil {
		return nil, err
	}
	return written, nil
}
