package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/report"
	"github.com/k8s-lbc/lbc/playground/state"
	"github.com/k8s-lbc/lbc/playground/trial"
)

const defaultExample = "game-2048.yaml"

// upOptions are the flags of up.
type upOptions struct {
	launch
	settings           *settings
	detach, noExamples bool
	files              []string
}

func newUp(s *settings) *cobra.Command {
	o := upOptions{settings: s}
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a playground, apply an example and run until Ctrl-C",
		Long: `up starts etcd, kube-apiserver, the kube controllers and a scheduler, simulated nodes, the AWS simulator and the
controller, applies an example, waits until its load balancer answers, and prints what it created and how to use
it. It runs until Ctrl-C (or "playground down") and then stops everything that it started.

The cluster has the kinds of the Gateway API (standard channel) and GatewayClasses alb, nlb and
auto, unless you pass --without-gateway-api. A DNS server on 127.0.0.1 answers the names of load
balancers with the loopback addresses at which they listen.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.detach {
				return runDetached(c.Context(), s, c.OutOrStdout())
			}
			return o.run(c.Context(), c.OutOrStdout())
		},
	}
	o.addFlags(c)
	c.Flags().BoolVarP(&o.detach, "detach", "d", false, "return when the playground is ready and leave it running")
	c.Flags().StringArrayVarP(&o.files, "filename", "f", nil, "manifest to apply instead of the example; may be repeated")
	c.Flags().BoolVar(&o.noExamples, "no-examples", false, "apply nothing")
	return c
}

// run starts a playground, applies files, and stays until ctx ends.
func (o *upOptions) run(ctx context.Context, out io.Writer) error {
	began, files := time.Now(), o.files
	dir, err := o.settings.dir()
	if err != nil {
		return err
	}
	root, err := o.settings.root()
	if err != nil {
		return err
	}
	options, err := o.options(dir, root)
	if err != nil {
		return err
	}
	if err := readable(files); err != nil {
		return err
	}
	lock, err := dir.Take()
	if err != nil {
		return err
	}
	defer lock.Release()
	fmt.Fprintln(out, "Starting a playground")
	env, endpoints, err := o.start(ctx, dir, options, out)
	if err != nil {
		return err
	}
	defer func() {
		fmt.Fprintln(out, "\nStopping")
		env.Stop()
	}()
	d := &description{dir: dir, endpoints: endpoints}
	endOrders, err := serveOrders(lab{env, env.Cluster.Plane}, d)
	if err != nil {
		return err
	}
	defer endOrders()
	if len(files) == 0 && !o.noExamples && !o.noController {
		files = []string{root.Example(defaultExample)}
	}
	if len(files) > 0 {
		t, err := trial.New(env, trial.Options{CacheDir: dir.CacheDir(), Timeout: o.startTimeout})
		if err != nil {
			return err
		}
		if err := applyFirst(ctx, t, files, began, out); err != nil {
			return err
		}
	}
	g := guide{self: o.settings.self(), endpoints: endpoints, dir: dir, examples: root.Example(""),
		gatewayAPI: !o.noGatewayAPI}
	if err := g.publish(ctx, env, d, out); err != nil {
		return err
	}
	return stay(ctx, env, out, time.Second)
}

func applyFirst(ctx context.Context, t *trial.Trial, files []string, began time.Time, out io.Writer) error {
	for _, f := range files {
		if err := t.Apply(ctx, f); err != nil {
			return err
		}
		progress(out, time.Since(began), "applied "+filepath.Base(f))
	}
	if err := t.WaitAddresses(ctx, func(object, host string) {
		progress(out, time.Since(began), object+" has address "+host)
	}); err != nil {
		return err
	}
	refused, err := t.Refused(ctx)
	if err != nil {
		return err
	}
	for _, r := range refused {
		progress(out, time.Since(began), r)
	}
	answered, err := t.WaitAnswers(ctx, nil)
	if err != nil {
		return err
	}
	progress(out, time.Since(began), fmt.Sprintf("%d of %d requests are answered: the load balancers carry traffic",
		answered, answered))
	// What is printed next is clearer once all is settled, but with times as in AWS that would take minutes.
	if err := t.Settle(ctx, 2*time.Second); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// parts are what may end by itself while a playground stays.
type parts interface {
	ClusterFailed() error
	ControllerFailed() error
}

// stay waits for the end: the user's, or of a part of the cluster. The end of the controller is only printed: what it
// made goes on.
func stay(ctx context.Context, p parts, out io.Writer, every time.Duration) error {
	reported := false
	for sleep.For(ctx, every) == nil {
		if err := p.ClusterFailed(); err != nil {
			return err
		}
		err := p.ControllerFailed()
		if err != nil && !reported {
			fmt.Fprintf(out, "\nThe controller has exited; the cluster and the account keep running. Start it again with "+
				"\"playground controller start\".\n%v\n", err)
		}
		reported = err != nil
	}
	return nil
}

// guide is the text about a running playground: what there is and how to use it.
type guide struct {
	self       string // the command that the user called
	endpoints  state.Endpoints
	dir        state.Dir
	examples   string // the directory of the examples
	gatewayAPI bool   // the cluster has Gateways
}

// publish prints the guide, and keeps it in the description of the playground, which is ready from then on.
func (g guide) publish(ctx context.Context, env *environment.Environment, d *description, out io.Writer) error {
	var text strings.Builder
	if err := g.write(ctx, &text, env); err != nil {
		return err
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	return d.change(func(e *state.Endpoints) { e.Ready, e.Summary = true, text.String() })
}

// write prints the guide to the playground that env runs.
func (g guide) write(ctx context.Context, out io.Writer, env *environment.Environment) error {
	resources, err := env.AWS.Resources(ctx)
	if err != nil {
		return err
	}
	located, err := env.Endpoints(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	if len(resources.LoadBalancers) > 0 {
		b.WriteString("\nIn the AWS account now:\n")
		if err := report.Summary(&b, resources, located); err != nil {
			return err
		}
	}
	self, e, log := g.self, g.endpoints, "controller"
	if e.Controller == 0 {
		log = "nodes"
	}
	b.WriteString("\nTry, in another terminal:\n")
	for _, lb := range located {
		for _, l := range lb.Listeners {
			if l.Protocol != "HTTP" || !l.Address.IsValid() {
				continue
			}
			url := "http://" + lb.DNSName + "/"
			if l.Port != 80 {
				url = fmt.Sprintf("http://%s:%d/", lb.DNSName, l.Port)
			}
			fmt.Fprintf(&b, "  %s curl %s\n  curl --connect-to ::%s %s\n", self, url, l.Address, url)
		}
	}
	apply, kinds := []string{"nlb.yaml"}, "pods,services,ingresses"
	if g.gatewayAPI {
		apply, kinds = append(apply, "gateway.yaml"), kinds+",gateways,httproutes"
	}
	fmt.Fprintf(&b, "  %s kubectl get %s -A\n", self, kinds)
	for _, file := range apply {
		fmt.Fprintf(&b, "  %s apply -f %s\n", self, fromHere(filepath.Join(g.examples, file)))
	}
	fmt.Fprintf(&b, `  %[2]s aws resources
  %[2]s aws calls
  %[2]s logs -f %[7]s
  eval "$(%[2]s env)"    # for kubectl, aws and lbc of your own

The cluster's kubeconfig is %[1]s;
the AWS API is at %[3]s (region %[4]s, VPC %[5]s);
a browser shows the account at %[3]s/;
names of load balancers are resolved at %[8]s, for example by "%[9]s";
the logs are in %[6]s.
`, e.Kubeconfig, self, e.Simulator, e.Region, e.VPC, filepath.Join(string(g.dir), "logs"), log, e.DNS, lookup(e.DNS))
	fmt.Fprintf(&b, "\"%s down\", or Ctrl-C in its terminal, stops the playground and everything in it.\n", self)
	_, err = io.WriteString(out, b.String())
	return err
}

// lookup is a command that resolves a name at the DNS server.
func lookup(server string) string {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return "dig NAME"
	}
	return fmt.Sprintf("dig @%s -p %s NAME", host, port)
}

// runDetached starts this program again as a process of its own, without a terminal, and waits until it is ready.
func runDetached(ctx context.Context, s *settings, out io.Writer) error {
	dir, err := s.dir()
	if err != nil {
		return err
	}
	if e, err := dir.Running(); err == nil {
		return &state.RunningError{Dir: dir, PID: e.PID}
	}
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return fmt.Errorf("cannot create the state directory: %w; name another one with --state-dir", err)
	}
	logPath := filepath.Join(string(dir), "up.log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("cannot create the log of the playground: %w; name another directory with --state-dir", err)
	}
	defer log.Close()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var args []string
	for _, a := range os.Args[1:] {
		if a != "-d" && a != "--detach" && a != "--detach=true" {
			args = append(args, a)
		}
	}
	child := exec.Command(exe, args...)
	child.Stdout, child.Stderr = log, log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return fmt.Errorf("the playground did not start: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = child.Wait(); close(ended) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return fmt.Errorf("the playground exited; its last output:\n%s", process.Tail(logPath, 30))
		case <-ctx.Done(): // what was started is not wanted any more
			_ = child.Process.Signal(syscall.SIGTERM)
			<-ended
			return ctx.Err()
		case <-tick.C:
			if e, err := dir.Running(); err == nil && e.PID == child.Process.Pid && e.Ready {
				content, err := os.ReadFile(logPath)
				if err != nil {
					return err
				}
				text := strings.ReplaceAll(string(content), "Ctrl-C ends", s.self()+" down ends")
				_, err = io.WriteString(out, text)
				return err
			}
		}
	}
}
