package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/cluster"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/node"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
)

// launch are the flags of what to start.
type launch struct {
	account        string
	profile        string
	controller     string
	controllerArgs []string
	listen         string
	noController   bool
	noGatewayAPI   bool
	accelerators   bool
	families       string
	images         string
	manifests      []string
	from           string
	values         []string
	replicas       int
	startTimeout   time.Duration
}

func (l *launch) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.account, "account", "", "YAML file with the initial content of the account (default: a VPC over "+
		"three zones, three nodes, certificates)")
	f.StringVar(&l.profile, "profile", "fast", "duration of AWS operations: instant, fast or real")
	f.StringVar(&l.controller, "controller", "", "the controller's binary (default bin/controller of the checkout)")
	f.StringArrayVar(&l.controllerArgs, "controller-arg", nil,
		"additional argument for the controller, such as --log-level=debug; may be repeated")
	if err := c.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions([]string{"instant", "fast", "real"},
		cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
	f.StringArrayVar(&l.manifests, "install", nil, "manifest, or directory of manifests, to apply before the controller "+
		"starts, such as additional CRDs and RBAC; may be repeated")
	f.StringVar(&l.from, "from", "", "chart: install the controller as the Helm chart does it, with its rights, "+
		"arguments and replicas (default: one controller with the rights of existing installations)")
	f.StringArrayVar(&l.values, "values", nil, "file with values of the chart, for --from chart; may be repeated, "+
		"later ones win")
	f.IntVar(&l.replicas, "replicas", 1, "number of controllers; more than one are installed by the chart, and "+
		"elect a leader")
	f.BoolVar(&l.noController, "no-controller", false, "start everything but the controller")
	f.BoolVar(&l.noGatewayAPI, "without-gateway-api", false,
		"start a cluster without the Gateway API: no definitions of its kinds and of the controller's for it, no "+
			"GatewayClasses")
	f.BoolVar(&l.accelerators, "global-accelerator", false,
		"install the definition of GlobalAccelerators, and have the controller serve them")
	f.StringVar(&l.families, "ip-families", "ipv4", "IP families of nodes, pods and Services: ipv4, or ipv4,ipv6")
	f.StringVar(&l.images, "images", "", "YAML file that says which images serve what: patterns with ports, texts and "+
		"protocols (docs/tasks/foreign-suites.md)")
	f.StringVar(&l.listen, "aws-listen", "", "address of the simulated AWS API (default: a free port of 127.0.0.1)")
	f.DurationVar(&l.startTimeout, "start-timeout", 2*time.Minute, "maximum time for the start")
}

// options turns the flags into what an environment needs.
func (l *launch) options(dir state.Dir, root repository.Root) (environment.Options, error) {
	o := environment.Options{Dir: string(dir), Repo: root, ControllerArgs: l.controllerArgs, Manifests: l.manifests,
		WithoutGatewayAPI: l.noGatewayAPI, GlobalAccelerator: l.accelerators, Listen: l.listen,
		Speed: 1} // a clock that "playground clock" can move
	if _, err := cluster.ReadManifests(l.manifests...); err != nil {
		return o, fmt.Errorf("--install: %w", err)
	}
	var err error
	if o.ControlPlane, err = controlPlane(); err != nil {
		return o, err
	}
	if o.DualStack, err = dualStack(l.families); err != nil {
		return o, err
	}
	if o.StandIns, err = l.standIns(); err != nil {
		return o, err
	}
	if o.Release, err = l.release(); err != nil {
		return o, err
	}
	if !l.noController {
		o.Controller = l.controller
		if o.Controller == "" {
			if o.Controller, err = root.Controller(); err != nil {
				return o, err
			}
		}
		abs, err := filepath.Abs(o.Controller)
		if err != nil {
			return o, err
		}
		o.Controller = abs
		if err := repository.CheckBinary(abs); err != nil {
			return o, err
		}
	}
	// Health checks follow the profile: the first answer of a playground need not wait for 15 s.
	switch l.profile {
	case "instant":
		o.Profile, o.HealthInterval, o.HealthTimeout = account.Instant(), 100*time.Millisecond, time.Second
	case "fast":
		o.Profile, o.HealthInterval, o.HealthTimeout = account.Fast(), 250*time.Millisecond, time.Second
	case "real":
		o.Profile = account.Real()
	default:
		return o, fmt.Errorf("--profile %q is not instant, fast or real", l.profile)
	}
	o.Profile.LagChance = account.DefaultLagChance
	if l.account != "" {
		f, err := os.Open(l.account)
		if err != nil {
			return o, fmt.Errorf("--account: %w", err)
		}
		defer f.Close()
		file, err := seed.Load(f)
		if err != nil {
			return o, fmt.Errorf("--account %s: %w", l.account, err)
		}
		o.Account = &file
	}
	return o, nil
}

