package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/kubectl"
	"github.com/k8s-lbc/lbc/playground/report"
)

func newKubectl(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [arguments of kubectl]",
		Short: "Run kubectl against the playground's cluster",
		Example: `  playground kubectl get ingress -A
  playground kubectl -n game-2048 scale deployment game --replicas 2
  playground kubectl lbc plan -A`,
		DisableFlagParsing: true, // all flags are kubectl's
		ValidArgsFunction: func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			args = append(s.takeOwn(args), toComplete)
			if len(args) > 1 && args[0] == pluginCommand {
				return completePlugin(c.Context(), s, args[1:])
			}
			return completeKubectl(c.Context(), s, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			args = s.takeOwn(args)
			if len(args) > 0 && args[0] == pluginCommand {
				return runPlugin(c.Context(), s, streams{c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()}, args[1:]...)
			}
			return runKubectl(c.Context(), s, args...)
		},
	}
}

// completeKubectl completes the last of the arguments as kubectl does.
func completeKubectl(ctx context.Context, s *settings, args []string) ([]string, cobra.ShellCompDirective) {
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: io.Discard}
	kubeconfig, cache := "", os.TempDir()
	if dir, e, err := s.running(); err == nil {
		kubeconfig, cache = e.Kubeconfig, dir.CacheDir()
	}
	if err := kubectl.Run(ctx, kubeconfig, cache, streams, append([]string{cobra.ShellCompRequestCmd}, args...)...); err !=
		nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return completions(out.String())
}

// completions are the words and the directive that a program made with cobra prints.
func completions(printed string) ([]string, cobra.ShellCompDirective) {
	words := strings.Split(strings.TrimSpace(printed), "\n")
	last := len(words) - 1 // ":" and the directive
	directive, err := strconv.Atoi(strings.TrimPrefix(words[last], ":"))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return words[:last], cobra.ShellCompDirective(directive)
}

// takeOwn takes the playground's own flags from the front of arguments that are another program's.
func (s *settings) takeOwn(args []string) []string {
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		var into *string
		switch name {
		case "--state-dir":
			into = &s.stateDir
		case "--repo":
			into = &s.repo
		}
		if into == nil || !joined && len(args) == 1 {
			return args
		}
		args = args[1:]
		if !joined {
			value, args = args[0], args[1:]
		}
		*into = value
	}
	return args
}

func runKubectl(ctx context.Context, s *settings, args ...string) error {
	// Help works without a cluster.
	kubeconfig, cache := "", os.TempDir()
	dir, e, err := s.running()
	switch {
	case err == nil:
		kubeconfig, cache = e.Kubeconfig, dir.CacheDir()
	case len(args) > 0 && args[0] != "help" && args[0] != "options" && !strings.Contains(" "+strings.Join(args, " ")+" ",
		" --help ") && !strings.Contains(" "+strings.Join(args, " ")+" ", " -h "):
		return err
	}
	return kubectl.Run(ctx, kubeconfig, cache, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		args...)
}

func newApply(s *settings) *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:     "apply -f FILE",
		Short:   "Apply manifests (kubectl apply)",
		Example: "  playground apply -f examples/nlb.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("name files with -f: playground apply -f %s", strings.Join(args, " -f "))
			}
			if len(files) == 0 {
				return errors.New("name a file with -f: playground apply -f FILE")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			args := []string{"apply"}
			for _, f := range files {
				args = append(args, "-f", f)
			}
			return runKubectl(c.Context(), s, args...)
		},
	}
	c.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, directory or URL; may be repeated")
	return c
}

func newCurl(s *settings) *cobra.Command {
	var o curl.Options
	c := &cobra.Command{
		Use:   "curl [flags] URL",
		Short: "Send an HTTP request to a load balancer by its name",
		Example: `  playground curl http://NAME.us-west-2.elb.amazonaws.com/
  playground curl -H 'Host: shop.example.com' http://NAME.us-west-2.elb.amazonaws.com/
  playground curl -v --connect-to ::NAME.us-west-2.elb.amazonaws.com: https://shop.example.com/`,
		Args: named("one URL", true),
		RunE: func(c *cobra.Command, args []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			client := simclient.New(e.Simulator, nil)
			ca, err := client.CA(c.Context())
			if err != nil {
				return err
			}
			err = curl.Run(c.Context(), curl.Simulator{Endpoints: client.Topology, CA: ca}, o, args[0], curl.Streams{
				Out: c.OutOrStdout(), Err: c.ErrOrStderr()})
			var exit *curl.ExitError
			if o.Silent && errors.As(err, &exit) {
				return silent{exit.Code}
			}
			return err
		},
	}
	o.AddFlags(c.Flags())
	return c
}

func newAWS(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use: "aws", Short: "Inspect the simulated AWS account",
		// so that a misspelt command is an error
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newResources(s), newCalls(s))
	return c
}

func newResources(s *settings) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "resources",
		Short: "List load balancers, listeners, rules, target groups, targets, security groups and certificates",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			client := simclient.New(e.Simulator, nil)
			r, err := client.Resources(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), r)
			}
			endpoints, err := client.Topology(c.Context())
			if err != nil {
				return err
			}
			return report.Resources(c.OutOrStdout(), r, endpoints)
		},
	}
	addOutput(c, &output, "json")
	return c
}

func newCalls(s *settings) *cobra.Command {
	var f gate.Filter
	var since time.Duration
	var output string
	var counts, all bool
	c := &cobra.Command{
		Use:   "calls",
		Short: "List AWS calls with their callers and results",
		Example: `  playground aws calls --failed
  playground aws calls --action 'Create*' --since 1m
  playground aws calls --counts`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			client := simclient.New(e.Simulator, nil)
			if counts {
				n, err := client.Counts(c.Context())
				if err != nil {
					return err
				}
				if output == "json" {
					return writeJSON(c.OutOrStdout(), n)
				}
				return report.Counts(c.OutOrStdout(), n)
			}
			if since > 0 {
				f.Since = time.Now().Add(-since)
			}
			if all {
				f.Limit = 0
			}
			calls, err := client.Calls(c.Context(), f)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), calls)
			}
			return report.Calls(c.OutOrStdout(), calls, output == "wide")
		},
	}
	c.Flags().StringVar(&f.Service, "service", "", "only this service, as the column CALL names it: "+
		"elasticloadbalancing, ec2, acm, wafv2 …")
	c.Flags().StringVar(&f.Action, "action", "", "only this action; * stands for any text")
	c.Flags().StringVar(&f.Caller, "caller", "", "only this caller")
	c.Flags().BoolVar(&f.Failed, "failed", false, "only calls that failed")
	c.Flags().DurationVar(&since, "since", 0, "only calls newer than this duration, such as 5m")
	c.Flags().IntVar(&f.Limit, "limit", 200, "maximum number of calls, the latest ones")
	c.Flags().BoolVar(&all, "all", false, "no limit")
	c.Flags().BoolVar(&counts, "counts", false, "print the number of calls by action instead")
	addOutput(c, &output, "wide", "json")
	return c
}

// addOutput adds -o with the forms that there are besides a table.
func addOutput(c *cobra.Command, output *string, forms ...string) {
	c.Flags().StringVarP(output, "output", "o", "", strings.Join(forms, " or ")+" (default: a table)")
	if err := c.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined one line above
	}
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if *output != "" && !slices.Contains(forms, *output) {
			return fmt.Errorf("-o %q is not %s", *output, strings.Join(forms, " or "))
		}
		return run(c, args)
	}
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
