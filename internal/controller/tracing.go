package controller

import (
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
)

// newTracer makes the Tracer that the flags and the environment describe; nil where traces are off. What is wrong with
// the environment, which may be meant for other processes, or with a file that it names is logged, and there are no
// traces.
func newTracer(c *config.Config, getenv func(string) string, log logr.Logger) *tracing.Tracer {
	to, err := c.TracesOf(getenv)
	var t *tracing.Tracer
	if err == nil {
		pod := startup.OwnPod()
		t, err = tracing.New(tracing.Options{Traces: to, Now: time.Now, Log: log, Resource: map[string]string{
			"service.name": "aws-load-balancer-controller", "service.version": buildinfo.Read(c.Version).Version,
			"k8s.cluster.name": c.ClusterName, "k8s.namespace.name": pod.Namespace, "k8s.pod.name": pod.Name,
		}})
	}
	switch {
	case err != nil:
		log.Info("no traces are exported", "reason", err.Error())
	case t != nil:
		log.Info("traces of passes are exported", "endpoint", tracing.Shown(to.Endpoint), "ratio", to.Ratio)
	}
	return t
}