// dualStack reads --ip-families.
func dualStack(families string) (bool, error) {
	switch families {
	case "", "ipv4":
		return false, nil
	case "ipv4,ipv6":
		return true, nil
	}
	return false, fmt.Errorf("--ip-families %q is not ipv4 or ipv4,ipv6", families)
}

// standIns reads the file of --images.
func (l *launch) standIns() ([]node.StandIn, error) {
	if l.images == "" {
		return nil, nil
	}
	content, err := os.ReadFile(l.images)
	if err != nil {
		return nil, fmt.Errorf("--images: %w", err)
	}
	list, err := node.ParseStandIns(l.images, content)
	if err != nil {
		return nil, fmt.Errorf("--images: %w", err)
	}
	return list, nil
}

// release is what --from and --values describe; nil without them.
func (l *launch) release() (*environment.Release, error) {
	switch {
	case l.replicas < 1:
		return nil, fmt.Errorf("--replicas %d is not a positive number; --no-controller starts none", l.replicas)
	case l.replicas > 1 && l.noController:
		return nil, errors.New("--replicas and --no-controller contradict each other")
	case l.replicas > 1 && l.from == "" && len(l.values) == 0:
		return &environment.Release{Values: map[string]any{"replicaCount": l.replicas}}, nil
	case l.from == "" && len(l.values) > 0:
		return nil, errors.New("--values are those of the chart: add --from chart")
	case l.from == "":
		return nil, nil
	case l.from != "chart":
		return nil, fmt.Errorf("--from %q is unknown; the only value is chart", l.from)
	}
	values := map[string]any{}
	for _, file := range l.values {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--values: %w", err)
		}
		more := map[string]any{}
		if err := yaml.Unmarshal(content, &more); err != nil {
			return nil, fmt.Errorf("--values %s: %w", file, err)
		}
		values = chart.Merge(values, more)
	}
	if l.replicas > 1 {
		values = chart.Merge(values, map[string]any{"replicaCount": l.replicas})
	}
	return &environment.Release{Values: values}, nil
}

// start starts an environment and writes its description.
func (l *launch) start(ctx context.Context, dir state.Dir, o environment.Options, out io.Writer) (
	*environment.Environment, state.Endpoints, error) {
	began := time.Now()
	e := state.Endpoints{PID: os.Getpid(), Started: began}
	if err := dir.Write(e); err != nil {
		return nil, e, err
	}
	o.Progress = func(what string, after time.Duration) { progress(out, after, what) }
	startCtx, cancel := context.WithTimeout(ctx, l.startTimeout)
	defer cancel()
	env, err := environment.Start(startCtx, o)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, e, fmt.Errorf("%w: another program uses this address; choose another one with --aws-listen, or leave "+
			"it to the playground", err)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil, e, fmt.Errorf("the start took longer than %v (--start-timeout): %w; the logs are in %s", l.startTimeout,
			err, filepath.Join(string(dir), "logs"))
	case err != nil:
		return nil, e, err
	}
	seeded := env.Simulator.Seed()
	e.APIServer = "https://" + env.Cluster.Plane.Address()
	e.Kubeconfig, e.Simulator, e.Controller = env.Kubeconfig, env.URL, env.ControllerPID()
	e.Nodes, e.Replicas = env.NodeNames(), env.ControllerReplicas()
	e.Region, e.VPC, e.Cluster = seeded.Region, seeded.VPC.ID, seeded.Cluster.Name
	if s, err := env.AWS.Settings(ctx); err == nil {
		e.DNS = s.DNS
	}
	if !l.noController {
		e.Metrics = env.ControllerMetrics()
	}
	return env, e, dir.Write(e)
}

func progress(out io.Writer, after time.Duration, what string) {
	fmt.Fprintf(out, "%6.1f s  %s\n", after.Seconds(), what)
}

// readable finds mistakes in files of manifests before anything is started for them.
func readable(files []string) error {
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if _, err := manifest.Parse(f, content); err != nil {
			return err
		}
	}
	return nil
}
