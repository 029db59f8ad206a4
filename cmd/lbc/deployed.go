package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
)

// flagsVariable is the environment variable with the controller's flags, separated by spaces, for a cluster without a
// Deployment of the controller that the user may read.
const flagsVariable = "LBC_FLAGS"

// controllers returns the command lines of the cluster's controllers: those of their Deployments, else the one of
// LBC_FLAGS if there is no Deployment or none may be read.
func controllers(ctx context.Context, k client.Reader) ([]survey.Deployed, error) {
	found, err := survey.DeployedControllers(ctx, k)
	args := strings.Fields(os.Getenv(flagsVariable))
	if len(found) == 0 && len(args) > 0 && (err == nil || apierrors.IsForbidden(err)) {
		return []survey.Deployed{{Name: flagsVariable, Args: args}}, nil
	}
	return found, err
}

// addVariable completes name, region and VPC of the cluster by those of LBC_FLAGS.
func addVariable(c *config.Config) error {
	var theirs config.Config
	flags := config.FlagSet(&theirs)
	flags.Usage = func() {}
	if err := flags.Parse(strings.Fields(os.Getenv(flagsVariable))); err != nil {
		return fmt.Errorf("the environment variable %s: %w", flagsVariable, err)
	}
	c.ClusterName, c.Region, c.VPC = cmp.Or(c.ClusterName, theirs.ClusterName), cmp.Or(c.Region, theirs.Region),
		cmp.Or(c.VPC, theirs.VPC)
	return nil
}

// settings completes the controller's flags by those of its Deployment in the cluster, or of LBC_FLAGS, and says so;
// flags of the command line win.
func (i *inputs) settings(ctx context.Context, k client.Reader, errOut io.Writer) error {
	found, err := controllers(ctx, k)
	enough := i.config.ClusterName != "" || i.account != "" || i.simulated
	switch {
	case err != nil && !enough:
		return fmt.Errorf("%w; set --cluster-name, --aws-vpc-id and the flags that your controller runs with", err)
	case err != nil && !apierrors.IsForbidden(err):
		return fmt.Errorf("the controller's flags are unknown: %w; try again, or set them in the environment variable %s",
			err, flagsVariable)
	case err != nil:
		i.flagsUnread = err
		fmt.Fprintf(errOut, "lbc: the controller's flags are unknown: %v\n", err)
		return nil
	case len(found) == 0 && enough:
		return nil
	case len(found) == 0:
		return errors.New("the cluster has no Deployment of the controller (label " +
			"app.kubernetes.io/name=aws-load-balancer-controller) to read its flags from: " +
			"set --cluster-name, --aws-region and --aws-vpc-id, and the flags that your controller runs with, here or " +
			"in the environment variable " + flagsVariable)
	}
	d := found[0]
	taken, err := i.take(d)
	if err != nil {
		return fmt.Errorf("the arguments of %s: %w; set --cluster-name, --aws-vpc-id and the flags that your "+
			"controller runs with", d, err)
	}
	line := fmt.Sprintf("lbc: %s are those of %s", strings.Join(taken, " "), d)
	if len(taken) == 0 {
		line = fmt.Sprintf("lbc: the command line overrides all flags of %s", d)
	}
	if n := len(found) - 1; n > 0 {
		line += fmt.Sprintf(", the first of %d Deployments of controllers", n+1)
	}
	fmt.Fprintln(errOut, line)
	return nil
}

// given reports whether the command line has a flag.
func (i *inputs) given(flag string) bool { return i.commandLine != nil && i.commandLine.Changed(flag) }

// notTaken are the flags that say how the controller reaches its cluster, or which are about its process and its calls
// only.
var notTaken = map[string]bool{"kubeconfig": true, "version": true, "aws-api-throttle": true}

// take takes the flags of a Deployment that the command line does not have, and returns them.
func (i *inputs) take(d survey.Deployed) (taken []string, err error) {
	theirs := config.FlagSet(&config.Config{})
	theirs.Usage = func() {}
	if err := theirs.Parse(d.Args); err != nil {
		return nil, err
	}
	kept := config.FlagSet(&config.Config{})
	ofController := func(flag string) bool { return kept.Lookup(flag) != nil }
	if err := copyFlags(kept, i.commandLine, ofController, nil); err != nil {
		return nil, err
	}
	kubeconfig := i.config.Kubeconfig
	ours := config.FlagSet(&i.config) // which sets the defaults again
	i.config.Kubeconfig = kubeconfig  // lbc-migrate has it of a flag of its own
	if err := errors.Join(copyFlags(ours, kept, ofController, nil),
		copyFlags(ours, theirs, func(flag string) bool { return !notTaken[flag] && !i.given(flag) }, &taken)); err != nil {
		return nil, err
	}
	if i.config.Region == "" && d.Region != "" {
		i.config.Region, taken = d.Region, append(taken, "AWS_REGION="+d.Region)
	}
	return taken, nil
}

// copyFlags sets the wanted flags that are changed in one set, if there is one, to the same values in another, and
// lists them.
func copyFlags(to, from *pflag.FlagSet, wanted func(string) bool, list *[]string) (err error) {
	if from == nil {
		return nil
	}
	from.Visit(func(f *pflag.Flag) {
		if !wanted(f.Name) {
			return
		}
		value := f.Value.String()
		if strings.HasPrefix(f.Value.Type(), "stringTo") || strings.HasSuffix(f.Value.Type(), "Slice") {
			value = strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")
		}
		err = errors.Join(err, to.Set(f.Name, value))
		if list != nil {
			*list = append(*list, "--"+f.Name+"="+value)
		}
	})
	return err
}

// otherName is a warning if the cluster's LoadBalancer objects were all created under other names of the cluster; empty
// = they were not.
func otherName(ctx context.Context, k client.Reader, name string) string {
	list := &v1alpha1.LoadBalancerList{}
	if k.List(ctx, list) != nil {
		return "" // the kind is not served, or may not be read
	}
	text := startup.OtherClusterName(list.Items, name)
	if text == "" {
		return ""
	}
	return text + "; a controller with the new name would create all load balancers again"
}
