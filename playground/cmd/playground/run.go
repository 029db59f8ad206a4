package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/state"
	"github.com/k8s-lbc/lbc/playground/trial"
	"github.com/k8s-lbc/lbc/playground/verify"
)

// runOptions are the flags of run.
type runOptions struct {
	launch
	settings                 *settings
	once, together, keepLogs bool
	timeout                  time.Duration
}

func newRun(s *settings) *cobra.Command {
	o := runOptions{settings: s}
	c := &cobra.Command{
		Use:   "run --once FILE...",
		Short: "Start, apply manifests, verify that they answer, delete them, verify that nothing is left, and stop",
		Long: `run starts a separate playground. For each file it applies the manifests, waits until each Ingress
and each Service with a load balancer has an address and each Gateway is programmed, requests every
path of every rule at every listener until it answers 200 (or, where an action or a condition
decides, anything below 500), deletes the file, and waits until the AWS account is as it was before.
It prints listeners and routes of Gateways that are not accepted, and requests all others. The exit
status is 0 if all steps succeed.`,
		Example: `  playground run --once examples/nlb.yaml
  playground run --once --account account.yaml --profile instant manifests/*.yaml`,
		Args: named("a file with manifests", false),
		RunE: func(c *cobra.Command, files []string) error {
			if !o.once {
				return errors.New(`run needs --once; to apply something and stay, use "playground up -f FILE"`)
			}
			return o.run(c.Context(), files, c.OutOrStdout())
		},
	}
	o.addFlags(c)
	c.Flags().BoolVar(&o.once, "once", false, "stop when all files are done")
	c.Flags().BoolVar(&o.together, "together", false,
		"apply all files before the first is verified, and delete them at the end")
	c.Flags().BoolVar(&o.keepLogs, "keep-logs", false, "keep the directory with the logs")
	c.Flags().DurationVar(&o.timeout, "timeout", 2*time.Minute, "maximum time for each step")
	return c
}

// run tries files out in a playground of its own.
func (o *runOptions) run(ctx context.Context, files []string, out io.Writer) (err error) {
	root, err := o.settings.root()
	if err != nil {
		return err
	}
	if err := readable(files); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "playground-")
	if err != nil {
		return err
	}
	dir := state.Dir(temporary)
	defer func() {
		if o.keepLogs || err != nil && ctx.Err() == nil {
			for _, rest := range []string{"data", "pki", "cache"} { // of no use without a cluster
				_ = os.RemoveAll(filepath.Join(temporary, rest))
			}
			fmt.Fprintf(out, "The logs are in %s.\n", filepath.Join(temporary, "logs"))
			return
		}
		_ = os.RemoveAll(temporary)
	}()
	options, err := o.options(dir, root)
	if err != nil {
		return err
	}
	began := time.Now()
	env, _, err := o.start(ctx, dir, options, out)
	if err != nil {
		return err
	}
	defer env.Stop()
	before, err := env.AWS.Resources(ctx)
	if err != nil {
		return err
	}
	report := func(text string) { progress(out, time.Since(began), text) }
	size := 1
	if o.together {
		size = max(size, len(files))
	}
	for group := range slices.Chunk(files, size) {
		t, err := trial.New(env, trial.Options{CacheDir: dir.CacheDir(), Timeout: o.timeout})
		if err != nil {
			return err
		}
		if err := tryOut(ctx, t, group, before, report); err != nil {
			return err
		}
	}
	return nil
}

// tryOut applies files, waits until their hosts answer, deletes them, and waits until the account is as before.
func tryOut(ctx context.Context, t *trial.Trial, group []string, before simclient.Resources,
	report func(text string)) error {
	for _, f := range group {
		if err := t.Apply(ctx, f); err != nil {
			return err
		}
		report("applied " + f)
	}
	if err := t.WaitAddresses(ctx, func(object, host string) { report(object + " has address " + host) }); err != nil {
		return err
	}
	refused, err := t.Refused(ctx)
	if err != nil {
		return err
	}
	for _, r := range refused {
		report(r)
	}
	n, err := t.WaitAnswers(ctx, func(r verify.Request) { report("answered: " + r.String()) })
	if err != nil {
		return err
	}
	if err := t.Delete(ctx, group...); err != nil {
		return err
	}
	report("deleted " + strings.Join(group, ", "))
	if err := t.WaitLike(ctx, before); err != nil {
		return err
	}
	report(fmt.Sprintf("%d requests were answered; nothing is left in the account", n))
	return nil
}
