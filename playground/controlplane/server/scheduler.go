package server

import (
	"context"

	"k8s.io/component-base/configz"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

func (cp *controlPlane) startScheduler() error {
	kubeconfig, err := cp.creds.Kubeconfig(cp.options.Dir, cp.address, controlplane.Scheduler)
	if err != nil {
		return err
	}
	opts := options.NewOptions()
	flags := []string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
	}
	if err := parse(*opts.Flags, flags); err != nil {
		return err
	}
	logger, err := componentLogger(cp.logPath("scheduler"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
	config, scheduler, err := app.Setup(ctx, opts)
	if err != nil {
		cancel()
		return err
	}
	cp.run(ctx, "kube-scheduler", func(runCtx context.Context) error {
		defer configz.Delete("componentconfig")
		defer cancel() // Setup starts its informers under the outer context
		return app.Run(runCtx, config, scheduler)
	})
	return nil
}
