package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/facts"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const (
	statusDifferent = 1
	statusUsage     = 2

	ownTarget  = "10.77.0.200" // in the first subnet of a run's own VPC, in the simulator
	targetPort = 18080
)

// statusError is an error with the program's exit status.
type statusError struct {
	error
	status int
}

func (e statusError) Unwrap() error { return e.error }

func usageError(err error) error { return statusError{err, statusUsage} }

// exitStatus is the program's exit status for an error.
func exitStatus(err error) int {
	var s statusError
	if errors.As(err, &s) {
		return s.status
	}
	return 1
}

// factsFlags are the flags of awssim facts.
type factsFlags struct {
	endpoint, profile, region string
	only, vpc, target, clean  string
	plan, yes, json, list     bool
}

func newFactsCommand() *cobra.Command {
	var s factsFlags
	c := &cobra.Command{
		Use:   "facts",
		Short: "Check the simulator's facts about AWS against an endpoint",
		Long: `awssim facts runs the facts about AWS that the simulator stands on: it makes AWS's calls, sends requests through load
balancers, and compares answers, error codes, defaults, states and how long they take with each fact.

Without --endpoint it checks a simulator that it starts in its own process. With --endpoint aws it
checks AWS, in the account of your credentials: look at --plan first. Nothing is created at an
endpoint without --yes. A run creates a VPC of its own, or uses two subnets of --vpc. Everything
that it creates has the tag awssim-facts=RUN and is deleted at the end, after Ctrl-C too; press
Ctrl-C a second time to stop at once. Then, or after a crash, --clean RUN deletes what is left.

Facts about traffic to targets need a target that load balancers reach: run awssim facts on a
machine in the VPC, and give its address with --target and the VPC with --vpc. The machine's
security group must admit TCP ports 18080 to 18082 from the VPC.

The exit status is 0 if no fact is different, 1 if one is or the run fails, and 2 for wrong usage.`,
		Example: `  awssim facts
  awssim facts --only 'target group attribute|health'
  awssim facts --endpoint aws --region eu-west-1 --plan
  awssim facts --endpoint aws --region eu-west-1 --yes --json
  awssim facts --endpoint aws --yes --vpc vpc-0123456789abcdef0 --target 10.0.1.20
  awssim facts --endpoint aws --clean 1a2b3c4d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("facts takes no arguments, but got %q", args))
			}
			return nil
		},
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	f := c.Flags()
	f.StringVar(&s.endpoint, "endpoint", "",
		"what to check: aws, or the URL of an endpoint such as a simulator or another mock (default: a simulator in "+
			"this process)")
	f.StringVar(&s.profile, "profile", "", "profile of AWS's configuration files")
	f.StringVar(&s.region, "region", "", "region (default: that of the environment or the profile)")
	f.StringVar(&s.only, "only", "",
		"run only the facts whose text matches this regular expression, without regard to case")
	f.BoolVar(&s.plan, "plan", false, "print what a run creates, for how long, and what AWS bills for; create nothing")
	f.BoolVar(&s.list, "list", false, "print the facts' texts; create nothing")
	f.BoolVar(&s.yes, "yes", false, "create resources at the endpoint")
	f.BoolVar(&s.json, "json", false, "print the report or the plan as JSON")
	f.StringVar(&s.vpc, "vpc", "",
		"id of a VPC to use, which needs subnets in two zones (default: the run creates one)")
	f.StringVar(&s.target, "target", "",
		"private address of this machine, ADDRESS or ADDRESS:PORT, at which load balancers of --vpc reach it; PORT and the "+
			"two after it are served")
	f.StringVar(&s.clean, "clean", "", "delete what the run with this id left, found by its tag")
	if err := c.RegisterFlagCompletionFunc("endpoint", cobra.FixedCompletions([]string{"aws",
		"http://127.0.0.1:4580"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: a mistake in this function
	}
	return c
}

// run checks the flags and does what they ask for.
func (s factsFlags) run(ctx context.Context, out, problems io.Writer) (err error) {
	book, err := s.book()
	if err != nil {
		return err
	}
	if s.list {
		return list(book, out)
	}
	if err := s.check(); err != nil {
		return usageError(err)
	}
	o, stop, err := s.options(ctx, problems)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if s.clean == "" && (s.plan || s.endpoint != "" && !s.yes) {
		return s.show(ctx, book, o, out)
	}
	if err := facts.Reach(ctx, o.Clients); err != nil {
		return err
	}
	if s.clean != "" {
		return cleanFacts(ctx, o, out)
	}
	o.Progress("run %s; if this program is killed, awssim facts --clean %s deletes what is left", o.Run, o.Run)
	report, err := facts.Run(ctx, book, o)
	if report == nil {
		return err
	}
	if err := errors.Join(err, s.print(report, out)); err != nil {
		return err
	}
	switch {
	case report.Different > 0:
		return statusError{fmt.Errorf("%d facts are different", report.Different), statusDifferent}
	case len(report.Left) > 0:
		return statusError{fmt.Errorf("something is left: run awssim facts --clean %s again", o.Run), statusDifferent}
	}
	return nil
}

// book is the selected facts.
func (s factsFlags) book() (*facts.Book, error) {
	book, err := facts.Default()
	if err != nil || s.only == "" {
		return book, err
	}
	only, err := regexp.Compile("(?i)" + s.only)
	if err != nil {
		return nil, usageError(fmt.Errorf("--only: %w", err))
	}
	if book = book.Select(only); len(book.Facts) == 0 {
		return nil, usageError(fmt.Errorf("--only: no fact matches %q. awssim facts --list prints all", s.only))
	}
	return book, nil
}

func list(book *facts.Book, out io.Writer) error {
	for _, f := range book.Facts {
		if _, err := fmt.Fprintln(out, f.Title()); err != nil {
			return err
		}
	}
	return nil
}

func (s factsFlags) check() error {
	switch {
	case s.clean != "" && !facts.ValidRun(s.clean):
		return fmt.Errorf("--clean: %q is not the id of a run, which has 8 hexadecimal digits", s.clean)
	case s.clean != "" && s.endpoint == "":
		return errors.New("--clean needs --endpoint: a simulator in this process has nothing left")
	case s.endpoint == "" && (s.profile != "" || s.vpc != "" || s.target != ""):
		return errors.New("--profile, --vpc and --target need --endpoint")
	case s.target != "" && s.vpc == "":
		return errors.New("--target needs --vpc, the VPC in which the address is")
	case s.endpoint != "" && s.endpoint != "aws" && !strings.HasPrefix(s.endpoint,
		"http://") && !strings.HasPrefix(s.endpoint, "https://"):
		return fmt.Errorf("--endpoint: %q is neither aws nor a URL", s.endpoint)
	}
	return nil
}

// options are a run's settings at the endpoint of the flags, and what ends what serves them.
func (s factsFlags) options(ctx context.Context, problems io.Writer) (facts.Options, func() error, error) {
	logger := log.New(problems, "awssim: ", log.Ltime)
	o := facts.Options{Run: cmp.Or(s.clean, facts.NewRun()), Endpoint: s.endpoint, VPC: s.vpc, Progress: logger.Printf}
	if s.endpoint == "" {
		return simulated(ctx, o, s.region)
	}
	cfg, err := s.configuration(ctx)
	if err != nil {
		return o, nil, err
	}
	o.Region, o.Clients = cfg.Region, facts.NewClients(cfg)
	if s.target == "" || s.plan || !s.yes {
		if s.target != "" {
			o.Target = &facts.Target{Address: s.target} // for the plan, which serves nothing
		}
		return o, func() error { return nil }, nil
	}
	address, port := s.target, targetPort
	if host, text, err := net.SplitHostPort(s.target); err == nil {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65533 {
			return o, nil, usageError(fmt.Errorf("--target: %q is not a port from 1 to 65533", text))
		}
		address = host
	}
	if net.ParseIP(address) == nil {
		return o, nil, usageError(fmt.Errorf("--target: %q is not an address", address))
	}
	if o.Target, err = facts.NewTarget(ctx, address, "", port); err != nil {
		return o, nil, err
	}
	return o, o.Target.Close, nil
}

// configuration is the SDK's, for AWS or for a URL. A URL without credentials gets some, as mocks take any.
func (s factsFlags) configuration(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if s.region != "" {
		options = append(options, config.WithRegion(s.region))
	}
	if s.profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.profile))
	}
	if s.endpoint != "aws" {
		options = append(options, config.WithBaseEndpoint(s.endpoint))
		if s.profile == "" && os.Getenv("AWS_ACCESS_KEY_ID") == "" {
			options = append(options,
				config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE",
					"simulated", "")))
		}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, err
	}
	if cfg.Region == "" {
		return cfg, usageError(errors.New("no region: set --region or AWS_REGION"))
	}
	return cfg, nil
}

// simulated starts a simulator in this process, with the target behind an address of its virtual network.
func simulated(ctx context.Context, o facts.Options, region string) (facts.Options, func() error, error) {
	file := seed.Default()
	var err error
	if region != "" {
		if file, err = file.InRegion(region); err != nil {
			return o, nil, usageError(fmt.Errorf("--region: %w", err))
		}
	}
	interval, timeout := checks("instant")
	sim, err := awssim.New(awssim.Options{Seed: &file, Profile: account.Fast(), DataPlane: true,
		HealthInterval: interval, HealthTimeout: timeout})
	if err != nil {
		return o, nil, err
	}
	stop := sim.Close
	if o.Target, err = facts.NewTarget(ctx, ownTarget, "127.0.0.1", 0); err != nil {
		return o, nil, errors.Join(err, stop())
	}
	target := o.Target
	stop = func() error { return errors.Join(sim.Close(), target.Close()) }
	if err := sim.SetBackends(o.Target.Backends()); err != nil {
		return o, nil, errors.Join(err, stop())
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return o, nil, errors.Join(err, stop())
	}
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	key := accessKey(sim.Seed())
	o.Region, o.Endpoint, o.Dial = sim.Account.Region, "a simulator in this process", sim.DialContext
	o.Clients = facts.NewClients(aws.Config{
		Region: o.Region, BaseEndpoint: aws.String("http://" + listener.Addr().String()),
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	})
	return o, func() error { return errors.Join(server.Close(), sim.Close(), target.Close()) }, nil
}

// show prints the plan. Without --plan it says that nothing was created, which is wrong usage.
func (s factsFlags) show(ctx context.Context, book *facts.Book, o facts.Options, out io.Writer) error {
	p := facts.NewPlan(book, o)
	if s.endpoint != "" {
		if caller, err := o.Clients.Call(ctx, "sts.GetCallerIdentity", nil); err == nil {
			if answer, ok := caller.(map[string]any); ok {
				p.Account, _ = answer["Account"].(string)
			}
		}
	}
	if err := s.print(p, out); err != nil {
		return err
	}
	if s.plan {
		return nil
	}
	return usageError(errors.New("nothing was created. Add --yes to create this at the endpoint"))
}

// print writes a report or a plan, as JSON or as text.
func (s factsFlags) print(what interface{ Write(io.Writer) error }, out io.Writer) error {
	if !s.json {
		return what.Write(out)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(what)
}

// cleanFacts deletes what a run left.
func cleanFacts(ctx context.Context, o facts.Options, out io.Writer) error {
	left := facts.Clean(ctx, o, nil)
	for _, x := range left {
		if _, err := fmt.Fprintln(out, "left:", x); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return statusError{fmt.Errorf("not everything of run %s could be deleted", o.Run), statusDifferent}
	}
	_, err := fmt.Fprintf(out, "nothing of run %s is left\n", o.Run)
	return err
}
