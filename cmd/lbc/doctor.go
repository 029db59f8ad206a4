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
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

const doctorHelp = `Examine a cluster and its AWS account for problems of the controller and its load balancers, before
the installation or at any time after. Each finding has a severity, the object, evidence and a
remedy; docs/doctor.md describes each check.

The cluster is the one of --kubeconfig, otherwise of $KUBECONFIG or ~/.kube/config, or the one in
which lbc runs. Cluster name, region and VPC come from the controller's Deployment; without one,
region and VPC come from the nodes. Flags override them.

lbc uses your own AWS credentials, not the controller's. If you may simulate policies, IAM tells lbc
what the controller's role may do. Events show what AWS has denied to the controller.

lbc writes nothing. To make the API server call the webhooks, it creates a Service as a dry run, which stores nothing.

With --leader, lbc shows the report that the controller's leader writes into ConfigMap
aws-lbc-doctor. The report has some of the checks, once a minute, from the leader's own data. It
needs no AWS credentials.

A source that lbc cannot read is a finding. The checks that need the source have status unchecked.

Exit status: 0 healthy, with notes at most; 1 lbc failed; 2 errors; 4 warnings and no errors.`

const doctorExample = `  lbc doctor
  lbc doctor --leader
  lbc doctor --check subnets-unusable,quota
  lbc doctor --cluster-name demo --aws-region eu-west-1 --aws-vpc-id vpc-0123456789abcdef0 -o json`

type doctorOptions struct {
	outputs
	config      config.Config
	reach       reach
	check, skip []string
	offline     bool
	details     bool
	timeout     time.Duration
	role        string
	leader      bool
}

func doctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Examine a cluster and its AWS account",
		Long:    doctorHelp,
		Example: doctorExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.Flags().Changed, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	controllerFlags(f, &o.config, map[string]string{
		"kubeconfig":                "cluster to examine; default: $KUBECONFIG, ~/.kube/config",
		"cluster-name":              "name of the cluster; default: from the controller's Deployment",
		"aws-region":                "region of the account; default: from the Deployment, your environment or the nodes",
		"aws-vpc-id":                "VPC of the cluster; default: from the Deployment or the nodes",
		"leader-election-namespace": "with --leader: namespace of the controller; default: the namespace of its Deployment",
	})
	o.reach.flags(f)
	f.StringSliceVar(&o.check, "check", nil, "make these checks only")
	f.StringSliceVar(&o.skip, "skip", nil, "leave these checks out")
	f.StringVar(&o.role, "controller-role", "", "ARN of the controller's role in AWS; default: from its service account")
	f.BoolVar(&o.offline, "offline", false, "leave AWS out")
	f.BoolVar(&o.leader, "leader", false, "show the findings of the controller's leader, which makes some checks once a "+
		"minute; does not call AWS")
	f.BoolVar(&o.details, "details", false, "also list the checks without findings")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long each source of facts may take")
	for _, flag := range []string{"check", "skip"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(checks.Names(), cobra.ShellCompDirectiveNoFileComp))
	}
	for _, other := range []string{"check", "skip", "offline", "controller-role"} {
		cmd.MarkFlagsMutuallyExclusive("leader", other)
	}
	o.flags(cmd, "text", "json", "yaml")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context, given func(string) bool, out, errOut io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	selected, err := o.checks()
	if err != nil {
		return err
	}
	if o.timeout <= 0 {
		return fmt.Errorf("--timeout %s: must be more than 0", o.timeout)
	}
	if o.leader {
		return o.showLeader(ctx, out)
	}
	if err := addVariable(&o.config); err != nil {
		fmt.Fprintf(errOut, "lbc: %v; doctor goes on without it\n", err)
	}
	cluster, err := clusterConfig(o.config.Kubeconfig, &o.reach)
	if err != nil {
		return err
	}
	facts := survey.Read(ctx, survey.Options{
		Cluster: cluster, Flags: o.config, Given: given, Version: version, Timeout: o.timeout,
		Wanted: checks.NeededBy(selected), Offline: o.offline, Role: o.role,
		Policy: allNeeded,
		Progress: func(pending []doctor.Source) {
			fmt.Fprintf(errOut, "lbc: reading %s\n", words(pending))
		},
	})
	report := checks.Examine(&facts, selected)
	report.Version = version
	if err := o.show(out, report); err != nil {
		return err
	}
	return healthStatus(report)
}

// healthStatus is the exit status of a report.
func healthStatus(report doctor.Report) error {
	switch {
	case report.Errors > 0:
		return exitInvalid
	case report.Warnings > 0:
		return exitWarnings
	}
	return nil
}

func words(sources []doctor.Source) string {
	out := make([]string, len(sources))
	for i, s := range sources {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}

// checks are those that the flags select.
func (o *doctorOptions) checks() (selected []checks.Check, err error) {
	for _, name := range slices.Concat(o.check, o.skip) {
		if !slices.Contains(checks.Names(), name) {
			return nil, fmt.Errorf("there is no check %q; there are %s", name, strings.Join(checks.Names(), ", "))
		}
	}
	for _, c := range checks.All() {
		if (len(o.check) == 0 || slices.Contains(o.check, c.Name)) && !slices.Contains(o.skip, c.Name) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, errors.New("--skip excludes every check; name fewer")
	}
	return selected, nil
}

// clusterConfig is how a cluster is reached, as kubectl finds it.
func clusterConfig(kubeconfig string, r *reach) (*rest.Config, error) {
	c, _, err := r.config(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("no cluster to examine: %w", err)
	}
	return c, nil
}

// clusterClient reads and writes the cluster of clusterConfig.
func clusterClient(kubeconfig string, r *reach) (client.Client, error) {
	rc, err := clusterConfig(kubeconfig, r)
	if err != nil {
		return nil, err
	}
	return clientOf(rc)
}

// clientOf reads and writes the cluster that is reached so.
func clientOf(rc *rest.Config) (client.Client, error) {
	scheme, err := readable.Scheme()
	if err != nil {
		return nil, err
	}
	k, err := client.New(rc, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return k, nil
}

func (o *doctorOptions) show(out io.Writer, r doctor.Report) error {
	if o.format != "text" {
		return o.encode(out, diagnosisKind, r)
	}
	if !o.colored(out) {
		return r.Text(out, o.details, nil)
	}
	colours := map[doctor.Severity]string{doctor.Error: "\x1b[31m", doctor.Warning: "\x1b[33m", doctor.Note: "\x1b[36m"}
	return r.Text(out, o.details, func(s doctor.Severity, text string) string { return colours[s] + text + "\x1b[0m" })
}
