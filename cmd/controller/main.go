// Command controller runs the AWS Load Balancer Controller: it parses flags, connects to AWS and the API server, and
// runs the controllers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
)

// version is set by the linker; commit and date come from the build information.
var version = "v0.0.0-dev"

func main() {
	c, err := config.Parse(os.Args[1:])
	defer panicked()
	var usage config.UsageError
	switch {
	case errors.Is(err, config.ErrHelp):
		return
	case errors.Is(err, config.ErrVersion):
		fmt.Println("controller", buildinfo.Read(version))
		return
	case errors.As(err, &usage):
		log(zapcore.InfoLevel).Error(err, "unable to read the command line")
		os.Exit(2)
	case err != nil:
		log(zapcore.InfoLevel).Error(err, "unable to load controller config")
		os.Exit(1)
	}
	level := zapcore.InfoLevel
	if c.LogLevel == "debug" {
		level = zapcore.DebugLevel
	}
	l := log(level)
	ctrl.SetLogger(l)
	klog.SetLogger(l)
	redirect(l)
	if err := run(c, l); err != nil {
		l.Error(err, "problem running manager")
		os.Exit(1)
	}
}

func run(c *config.Config, l logr.Logger) error {
	b := buildinfo.Read(version)
	l.Info("version", "GitVersion", b.Version, "GitCommit", b.Commit, "BuildDate", b.Date)
	for _, n := range c.Notices {
		l.Info("notice: " + n)
	}
	ctx := ctrl.SetupSignalHandler()
	rc, err := restConfig(c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("unable to build REST config: %w", err)
	}
	c.Version = version
	o := awsclient.ConnectOptions{
		Region: c.Region, VPC: c.VPC, VPCTags: c.VPCTags, MaxAttempts: c.MaxRetries, Endpoints: c.APIEndpoints,
		Version: version, CheckCredentials: true, Logger: sdkLog{l.WithName("aws")},
	}
	return controller.Run(ctx, c, rc, func(ctx context.Context) (awsclient.Connection, error) {
		return awsclient.Connect(ctx, o)
	}, l)
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

// log writes to standard error.
func log(level zapcore.Level) logr.Logger { return newLog(level, os.Stderr) }
