package controlplane

import (
	"context"
	"strings"

	"k8s.io/component-base/configz"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
)

// controllers are those that the life of a workload behind a load balancer needs. Storage, certificates, quotas and cloud
// controllers have nothing to act on here.
var controllers = []string{
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"root-ca-certificate-publisher-controller",
	"namespace-controller",
	"garbage-collector-controller",
	"deployment-controller",
	"replicaset-controller",
	"statefulset-controller",
	"daemonset-controller",
	"job-controller",
	"cronjob-controller",
	"disruption-controller",
	"endpoints-controller",
	"endpointslice-controller",
	"endpointslice-mirroring-controller",
	"node-lifecycle-controller",
	"taint-eviction-controller",
	"pod-garbage-collector-controller",
	"clusterrole-aggregation-controller",
}

func (cp *ControlPlane) startControllers() error {
	kubeconfig, err := cp.kubeconfig(userControllers)
	if err != nil {
		return err
	}
	opts, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known, disabled, aliases := app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases()
	flags := []string{
		"--kubeconfig=" + kubeconfig,
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file=" + cp.creds.serviceAccountKey,
		"--root-ca-file=" + cp.creds.caFile,
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--allocate-node-cidrs=false",
		"--configure-cloud-routes=false",
		// Deleting a namespace must not wait for the default resync of discovery.
		"--namespace-sync-period=1m",
	}
	sets := opts.Flags(known, disabled, aliases)
	if err := parse(sets, flags); err != nil {
		return err
	}
	opts.ParsedFlags = &sets
	logger, err := componentLogger(cp.LogPath("controller-manager"))
	if err != nil {
		return err
	}
	ctx := klog.NewContext(context.Background(), logger)
	config, err := opts.Config(ctx, known, disabled, aliases)
	if err != nil {
		return err
	}
	cp.run(ctx, "kube-controller-manager", func(ctx context.Context) error {
		defer configz.Delete(app.ConfigzName) // process-wide; a second start would be refused
		return app.Run(ctx, config.Complete())
	})
	return nil
}
