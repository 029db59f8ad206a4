package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/bench"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// benchmark are the flags of the command bench.
type benchmark struct {
	controller, endpoint, account, budget, output string
	controllerArgs, rows                          []string
	latency, timeout                              time.Duration
	keep                                          bool
}

func newBench(s *settings) *cobra.Command {
	var b benchmark
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure AWS calls, time and memory of a controller against the budget",
		Long: `bench starts an API server without nodes, and an AWS simulator, runs the controller's binary between the two,
and prints the cost of each step of a cluster's life: AWS calls, seconds with latency added to every AWS call,
memory. Progress goes to the standard error, the table to the standard output. The binary may be any load
balancer controller with the same flags; WAF and Shield are switched off. Another AWS mock
(--endpoint) is reached through a proxy that counts calls; it must hold what --account describes.

Each Ingress has one host, one path, ip targets, two pods and HTTP, and a load balancer of its own unless grouped.

Rows, to be chosen by name, pattern or kind with --rows:
` + bench.RowHelp(),
		Example: `  playground bench
  playground bench --controller ../other/manager --rows counts
  playground bench --rows 'timed-*,memory' -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return b.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&b.controller, "controller", "", "the controller's binary (default: controller next to this program, "+
		"otherwise bin/controller of the checkout)")
	f.StringArrayVar(&b.controllerArgs, "controller-arg", nil, "additional argument for the controller; may be repeated")
	f.StringVar(&b.endpoint, "endpoint", "", "base URL of another AWS mock (default: a separate simulator)")
	f.StringVar(&b.account, "account", "", "YAML file with the content of the account (default: the built-in one)")
	f.StringVar(&b.budget, "budget", "", "budget file (default bench/budget.yaml of the checkout)")
	f.StringSliceVar(&b.rows, "rows", nil, "measure only these rows")
	f.StringVarP(&b.output, "output", "o", "table", "table or json")
	f.DurationVar(&b.latency, "latency", 50*time.Millisecond, "added to every AWS call in the timed rows")
	f.DurationVar(&b.timeout, "timeout", 5*time.Minute, "maximum time for each step")
	f.BoolVar(&b.keep, "keep-logs", false, "keep the directory with the logs")
	return c
}

func (b *benchmark) run(ctx context.Context, s *settings, out, progress io.Writer) (err error) {
	if b.output != "table" && b.output != "json" {
		return fmt.Errorf("--output %q is not table or json", b.output)
	}
	root, err := s.root()
	if err != nil {
		return err
	}
	options := bench.Options{
		Repo: root, ControllerArgs: b.controllerArgs, Endpoint: b.endpoint, Rows: b.rows, Latency: b.latency,
		Timeout:  b.timeout,
		Progress: func(text string) { fmt.Fprintln(progress, text) },
	}
	if options.ControlPlane, err = controlPlane(); err != nil {
		return err
	}
	if options.Controller, err = b.binary(root); err != nil {
		return err
	}
	if b.budget == "" {
		b.budget = root.Budget()
	}
	if options.Budget, err = bench.LoadBudget(b.budget); err != nil {
		return err
	}
	if b.account != "" {
		if options.Account, err = loadAccount(b.account); err != nil {
			return err
		}
	}
	if options.Dir, err = os.MkdirTemp("", "playground-bench-"); err != nil {
		return err
	}
	defer func() {
		if b.keep || err != nil && ctx.Err() == nil {
			fmt.Fprintf(progress, "The logs are in %s.\n", filepath.Join(options.Dir, "logs"))
			return
		}
		_ = os.RemoveAll(options.Dir)
	}()
	results, runErr := bench.Run(ctx, options)
	if b.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(results)
	} else {
		fmt.Fprintln(progress)
		err = bench.Table(out, results)
	}
	if runErr != nil { // what was measured before is worth showing
		return runErr
	}
	return err
}

func (b *benchmark) binary(root repository.Root) (string, error) {
	if b.controller == "" {
		if exe, err := os.Executable(); err == nil { // bin/bench/playground measures what is compiled as it is
			if beside := filepath.Join(filepath.Dir(exe), "controller"); repository.CheckBinary(beside) == nil {
				return beside, nil
			}
		}
		return root.Controller()
	}
	abs, err := filepath.Abs(b.controller)
	if err != nil {
		return "", err
	}
	return abs, repository.CheckBinary(abs)
}

func loadAccount(path string) (*seed.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--account: %w", err)
	}
	defer f.Close()
	file, err := seed.Load(f)
	if err != nil {
		return nil, fmt.Errorf("--account %s: %w", path, err)
	}
	return &file, nil
}
