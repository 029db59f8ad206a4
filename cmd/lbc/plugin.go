package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// The names under which kubectl runs a plugin, and asks it for completions.
const (
	pluginName     = "kubectl-lbc"
	completionName = "kubectl_complete-lbc"
	displayName    = "kubectl lbc" // as it is typed
)

// isPlugin reports whether kubectl runs the program.
func isPlugin(root *cobra.Command) bool {
	return root.Annotations[cobra.CommandDisplayNameAnnotation] == displayName
}

// program is the command for a command line, of which the first word is the program's name.
func program(line []string) *cobra.Command {
	root := rootCommand()
	name, args := strings.TrimSuffix(filepath.Base(line[0]), ".exe"), line[1:]
	switch name {
	case migrateTool:
		root = migrateToolCommand()
	case completionName:
		args = append([]string{cobra.ShellCompRequestCmd}, args...)
		fallthrough
	case pluginName:
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: displayName}
	}
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		for _, c := range root.Commands() { // help hides the controller's flags, of which there are many; completion has them
			c.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = false })
		}
	}
	root.SetFlagErrorFunc(meantFlag)
	root.SetArgs(args)
	return root
}

// meantFlag adds the flag that was probably meant to the error about one that does not exist.
func meantFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return err
	}
	best, least := "", 3 // edits; more are another word
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := annotation.Distance(unknown.GetSpecifiedName(), f.Name); d < least {
			best, least = f.Name, d
		}
	})
	if best == "" {
		return fmt.Errorf("%w; %s --help lists the existing ones", err, cmd.CommandPath())
	}
	return fmt.Errorf("%w; did you mean --%s?", err, best)
}

// completeNamespaces are the namespaces of the cluster.
func (i *inputs) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	rc, _, err := i.reach.config(i.config.Kubeconfig)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	k, err := client.New(rc, client.Options{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	l := &corev1.NamespaceList{}
	if k.List(cmd.Context(), l) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, n := range l.Items {
		out = append(out, n.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeContexts are the contexts of the kubeconfig.
func (i *inputs) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath, rules.WarnIfAllMissing = i.config.Kubeconfig, false
	loaded, err := rules.Load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for name := range loaded.Contexts {
		out = append(out, name)
	}
	slices.Sort(out)
	return out, cobra.ShellCompDirectiveNoFileComp
}
