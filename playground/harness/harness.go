// Package harness gives end-to-end tests a whole playground: a real API server, simulated nodes, the AWS simulator with its
// data plane and the controller's real binary. A test binary starts one and shares it among its tests; Main stops it. It
// imports environment, trial and testing.
package harness

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/trial"
)

// Timeout bounds each wait of a test. It is far beyond what a wait takes, because a machine may have much else to do: only what
// never comes must fail. The controller's longest pause between two attempts, two minutes, fits in.
const Timeout = 3 * time.Minute

// Options are what to start. Account and Profile of the first test count for all; other ones later are an error.
type Options struct {
	// ControllerPath is the binary; empty: $CONTROLLER, else bin/controller of the checkout.
	ControllerPath string
	// ExtraArgs of the controller. A test that wants others than the running controller has gets it restarted.
	ExtraArgs []string
	// NoController leaves the controller out.
	NoController bool
	// WithoutGatewayAPI leaves the definitions of the Gateway API and of the controller for it out. It counts for all tests, as Account does.
	WithoutGatewayAPI bool
	// Release has the controller installed as the Helm chart does it. It counts for all tests, as Account does.
	Release *environment.Release
	// Requests has the API server record each request of the controller: see Cluster.Requests. It counts for all tests, as Account does.
	Requests bool
	// Account is the YAML file of the simulated account; empty: the built-in one.
	Account string
	// Profile is how long AWS takes; the zero value means account.Instant.
	Profile account.Profile
	// Policy is what the controller may do in AWS. Calls that it denies fail the tests. It counts for all tests, as Account does.
	Policy Policy
}

// Cluster is the running playground.
type Cluster struct {
	Config    *rest.Config // all rights
	Client    kubernetes.Interface
	Dynamic   dynamic.Interface
	Simulator *awssim.Simulator
	Env       *environment.Environment
	// HTTP resolves load balancers by name, trusts the simulator's CA and does not follow redirects.
	HTTP *http.Client
	Repo repository.Root

	trial     *trial.Trial
	transport *http.Transport // of HTTP
	dir       string

	mu   sync.Mutex
	args []string // of the running controller
}

// shared is the cluster of this test binary: the control plane keeps process-wide state, so there cannot be two.
var shared struct {
	sync.Mutex
	cluster *Cluster
	options Options
}

// Start returns the test binary's playground, started by the first call.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if c := shared.cluster; c != nil {
		if o.Account != shared.options.Account || o.Profile != shared.options.Profile || o.NoController != shared.options.NoController || o.Release != shared.options.Release || o.WithoutGatewayAPI != shared.options.WithoutGatewayAPI ||
			o.Policy != shared.options.Policy || o.Requests != shared.options.Requests {
			t.Fatalf("the playground of this test binary was started with %+v, this test wants %+v: put it into a package of its own", shared.options, o)
		}
		if !o.NoController && (!slices.Equal(c.args, o.ExtraArgs) || c.Env.ControllerPID() == 0) {
			c.RestartController(t, o.ExtraArgs...)
		}
		return c
	}
	c, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	shared.cluster, shared.options = c, o
	return c
}

// Parallel sets how many tests of a package run at a time, unless the command line does: the tests wait far more than they
// compute.
func Parallel(n int) {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if set {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(n)); err != nil {
		panic(err)
	}
}

// Main runs the tests of a package, stops the playground that they shared and ends the process. Logs stay behind (and their
// place is printed) if a test failed.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if c := shared.cluster; c != nil {
		if shared.options.Policy != Unrestricted {
			for _, call := range c.Denied(0) {
				fmt.Fprintf(os.Stderr, "FAIL: the %s policy denied the controller %s %s: %s\n", shared.options.Policy, call.Service, call.Action, call.Message)
				code = 1
			}
		}
		c.Env.Stop()
		if code == 0 {
			_ = os.RemoveAll(c.dir)
		} else {
			fmt.Fprintf(os.Stderr, "the playground's logs: %s\n", filepath.Join(c.dir, "logs"))
		}
	}
	shared.Unlock()
	os.Exit(code)
}

func start(ctx context.Context, o Options) (_ *Cluster, err error) {
	root, err := repository.FindFromProcess()
	if err != nil {
		return nil, err
	}
	// Not the test's own directory: the playground outlives the first test.
	dir, err := os.MkdirTemp("", "playground-test-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w (logs: %s)", err, filepath.Join(dir, "logs"))
		}
	}()
	options := environment.Options{
		Dir: dir, Repo: root, Profile: o.Profile, Release: o.Release, WithoutGatewayAPI: o.WithoutGatewayAPI, HealthInterval: 100 * time.Millisecond, HealthTimeout: 5 * time.Second,
	}
	if options.Profile.Name == "" {
		options.Profile = account.Instant()
	}
	if !o.NoController {
		if options.Controller = o.ControllerPath; options.Controller == "" {
			options.Controller = os.Getenv("CONTROLLER")
		}
		if options.Controller == "" {
			if options.Controller, err = root.Controller(); err != nil {
				return nil, err
			}
		}
	}
	if o.Account != "" {
		f, err := os.Open(o.Account)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read
		file, err := seed.Load(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Account, err)
		}
		options.Account = &file
	}
	if o.Policy != Unrestricted {
		if options.Account == nil {
			file := seed.Default()
			options.Account = &file
		}
		if err := o.Policy.restrict(options.Account); err != nil {
			return nil, err
		}
	}
	if o.Requests {
		options.Requests = filepath.Join(dir, requestsFile)
	}
	options.FirstArgs = o.ExtraArgs // of the first start only, so that a later test can have others
	bounded, cancel := context.WithTimeout(ctx, 2*Timeout)
	defer cancel()
	env, err := environment.Start(bounded, options)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Config: env.Cluster.Plane.AdminConfig(), Client: env.Cluster.Client, Simulator: env.Simulator, Env: env, Repo: root, dir: dir, args: o.ExtraArgs}
	defer func() {
		if err != nil {
			env.Stop()
		}
	}()
	if c.Dynamic, err = dynamic.NewForConfig(c.Config); err != nil {
		return nil, err
	}
	if c.trial, err = trial.New(env, trial.Options{CacheDir: filepath.Join(dir, "cache"), Timeout: Timeout}); err != nil {
		return nil, err
	}
	ca, err := env.Simulator.CA()
	if err != nil {
		return nil, err
	}
	transport, err := curl.Endpoints(env.Endpoints).Transport(ca)
	if err != nil {
		return nil, err
	}
	c.transport = transport
	c.HTTP = &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// RestartController ends the controller, if it runs, and starts it with the arguments. It returns when the new one is
// healthy.
func (c *Cluster) RestartController(t testing.TB, args ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Env.StopController()
	if err := c.Env.StartController(args...); err != nil {
		t.Fatal(err)
	}
	c.args = args
	ctx, cancel := context.WithTimeout(context.Background(), Timeout) // a clean-up may restart it, too
	defer cancel()
	if err := c.Env.WaitController(ctx); err != nil {
		t.Fatal(err)
	}
}

// KillController ends the controller as a crash would; RestartController starts another one.
func (c *Cluster) KillController() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Env.KillController()
}
