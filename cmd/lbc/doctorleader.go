package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// elected is the Lease of the controller of a cluster, in whose namespace its own objects are. namespace is that of a
// flag; empty = that of the controller's Deployment, or of LBC_FLAGS. These name the Lease in either case.
func elected(ctx context.Context, k client.Reader, namespace string) (client.ObjectKey, error) {
	found, err := controllers(ctx, k)
	if err != nil && namespace == "" {
		return client.ObjectKey{}, fmt.Errorf("%w; name the controller's namespace with --leader-election-namespace", err)
	}
	var all []client.ObjectKey
	for _, d := range found {
		of, _ := survey.ElectionOf(d.Args)
		of.Namespace = cmp.Or(of.Namespace, d.Namespace, namespace)
		same := func(k client.ObjectKey) bool { return k.Namespace == of.Namespace }
		if of.Namespace != "" && !slices.ContainsFunc(all, same) && (namespace == "" || of.Namespace == namespace) {
			all = append(all, of)
		}
	}
	if len(all) == 0 && namespace != "" {
		lease, _ := survey.ElectionOf(nil)
		return client.ObjectKey{Namespace: namespace, Name: lease.Name}, nil
	}
	if len(all) != 1 {
		return client.ObjectKey{},
			fmt.Errorf("%d namespaces have a Deployment of the controller (label "+
				"app.kubernetes.io/name=aws-load-balancer-controller); name one with --leader-election-namespace", len(all))
	}
	return all[0], nil
}

// showLeader shows the report that the leader has written.
func (o *doctorOptions) showLeader(ctx context.Context, out io.Writer) error {
	k, err := clusterClient(o.config.Kubeconfig, &o.reach)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return o.leaderReport(ctx, k, time.Now(), out)
}

func (o *doctorOptions) leaderReport(ctx context.Context, k client.Reader, now time.Time, out io.Writer) error {
	lease, err := elected(ctx, k, o.config.LeaderElectionNamespace)
	if err != nil {
		return err
	}
	key := client.ObjectKey{Namespace: lease.Namespace, Name: doctor.ConfigMap}
	m := &corev1.ConfigMap{}
	switch err := k.Get(ctx, key, m); {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no ConfigMap %s: either no leader that writes this report has led for a minute, or "+
			"the leader may not write the ConfigMap, which its log shows. To examine the cluster, run lbc doctor without "+
			"--leader", key)
	case err != nil:
		return fmt.Errorf("reading ConfigMap %s: %w", key, err)
	}
	stored, err := doctor.Load(m.Data)
	if err != nil {
		return fmt.Errorf("ConfigMap %s: %w. The controller writes the ConfigMap again when its findings change", key, err)
	}
	report := stored.With(leading(ctx, k, lease, now))
	if o.format == "text" {
		fmt.Fprintf(out, "report of the leader, unchanged since %s (%s ago); the leader examines once a minute\n",
			stored.Changed.Format(time.RFC3339), stored.Age(now))
		if stored.Omitted > 0 {
			fmt.Fprintf(out, "%d findings are left out for the size of the ConfigMap\n", stored.Omitted)
		}
	}
	if err := o.show(out, report); err != nil {
		return err
	}
	return healthStatus(report)
}

// leading is a report about whether somebody leads: without a leader nobody examines.
func leading(ctx context.Context, k client.Reader, of client.ObjectKey, now time.Time) doctor.Report {
	f := checks.Facts{Facts: doctor.Facts{Now: now, Unread: map[doctor.Source]doctor.Unread{}}}
	l := &coordinationv1.Lease{}
	if err := k.Get(ctx, of, l); err != nil {
		f.Unread[doctor.Controller] = doctor.Unread{Reason: err.Error(),
			Remedy: "see yourself whether the controller runs, and that you may read its Lease; without a leader the report " +
				"is out of date"}
	}
	lease := survey.LeaseOf(l)
	lease.Namespace, lease.Name = of.Namespace, of.Name
	f.Leases = []checks.Lease{lease}
	only := slices.DeleteFunc(checks.All(), func(c checks.Check) bool { return c.Name != "controller-leaderless" })
	return checks.Examine(&f, only)
}
