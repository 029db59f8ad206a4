package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// reach is how a cluster is reached: the flags of kubectl besides --kubeconfig, which the controller has, too.
type reach struct {
	context  string
	as       string
	asGroups []string
}

func (r *reach) flags(f *pflag.FlagSet) {
	f.StringVar(&r.context, "context", "", "context of the kubeconfig; default: the current one")
	f.StringVar(&r.as, "as", "", "user to read the cluster as")
	f.StringArrayVar(&r.asGroups, "as-group", nil, "group to read the cluster as, with --as; may be repeated")
}

// given reports whether one of the flags is set.
func (r *reach) given() bool { return r.context != "" || r.as != "" || len(r.asGroups) > 0 }

// errNoCluster: neither flags nor environment nor the home directory name a cluster.
var errNoCluster = errors.New("no cluster: neither $KUBECONFIG nor ~/.kube/config names one; name one with " +
	"--kubeconfig and --context")

// config is how the cluster is reached, and the namespace of the context, as kubectl finds them.
func (r *reach) config(kubeconfig string) (c *rest.Config, namespace string, err error) {
	if r.as == "" && len(r.asGroups) > 0 {
		return nil, "", errors.New("--as-group needs --as")
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath, rules.WarnIfAllMissing = kubeconfig, false
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{
		CurrentContext: r.context, AuthInfo: api.AuthInfo{Impersonate: r.as, ImpersonateGroups: r.asGroups},
	})
	c, err = loaded.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, "", errNoCluster
	case err != nil && kubeconfig != "":
		return nil, "", fmt.Errorf("--kubeconfig: %w", err)
	case err != nil:
		return nil, "", fmt.Errorf("%w; --kubeconfig and --context choose another one", err)
	}
	if namespace, _, err = loaded.Namespace(); err != nil {
		return nil, "", err
	}
	return c, cmp.Or(namespace, corev1.NamespaceDefault), nil
}
