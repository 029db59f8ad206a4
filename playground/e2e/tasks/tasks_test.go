// Package tasks follows the pages of docs/tasks as a reader would: their manifests become files, their commands run in
// one shell against a playground, and print what the pages show. It has tests only.
package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/markdown"
	"github.com/k8s-lbc/lbc/playground/foreign"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/kubectl"
	"github.com/k8s-lbc/lbc/playground/sandbox"
	"github.com/k8s-lbc/lbc/playground/state"
)

// Variables by which this test binary is one of the tools that the pages use: kubectl, curl and exec of the playground.
const (
	toolVariable      = "LBC_TASKS_TOOL"
	simulatorVariable = "LBC_TASKS_SIMULATOR"
)

func TestMain(m *testing.M) {
	if sandbox.Inside() {
		os.Exit(sandbox.Main())
	}
	if tool := os.Getenv(toolVariable); tool != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		status := runTool(ctx, tool, os.Args[1:])
		stop()
		os.Exit(status)
	}
	harness.Parallel(4)
	harness.Main(m)
}

func runTool(ctx context.Context, tool string, args []string) int {
	var err error
	status := 1
	switch tool {
	case "playground":
		if status, err = runExec(ctx, args); err == nil {
			return status
		}
		status = 1
	case "kubectl":
		streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
		err = kubectl.Run(ctx, os.Getenv("KUBECONFIG"), filepath.Join(os.TempDir(), "kubectl"), streams, args...)
		if exit := new(kubectl.ExitError); errors.As(err, &exit) {
			status = exit.Code
		}
	default:
		err = runCurl(ctx, args)
		if exit := new(curl.ExitError); errors.As(err, &exit) {
			status = exit.Code
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return status
	}
	return 0
}

// runExec does what "playground exec -- COMMAND" does, for the playground of the variables. Where no network of its own
// is permitted, the command has the variables only; curl of this test finds load balancers all the same.
func runExec(ctx context.Context, args []string) (int, error) {
	if len(args) < 3 || args[0] != "exec" || args[1] != "--" {
		return 0, fmt.Errorf("playground %q is not known here: only exec -- COMMAND", args)
	}
	e := state.Endpoints{
		Kubeconfig: os.Getenv("KUBECONFIG"), Simulator: os.Getenv("AWS_ENDPOINT_URL"), Region: os.Getenv("AWS_REGION"),
		VPC: os.Getenv("VPC_ID"), Cluster: os.Getenv("CLUSTER_NAME"),
	}
	config, err := clientcmd.BuildConfigFromFlags("", e.Kubeconfig)
	if err != nil {
		return 0, err
	}
	e.APIServer = config.Host
	settings, err := simclient.New(e.Simulator, nil).Settings(ctx)
	if err != nil {
		return 0, err
	}
	e.DNS = settings.DNS
	status, err := foreign.Run(ctx, e, os.Environ(), args[2:])
	if not := new(sandbox.NotPermittedError); errors.As(err, &not) {
		return foreign.RunWithVariables(ctx, e, os.Environ(), args[2:])
	}
	return status, err
}

func runCurl(ctx context.Context, args []string) error {
	var o curl.Options
	flags := pflag.NewFlagSet("curl", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	client := simclient.New(os.Getenv(simulatorVariable), nil)
	ca, err := client.CA(ctx)
	if err != nil {
		return err
	}
	return curl.Run(ctx, curl.Simulator{Endpoints: client.Topology, CA: ca}, o, flags.Arg(0), curl.Streams{
		Out: os.Stdout, Err: os.Stderr})
}

// reader is somebody who follows a page: a directory, and a shell whose variables last from block to block.
type reader struct {
	*testing.T
	c         *harness.Cluster
	directory string
	variables []string
}

func newReader(t *testing.T, c *harness.Cluster) *reader {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"kubectl", "curl", "playground"} {
		script := fmt.Sprintf("#!/bin/sh\n%s=%s exec %q \"$@\"\n", toolVariable, tool, self)
		if err := os.WriteFile(filepath.Join(bin, tool), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, shared := range []string{"bin", "examples", "config", "charts", "docs"} {
		if err := os.Symlink(filepath.Join(string(c.Repo), shared), filepath.Join(dir, shared)); err != nil {
			t.Fatal(err)
		}
	}
	// This cluster has no Deployment of the controller, from which lbc explain reads its flags.
	seeded := c.Simulator.Seed()
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = explain ]; then set -- \"$@\" --cluster-name %s --aws-region %s "+
		"--aws-vpc-id %s; fi\nexec %q \"$@\"\n",
		seeded.Cluster.Name, seeded.Region, seeded.VPC.ID, filepath.Join(string(c.Repo), "bin", "lbc"))
	if err := os.WriteFile(filepath.Join(bin, "lbc"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &reader{T: t, c: c, directory: dir, variables: append(c.Environ(),
		"PATH="+bin+":"+filepath.Join(string(c.Repo), "bin")+":"+os.Getenv("PATH"), "HOME="+dir, "TMPDIR="+bin,
		simulatorVariable+"="+c.Env.URL,
	)}
}

// run runs commands as if they were pasted into a shell, and returns what they print.
func (r *reader) run(commands string) (string, error) {
	const saved = ".variables"
	script := "touch " + saved + "; source " + saved + "; set -euo pipefail; trap 'declare -p >" + saved +
		".all; grep -E \"^declare -- [a-z]\" " + saved + ".all >" + saved + " || true' EXIT\n" + commands
	cmd := exec.CommandContext(r.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = r.directory, r.variables
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// try runs a block of commands and compares what they print.
func (r *reader) try(b markdown.Block, want string) error {
	out, err := r.run(b.Text)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	if line := missing(want, out); line != "" {
		return fmt.Errorf("line %q is not printed, or not after those before it:\n%s", line, out)
	}
	return nil
}

// follow does what a page says.
func (r *reader) follow(page string) {
	r.Helper()
	all, err := blocks(page)
	if err != nil {
		r.Fatal(err)
	}
	for i, b := range all {
		switch b.Language {
		case "yaml":
			if err := os.WriteFile(filepath.Join(r.directory, b.File()), []byte(b.Text), 0o600); err != nil {
				r.Fatal(err)
			}
		case "sh":
			want := ""
			if i+1 < len(all) && all[i+1].Language == "text" {
				want = all[i+1].Text
			}
			if b.Info == "eventually" {
				r.c.WaitFor(r, fmt.Sprintf("the commands of line %d", b.Line), func(context.Context) error {
					return r.try(b, want)
				})
			} else if err := r.try(b, want); err != nil {
				r.Fatalf("line %d: %v\n%s", b.Line, err, r.c.Report(context.Background()))
			}
		}
	}
}

// account is the usual account with what the commands of AWS on the pages make in it, which are not run; the same file
// for each run of the test, which share a playground.
var account = sync.OnceValues(func() (string, error) {
	usual, err := os.ReadFile("../../../awssim/seed/default.yaml")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "tasks-account-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "account.yaml")
	return file, os.WriteFile(file, append(usual, `
buckets:
- {name: my-access-logs, prefix: web}
targetGroups:
- {arn: "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/both/0123456789abcdef", name: both, targetType: ip, protocol: HTTP, port: 8080}
`...), 0o600)
})

// makeWebACL makes the web ACL of waf.md of the rules that the page shows, unless an earlier run of the test has.
func makeWebACL(t *testing.T, c *harness.Cluster) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(string(c.Repo), "docs", "tasks", "waf.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(string(page), "<<'END'\n")
	rules, _, _ = strings.Cut(rules, "END\n")
	in := &wafv2.CreateWebACLInput{
		Name: aws.String("web"), Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{
			Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String("web")},
	}
	if err := json.Unmarshal([]byte(rules), &in.Rules); err != nil {
		t.Fatalf("the rules of waf.md: %v", err)
	}
	var there *waftypes.WAFDuplicateItemException
	if _, err := c.Simulator.Firewall.CreateWebACL(t.Context(), in); err != nil && !errors.As(err, &there) {
		t.Fatal(err)
	}
}

// TestThePagesOfTasksWorkAsTheyAreWritten shows that the commands and manifests of docs/tasks work
// in a shell against a live cluster and print what the pages say.
func TestThePagesOfTasksWorkAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	file, err := account()
	if err != nil {
		t.Fatal(err)
	}
	c := harness.Start(t, harness.Options{Account: file, GlobalAccelerator: true, ExtraArgs: []string{
		"--existing-load-balancers=platform=platform,observed=observed"}})
	makeWebACL(t, c)
	files, err := filepath.Glob(filepath.Join(string(c.Repo), "docs", "tasks", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	chosen := sample.OneOf(3)
	for _, f := range files {
		if !chosen.Next() {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(f), ".md"), func(t *testing.T) {
			t.Parallel()
			page, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			newReader(t, c).follow(string(page))
		})
	}
}
