package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/localtargets"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/lbc/cleanup"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// leftHelp is the part of the help of the commands about what a cluster has left in AWS.
const leftHelp = `The cluster is the one of --kubeconfig, otherwise of $KUBECONFIG or ~/.kube/config. With
--no-cluster, lbc assumes that the cluster no longer exists, so no object claims anything. Cluster
name, region and VPC come from the controller's Deployment; without one, region and VPC come from
the nodes. Flags override them. lbc uses your own AWS credentials.`

// remainsOptions are the flags for what a cluster may have left in AWS.
type remainsOptions struct {
	outputs
	config    config.Config
	reach     reach
	noCluster bool
	timeout   time.Duration
}

func (o *remainsOptions) flags(cmd *cobra.Command, formats ...string) {
	f := cmd.Flags()
	controllerFlags(f, &o.config, map[string]string{
		"kubeconfig":   "cluster whose objects may claim what AWS holds; default: $KUBECONFIG, ~/.kube/config",
		"cluster-name": "name of the cluster; default: from the controller's Deployment",
		"aws-region":   "region of the account; default: from the Deployment, your environment or the nodes",
		"aws-vpc-id":   "VPC of the cluster; default: from the Deployment or the nodes",
	})
	o.reach.flags(f)
	f.BoolVar(&o.noCluster, "no-cluster", false, "the cluster does not exist any more; needs --cluster-name "+
		"and --aws-vpc-id")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "how long each source of facts may take")
	o.outputs.flags(cmd, formats...)
}

// remains is what AWS holds of a cluster, and what its objects claim.
type remains struct {
	account cleanup.Account
	claims  *orphan.Claims
	held    []orphan.Holding
	unread  []string
	// alive is why a controller is believed to run; empty = none does.
	alive string
	kube  client.Client     // nil = there is no cluster
	own   *localtargets.Own // nil = not read yet
}

// read reads cluster and account.
func (o *remainsOptions) read(ctx context.Context, given func(string) bool, errOut io.Writer) (*remains, error) {
	if o.timeout <= 0 {
		return nil, fmt.Errorf("--timeout %s: must be more than 0", o.timeout)
	}
	l, settings := &remains{}, doctor.Settings{Cluster: o.config.ClusterName, Region: o.config.Region, VPC: o.config.VPC}
	if o.noCluster {
		l.claims = orphan.ClaimsOf(objects.New(objects.Snapshot{}))
	} else {
		facts, err := o.survey(ctx, given, errOut)
		if err != nil {
			return nil, err
		}
		l.claims, l.alive, settings = checks.Claims(facts), alive(facts), facts.Settings
	}
	if settings.Cluster == "" {
		return nil, errors.New("the name of the cluster is unknown; set --cluster-name")
	}
	if settings.VPC == "" {
		return nil, errors.New("the VPC of the cluster is unknown; set --aws-vpc-id")
	}
	c := o.config
	c.ClusterName, c.Region, c.VPC = settings.Cluster, settings.Region, settings.VPC
	clients, err := liveClients(ctx, &c, nil)
	if err != nil {
		return nil, err
	}
	scope := inventoryscope.Of(&c)
	scope.RequestCertificates, scope.ImportCertificates, scope.WithoutCertificates, scope.TrustStores = true,
		true, nil, true
	l.account = cleanup.Account{Cluster: c.ClusterName, VPC: c.VPC, Clients: clients,
		Inventory: inventory.New(clients, scope)}
	if !o.noCluster {
		if l.kube, err = clusterClient(o.config.Kubeconfig, &o.reach); err != nil {
			return nil, err
		}
	}
	l.held, l.unread, err = l.account.Held(ctx)
	return l, err
}

// survey reads the objects, the Leases and the settings. What is missing of them would make orphans of what is in use.
func (o *remainsOptions) survey(ctx context.Context, given func(string) bool, errOut io.Writer) (*checks.Facts, error) {
	cluster, err := clusterConfig(o.config.Kubeconfig, &o.reach)
	if err != nil {
		return nil, fmt.Errorf("%w; or add --no-cluster if the cluster no longer exists", err)
	}
	sources := []doctor.Source{doctor.Controller, doctor.Objects, doctor.Account}
	facts := survey.Read(ctx, survey.Options{
		Cluster: cluster, Flags: o.config, Given: given, Version: version, Timeout: o.timeout,
		Wanted: checks.NeededBy([]checks.Check{{Needs: sources}}),
		Policy: allNeeded,
		Progress: func(pending []doctor.Source) {
			fmt.Fprintf(errOut, "lbc: reading %s\n", words(pending))
		},
	})
	for _, s := range append([]doctor.Source{doctor.APIServer}, sources...) {
		if u, ok := facts.Unread[s]; ok {
			return nil, fmt.Errorf("%s could not be read, so owners are unknown: %s", s, u.Reason)
		}
	}
	return &facts, nil
}

// alive is why a controller is believed to run: it renews its Lease, or a pod of its Deployment is ready.
func alive(f *checks.Facts) string {
	for _, l := range f.Leases {
		if l.Holder != "" && f.Now.Sub(l.Renewed) < 2*l.Duration {
			return fmt.Sprintf("%s renewed %s %s ago", l.Holder, l, f.Now.Sub(l.Renewed).Round(time.Second))
		}
	}
	for _, d := range f.Controllers {
		if d.Ready > 0 {
			return fmt.Sprintf("%s has a pod that is ready", d)
		}
	}
	return ""
}

// claimed are the objects that claim holdings, one line for each.
func (l *remains) claimed(held []orphan.Holding) (lines []string) {
	for _, h := range held {
		if by := l.claims.By(h); by != "" {
			lines = append(lines, fmt.Sprintf("%s: %s", h.Key, by))
		}
	}
	slices.Sort(lines)
	return lines
}

// serving are the healthy targets of the first target group of a stack that has any which are neither pods nor nodes of
// the cluster. No controller of this cluster has registered them: another cluster may have the same name.
func (l *remains) serving(ctx context.Context, resources []orphan.Resource) ([]string, error) {
	if l.own == nil {
		var cluster localtargets.Cluster
		if l.kube != nil {
			cluster = localtargets.Cluster{Objects: l.kube, Pods: l.kube}
		}
		own, err := cluster.Own(ctx)
		if err != nil {
			return nil, err
		}
		l.own = own
	}
	for _, r := range resources {
		if r.Kind != stack.KindTargetGroup {
			continue
		}
		targets, err := l.own.Targets(ctx, l.account.Clients.ELBV2, r.ID)
		switch {
		case err == nil:
		case awsclient.Classify(err).Code == awsclient.CodeTargetGroupNotFound: // it went meanwhile
			continue
		default:
			return nil, err
		}
		if ids := namesake.Serving(targets); len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, nil
}

// servesElsewhere says of whom such targets are.
func (l *remains) servesElsewhere() string {
	if l.kube == nil {
		return "healthy, although you said that their cluster no longer exists: another cluster may have the same name"
	}
	return "healthy, and neither pods nor nodes of this cluster: another cluster may have the same name"
}

func indented(lines []string) string { return "  " + strings.Join(lines, "\n  ") }
