package controller

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/controller/webhook"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// setUpWebhooks serves the admission webhooks on every replica, leader or not, if there is a serving certificate: in a
// Secret that the leader maintains, or in files. Without one nothing is denied at admission, and mistakes are reported
// by events only.
func (w *Wiring) setUpWebhooks(ctx context.Context) error {
	c := w.Config.Webhooks
	o := serverOptions(w.Config)
	log := w.Log.WithName("webhook")
	switch {
	case c.CertSecret != "":
		namespace, err := ownNamespace(w.Config.LeaderElectionNamespace)
		if err != nil {
			return err
		}
		secret := types.NamespacedName{Namespace: namespace, Name: c.CertSecret}
		source := &webhook.Source{
			Reader: w.mgr.GetAPIReader(), Secret: secret, Configurations: c.Configurations,
			Lifetime: c.CertLifetime, Now: w.Now, Log: log, Report: w.certificateReported,
		}
		renewer := &webhook.Renewer{
			Reader: w.mgr.GetAPIReader(), Writer: w.ownObjects(), Secret: secret, Configurations: c.Configurations,
			Lifetime: c.CertLifetime, Now: w.Now, Log: log,
		}
		w.starts(source, renewer)
		o.Certificate, w.webhookValidity = source.Certificate, source.Validity
	case !c.FilesGiven() && !o.Files.Exist():
		log.Info("no admission webhooks are served: there is neither a certificate in " + o.Files.Complete().Dir +
			" nor --webhook-cert-secret")
		for _, d := range []struct {
			set  bool
			flag string
		}{{c.DisableClassAnnotation, "disable-ingress-class-annotation"},
			{c.DisableGroupAnnotation, "disable-ingress-group-name-annotation"}} {
			if d.set {
				log.Info("notice: --" + d.flag + " has no effect: it acts at admission only")
			}
		}
		return nil
	}
	if w.webhookValidity == nil {
		w.webhookValidity = o.Files.Validity
	}
	server, err := webhook.NewServer(o)
	if err != nil {
		return err
	}
	if w.selectors, err = reads.NewSelectors(ctx, w.mgr.GetCache()); err != nil {
		return err
	}
	for path, h := range webhook.Handlers(w.webhookOptions()) {
		server.Register(path, h)
	}
	w.starts(awaitedServer{server, c, o.Files, w.certificateReported})
	if namespace, err := w.probeNamespace(); err == nil {
		w.starts(&webhook.Reach{Conditions: w.start.conditions, Client: w.ownObjects(), Namespace: namespace})
	}
	w.start.probes.Add("ready-webhook", server.StartedChecker())
	return nil
}

// probeNamespace is a namespace in which the controller may create TargetGroupBindings.
func (w *Wiring) probeNamespace() (string, error) {
	if w.Config.WatchNamespace != "" {
		return w.Config.WatchNamespace, nil
	}
	return ownNamespace(w.Config.LeaderElectionNamespace)
}

func serverOptions(c *config.Config) webhook.ServerOptions {
	h := c.Webhooks
	return webhook.ServerOptions{Host: h.Host, Port: h.Port, Files: webhook.Files{Dir: h.CertDir, Cert: h.CertFile,
		Key: h.KeyFile}, ClientCA: h.ClientCA}
}

// checkWebhookFlags returns what no time can heal of the flags of the webhooks.
func checkWebhookFlags(c *config.Config) error {
	if _, err := webhook.NewServer(serverOptions(c)); err != nil {
		return err
	}
	if c.Webhooks.CertSecret == "" {
		return nil
	}
	_, err := ownNamespace(c.LeaderElectionNamespace)
	return err
}

// certificateReported shows why the webhooks have no serving certificate; nil = they have one.
func (w *Wiring) certificateReported(err error) {
	if err == nil {
		w.start.conditions.Heal(impairment.WebhookCertificate)
		return
	}
	w.start.conditions.Set(impairment.Condition{Reason: impairment.WebhookCertificate,
		Text:   "the webhooks have no serving certificate: " + awsclient.SteadyText(err.Error()),
		Remedy: impairment.GiveCertificate})
}

