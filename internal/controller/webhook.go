package controller

import (
	"context"
	"fmt"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/admission"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/webhook"
)

// setUpWebhooks serves the admission webhooks on every replica, leader or not, if there is a serving certificate: in a Secret that the
// leader maintains, or in files. Without one nothing is denied at admission, and mistakes are reported by events only.
func (w *wiring) setUpWebhooks(context.Context) error {
	c := w.config.Webhooks
	o := webhook.ServerOptions{Host: c.Host, Port: c.Port, Files: webhook.Files{Dir: c.CertDir, Cert: c.CertFile, Key: c.KeyFile}, ClientCA: c.ClientCA}
	log := w.log.WithName("webhook")
	switch {
	case c.CertSecret != "":
		namespace, err := ownNamespace(w.config.LeaderElectionNamespace)
		if err != nil {
			return err
		}
		secret := types.NamespacedName{Namespace: namespace, Name: c.CertSecret}
		source := &webhook.Source{Reader: w.mgr.GetAPIReader(), Secret: secret, Lifetime: c.CertLifetime, Log: log}
		renewer := &webhook.Renewer{
			Reader: w.mgr.GetAPIReader(), Writer: w.mgr.GetClient(), Secret: secret, Configurations: c.Configurations,
			Lifetime: c.CertLifetime, Now: w.now, Log: log,
		}
		w.starts(source, renewer)
		o.Certificate = source.Certificate
	case !c.FilesGiven() && !o.Files.Exist():
		log.Info("no admission webhooks are served: there is neither a certificate in " + o.Files.Complete().Dir + " nor --webhook-cert-secret")
		for _, d := range []struct {
			set  bool
			flag string
		}{{c.DisableClassAnnotation, "disable-ingress-class-annotation"}, {c.DisableGroupAnnotation, "disable-ingress-group-name-annotation"}} {
			if d.set {
				log.Info("notice: --" + d.flag + " has no effect: it acts at admission only")
			}
		}
		return nil
	}
	server, err := webhook.NewServer(o)
	if err != nil {
		return err
	}
	for path, h := range webhook.Handlers(w.webhookOptions()) {
		server.Register(path, h)
	}
	w.starts(server)
	return w.mgr.AddReadyzCheck("ready-webhook", server.StartedChecker())
}

func (w *wiring) webhookOptions() webhook.Options {
	c := w.config
	o := webhook.Options{
		Ingress: admission.IngressConfig{
			Config: front.IngressFromFlags(c).Config, ForbidClassAnnotation: c.Webhooks.DisableClassAnnotation, ForbidGroupName: c.Webhooks.DisableGroupAnnotation,
		},
		VPC: c.VPC,
		Cached: func(ctx context.Context) *objects.View {
			return objects.New(reads.NewCacheReader(ctx, w.mgr.GetClient(), nil))
		},
		Live: func(ctx context.Context) (*objects.View, func() error) {
			r := reads.NewCacheReader(ctx, w.mgr.GetAPIReader(), nil)
			return objects.New(r), r.Err
		},
		ReadinessGates: c.EnableReadinessGates,
		Refused:        w.metrics.CountRefusal,
		Log:            w.log.WithName("webhook"),
	}
	if c.Gates.Enabled(config.EnableServiceController) {
		o.LoadBalancerClass = c.LoadBalancerClass
	}
	if c.Gates.Enabled(config.ALBTargetControlAgent) {
		o.AgentConfig = agentConfig(w.mgr.GetAPIReader())
	}
	return o
}

// agentConfig reads the configuration of target control agents from the API server, because the role of existing installations permits
// get but not list and watch. An edit applies to the next pod.
func agentConfig(r client.Reader) func(ctx context.Context, namespace string) (*v1beta1.ALBTargetControlConfig, error) {
	return func(ctx context.Context, namespace string) (*v1beta1.ALBTargetControlConfig, error) {
		for _, ns := range []string{namespace, admission.AgentConfigNamespace} {
			o := &v1beta1.ALBTargetControlConfig{}
			err := r.Get(ctx, types.NamespacedName{Namespace: ns, Name: admission.AgentConfigName}, o)
			switch {
			case err == nil:
				return o, nil
			case !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err): // the definition is optional
				return nil, err
			}
		}
		return nil, nil //nolint:nilnil // nil = there is none
	}
}

// namespaceFile contains the namespace of a pod.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ownNamespace is the namespace of the Lease, which is also that of the controller's Secret and checkpoints.
func ownNamespace(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	content, err := os.ReadFile(namespaceFile)
	if err != nil {
		return "", fmt.Errorf("finding the namespace of --webhook-cert-secret: not in a pod; set --leader-election-namespace: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
