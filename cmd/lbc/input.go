package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

// inputHelp is the part of the help of every command that reads objects.
const inputHelp = `lbc reads objects from files (-f, also directories and - for standard input), from a cluster, or
from both. Objects in files override those of the cluster. Without -f, lbc reads the cluster of the
current context in $KUBECONFIG or ~/.kube/config, like kubectl. With -f, it contacts no cluster
unless you pass --kubeconfig, --context or --as. The plugin kubectl lbc differs: plan and explain
also read the cluster if you pass files, like kubectl diff, unless you pass --account.

Cluster name, region, VPC and all flags of the controller come from the controller's Deployment in
the cluster. Flags on the command line override them.

The state of AWS comes from the first of these that you have: an account file (--account: an account
of awssim, or a recording of lbc record); with a cluster, the account of your AWS credentials
(AWS_ENDPOINT_URL selects another endpoint); the simulator's built-in account.

Without a cluster, lbc assumes that IngressClass alb exists as in the chart, and that all namespaces
exist. A GatewayClass that is in none of the files counts as the class that chooses the type of the
load balancer by the listeners. The names of target groups contain UIDs and node ports of Services.
The cluster assigns these, so names in the cluster will differ.

lbc accepts all flags of the controller, such as --default-target-type=ip or --strict-groups.
Without a Deployment, pass the flags of your controller.`

// inputs are the flags for the sources of objects and of the state of AWS.
type inputs struct {
	files     []string
	account   string
	reach     reach
	namespace string // empty until the context of the cluster is known, if it is to be that of the context
	// allNamespaces: nothing is limited to the namespace.
	allNamespaces bool
	// filesOnly: a cluster is read only if a flag names it.
	filesOnly bool
	// former: manifests may be of versions of Ingresses that no cluster serves any longer.
	former bool
	// withCluster: as a plugin of kubectl, files are read in addition to the cluster.
	withCluster bool
	// simulated: the account is never that of the cluster.
	simulated bool
	// namesOnly: objects are read for their names, so that the controller's flags do not matter.
	namesOnly   bool
	flagsUnread error // why the flags of the controller are not known; nil = they are, or are not needed
	command     *cobra.Command
	commandLine *pflag.FlagSet
	config      config.Config
}

// withFiles runs a command whose arguments are files, as those of -f are.
func (i *inputs) withFiles(run func(ctx context.Context, out, errOut io.Writer, in io.Reader) error) func(
	*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		i.files = append(i.files, args...)
		return run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
	}
}

// flags declares them on a command.
func (i *inputs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&i.files, "filename", "f", nil,
		"file or directory with manifests, - for standard input; may be repeated")
	f.StringVar(&i.account, "account", "", "account file or recording; default: the cluster's account, or the "+
		"simulator's built-in one")
	f.StringVarP(&i.namespace, "namespace", "n", "", "namespace to read, and namespace of objects in files without one; "+
		"default: the namespace of the context; without a cluster: default")
	i.reach.flags(f)
	i.command, i.commandLine = cmd, f
	controllerFlags(f, &i.config, map[string]string{
		"kubeconfig":   "cluster to read objects from; default: $KUBECONFIG, ~/.kube/config; with -f none",
		"cluster-name": "name of the cluster; default: from the controller's Deployment, or of the account file",
		"aws-region":   "region of the account; default: from the Deployment, your environment or the nodes",
		"aws-vpc-id":   "VPC of the cluster; default: from the Deployment or the nodes, or of the account file",
	})
	_ = cmd.RegisterFlagCompletionFunc("namespace", i.completeNamespaces)
	_ = cmd.RegisterFlagCompletionFunc("context", i.completeContexts)
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = cmd.MarkFlagFilename("account", "yaml", "yml", "json")
}

// allFlag declares the flag for all namespaces, on commands that read a cluster without files.
func (i *inputs) allFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&i.allNamespaces, "all-namespaces", "A", false,
		"read all namespaces of the cluster, not only one")
}

// controllerFlags adds the controller's flags; only those in shown are visible, with the usage given there.
func controllerFlags(f *pflag.FlagSet, c *config.Config, shown map[string]string) {
	config.FlagSet(c).VisitAll(func(x *pflag.Flag) {
		usage, ok := shown[x.Name]
		x.Hidden = !ok
		if ok {
			x.Usage = usage
		}
		f.AddFlag(x)
	})
}

// fromCluster reports whether a cluster is read: the one that a flag names, or, where there are no files, the one that
// kubectl would use.
func (i *inputs) fromCluster() bool {
	return i.config.Kubeconfig != "" || i.reach.given() || len(i.files) == 0 && !i.filesOnly || i.asKubectl()
}

// asKubectl reports whether files are read in addition to the cluster because lbc runs as a plugin of kubectl.
func (i *inputs) asKubectl() bool {
	return i.withCluster && i.account == "" && i.command != nil && isPlugin(i.command.Root())
}

// cluster is how the cluster is reached; nil = none is read. It completes the namespace.
func (i *inputs) cluster() (*rest.Config, error) {
	if i.namespace != "" && i.allNamespaces {
		return nil, errors.New("--namespace and --all-namespaces exclude each other")
	}
	if !i.fromCluster() {
		i.namespace = cmp.Or(i.namespace, corev1.NamespaceDefault)
		return nil, nil
	}
	rc, namespace, err := i.reach.config(i.config.Kubeconfig)
	if errors.Is(err, errNoCluster) && len(i.files) == 0 {
		return nil, errors.New("no manifests and no cluster: name files with -f, or a cluster with --kubeconfig and " +
			"--context")
	}
	if errors.Is(err, errNoCluster) {
		return nil, fmt.Errorf("%w; or run lbc %s -f FILE instead of kubectl lbc", err, i.command.Name())
	}
	i.namespace = cmp.Or(i.namespace, namespace)
	return rc, err
}

// limited reports whether only what belongs to one namespace is read: that of the context, or of -n.
func (i *inputs) limited() bool { return len(i.files) == 0 && i.fromCluster() && !i.allNamespaces }

// noteQuarantine notes that the last valid versions of invalid objects are not known.
func (i *inputs) noteQuarantine(errOut io.Writer) {
	if i.fromCluster() {
		fmt.Fprintln(errOut, "\nlbc: the output is based on the present objects; a running controller uses the last valid "+
			"version of an invalid object, which lbc does not know")
	}
}