// awaitedServer is the server of the webhooks, which starts when the files of its certificate exist.
type awaitedServer struct {
	ctrlwebhook.Server
	flags  config.Webhooks
	files  webhook.Files
	report func(error)
}

// Start implements manager.Runnable.
func (s awaitedServer) Start(ctx context.Context) error {
	for s.flags.CertSecret == "" && !s.files.Exist() {
		f := s.files.Complete()
		s.report(fmt.Errorf("there are no %s and %s in %s", f.Cert, f.Key, f.Dir))
		if sleep.For(ctx, certificatePause) != nil {
			return nil //nolint:nilerr // the process ends
		}
	}
	if s.flags.CertSecret == "" {
		s.report(nil)
	}
	return s.Server.Start(ctx)
}

// certificatePause is the pause between looks for the files of the certificate.
const certificatePause = 2 * time.Second

func (w *Wiring) webhookOptions() webhook.Options {
	c := w.Config
	crossing := c.AllowedTargetGroups(c.CrossNamespaceTargetGroups)
	targets := podtargets.FromFlags(c)
	targets.Loaded = podtargets.NewLoaded()
	o := webhook.Options{
		Ingress: admission.IngressConfig{
			Config: settings.Ingress(c).Config, ForbidClassAnnotation: c.Webhooks.DisableClassAnnotation,
			ForbidGroupName: c.Webhooks.DisableGroupAnnotation,
		},
		Binding: admission.BindingConfig{VPC: c.VPC, Roles: c.Roles(), Bindable: c.AllowedTargetGroups(
			c.BindableTargetGroups), External: func(arn string) bool {
			owner, known := w.Inventory.KnownOwner(arn)
			return known && owner.External()
		}, Misplaced: func(arn, namespace string) bool {
			owner, known := w.Inventory.KnownOwner(arn)
			return known && owner.Placed() && !owner.BindsIn(namespace) &&
				!crossing.Allow(namespace, arn, naming.OfTargetGroup(arn))
		}},
		Region: c.Region, Accelerators: c.ServesAccelerators(),
		ExistingFeaturesOnly: c.ExistingFeaturesOnly, OurClass: settings.GatewayConfig(c).ManagesNamed,
		Cached: w.cached,
		Live: func(ctx context.Context) (*objects.View, func() error) {
			r := reads.NewLiveReader(ctx, w.mgr.GetAPIReader())
			return objects.New(r), r.Err
		},
		ReadinessGates: c.EnableReadinessGates,
		Targets:        targets.Of,
		Sleeps: (&sleepAction{read: serverVersion(w.start.api.discovery.RESTClient()), now: w.Now,
			log: w.Log.WithName("webhook")}).Served,
		ServerID: newServerIDs(w, workersNamespace(c)).Next, ServerIDVariable: c.QUICVariable,
		Refused: w.Metrics.CountRefusal,
		Log:     w.Log.WithName("webhook"),
	}
	if c.Gates.Enabled(config.EnableServiceController) {
		o.LoadBalancerClass = c.LoadBalancerClass
	}
	if c.Gates.Enabled(config.ALBTargetControlAgent) {
		o.AgentConfig = agentConfig(w.mgr.GetAPIReader())
	}
	return o
}

// cached is a view of the caches.
func (w *Wiring) cached(ctx context.Context) *objects.View {
	r := reads.NewCacheReader(ctx, w.mgr.GetClient(), nil)
	r.Definitions, r.Selectors = w.definitions, w.selectors
	return objects.New(r)
}

// agentConfig reads the configuration of target control agents from the API server, because the role of existing
// installations permits get but not list and watch. An edit applies to the next pod.
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
		return nil, nil
	}
}

// ownNamespace is the namespace of the Lease, which is also that of the controller's Secret and checkpoints.
func ownNamespace(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	content, err := os.ReadFile(startup.NamespaceFile)
	if err != nil {
		return "", fmt.Errorf("finding the namespace of --webhook-cert-secret: not in a pod; set "+
			"--leader-election-namespace: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
