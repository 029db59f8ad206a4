package controller

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/leaderdoctor"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// setUpDoctor sets up the checks that the leader makes once a minute. Without its namespace there is no object with
// their report, and metrics only.
func (w *Wiring) setUpDoctor() {
	c, log := w.Config, w.Log.WithName("doctor")
	d := &leaderdoctor.Doctor{
		Version:  c.Version,
		Settings: doctor.Settings{Cluster: c.ClusterName, Region: c.Region, VPC: c.VPC, Accelerators: c.ServesAccelerators()},
		Checks:   doctor.OfLeader(), IngressClass: c.IngressClass,
		Kinds:   leaderdoctor.Kinds(c.ServesGateways(), c.ServesAccelerators()),
		Objects: func(ctx context.Context) leaderdoctor.Reader { return w.reader(ctx, w.mgr.GetClient()) },
		Nodes: func(ctx context.Context) ([]corev1.Node, error) {
			var list corev1.NodeList
			err := w.mgr.GetClient().List(ctx, &list, client.UnsafeDisableDeepCopy)
			return list.Items, err
		},
		Endpoints: func(ctx context.Context, namespace string) ([]discoveryv1.EndpointSlice, []corev1.Pod, error) {
			var endpoints discoveryv1.EndpointSliceList
			var pods corev1.PodList
			within := client.InNamespace(namespace)
			err := errors.Join(w.mgr.GetClient().List(ctx, &endpoints, within, client.UnsafeDisableDeepCopy),
				w.mgr.GetClient().List(ctx, &pods, within, client.UnsafeDisableDeepCopy))
			return endpoints.Items, pods.Items, err
		},
		Certificates: w.Inventory.CertificateUses, Degraded: w.start.conditions.All, Orphans: w.unclaimed.Orphans,
		Events: w.events, Now: w.Now, Log: log,
	}
	if namespace, err := ownNamespace(c.LeaderElectionNamespace); err == nil {
		d.Writer = &leaderdoctor.Writer{Client: w.ownObjects(), Namespace: namespace, Log: log}
	}
	w.Metrics.CollectChecks(d.Counts)
	w.starts(d)
}
