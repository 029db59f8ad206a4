// Package harness gives end-to-end tests a whole playground: a real API server, simulated nodes, the AWS simulator with
// its data plane and the controller's real binary. A test binary starts one and shares it among its tests; Main stops
// it. It imports environment, trial and testing.
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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
	"github.com/k8s-lbc/lbc/playground/trial"
)

// Timeout bounds each wait of a test. It is far beyond what a wait takes, because a machine may have much else to do:
// only what never comes must fail. The controller's longest pause between two attempts, two minutes, fits in.
const Timeout = 3 * time.Minute

// EmulatedVariable is the environment variable with an older minor version of Kubernetes, such as 1.34, that API
// servers of all tests emulate.
const EmulatedVariable = "LBC_KUBERNETES"

// Options are what to start. Account and Profile of the first test count for all; other ones later are an error.
type Options struct {
	// ControllerPath is the binary; empty: $CONTROLLER, else bin/controller of the checkout.
	ControllerPath string
	// ExtraArgs of the controller. A test that wants others than the running controller has gets it restarted.
	ExtraArgs []string
	// NoController leaves the controller out.
	NoController bool
	// WithoutGatewayAPI leaves the definitions of the Gateway API and of the controller for it out. It counts for all
	// tests, as Account does.
	WithoutGatewayAPI bool
	// GlobalAccelerator installs the definition of GlobalAccelerators and has the controller serve them. It counts for all
	// tests, as Account does.
	GlobalAccelerator bool
	// Release has the controller installed as the Helm chart does it. It counts for all tests, as Account does.
	Release *environment.Release
	// Requests has the API server record each request of the controller: see Cluster.Requests. It counts for all tests, as
	// Account does.
	Requests bool
	// DualStack gives nodes and pods IPv6 addresses too. It counts for all tests, as Account does.
	DualStack bool
	// Account is the YAML file of the simulated account; empty: the built-in one.
	Account string
	// Profile is how long AWS takes; the zero value means account.Instant.
	Profile account.Profile
	// Speed is how much faster than the machine's the clock of the account runs, so that Profile can have AWS's own times;
	// health checks then come at the intervals of their target groups. It counts for all tests, as Account does.
	Speed float64
	// Policy is what the controller may do in AWS. Calls that it denies fail the tests. It counts for all tests, as
	// Account does.
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
	end       func() // ends the supervision of the controller

	alone  bool        // the controller is one process that nothing but tests starts
	mayEnd atomic.Bool // see LetControllerEnd

	mu   sync.Mutex
	args []string // of the running controller
}

// shared is the cluster of this test binary: its tests share one, because a start takes seconds.
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
		if o.Account != shared.options.Account || o.Profile != shared.options.Profile ||
			o.NoController != shared.options.NoController || o.Release != shared.options.Release ||
			o.WithoutGatewayAPI != shared.options.WithoutGatewayAPI ||
			o.GlobalAccelerator != shared.options.GlobalAccelerator || o.Speed != shared.options.Speed ||
			o.Policy != shared.options.Policy || o.Requests != shared.options.Requests ||
			o.DualStack != shared.options.DualStack {
			t.Fatalf("the playground of this test binary was started with %+v, this test wants %+v: put it into a "+
				"package of its own", shared.options, o)
		}
		if !o.NoController && (!slices.Equal(c.args, o.ExtraArgs) || c.controllerEnded()) {
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

// Parallel sets how many tests of a package run at a time, unless the command line does: the tests wait far more than
// they compute.
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

// Main runs the tests of a package, stops the playground that they shared and ends the process. Logs stay behind (and
// their place is printed) if a test failed.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if c := shared.cluster; c != nil {
		if shared.options.Policy != Unrestricted {
			for _, call := range c.Denied(0) {
				fmt.Fprintf(os.Stderr, "FAIL: the %s policy denied the controller %s %s: %s\n", shared.options.Policy, call.Service,
					call.Action, call.Message)
				code = 1
			}
		}
		c.end()
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
	options, err := o.environment(dir, root)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, 2*Timeout)
	defer cancel()
	env, err := environment.Start(bounded, options)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Config: env.Cluster.Plane.AdminConfig(), Client: env.Cluster.Client, Simulator: env.Simulator, Env: env,
		Repo: root, dir: dir, alone: !o.NoController && o.Release == nil, args: o.ExtraArgs}
	defer func() {
		if err != nil {
			env.Stop()
		}
	}()
	if err = emulates(c.Client, options.Emulated); err != nil {
		return nil, err
	}
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
	supervised, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); c.supervise(supervised) }()
	c.end = func() { end(); <-ended }
	return c, nil
}

// emulates returns an error if the API server does not emulate a version; empty: it may be any.
func emulates(k kubernetes.Interface, version string) error {
	if version == "" {
		return nil
	}
	v, err := k.Discovery().ServerVersion()
	if err == nil && v.EmulationMajor+"."+v.EmulationMinor != version {
		err = fmt.Errorf("the API server emulates %s.%s, not %s as %s says", v.EmulationMajor, v.EmulationMinor, version,
			EmulatedVariable)
	}
	return err
}

// environment are the options of the environment of a cluster.
func (o Options) environment(dir string, root repository.Root) (_ environment.Options, err error) {
	options := environment.Options{
		Dir: dir, Repo: root, Profile: o.Profile, Release: o.Release, WithoutGatewayAPI: o.WithoutGatewayAPI,
		GlobalAccelerator: o.GlobalAccelerator, DualStack: o.DualStack, HealthInterval: 100 * time.Millisecond,
		HealthTimeout: 5 * time.Second, Grace: time.Minute, Emulated: os.Getenv(EmulatedVariable),
	}
	if o.Speed > 0 {
		options.Speed, options.HealthInterval, options.HealthTimeout = o.Speed, 0, 0
	}
	if options.Profile.Name == "" {
		options.Profile = account.Instant()
	}
	if options.ControlPlane, err = root.ControlPlane(); err != nil {
		return options, err
	}
	if !o.NoController {
		if options.Controller = o.ControllerPath; options.Controller == "" {
			options.Controller = os.Getenv("CONTROLLER")
		}
		if options.Controller == "" {
			if options.Controller, err = root.Controller(); err != nil {
				return options, err
			}
		}
	}
	if o.Account != "" {
		f, err := os.Open(o.Account)
		if err != nil {
			return options, err
		}
		defer f.Close()
		file, err := seed.Load(f)
		if err != nil {
			return options, fmt.Errorf("%s: %w", o.Account, err)
		}
		options.Account = &file
	}
	if o.Policy != Unrestricted {
		if options.Account == nil {
			file := seed.Default()
			options.Account = &file
		}
		if err := o.Policy.restrict(options.Account); err != nil {
			return options, err
		}
	}
	if o.Requests {
		options.Requests = filepath.Join(dir, requestsFile)
	}
	options.FirstArgs = o.ExtraArgs // of the first start only, so that a later test can have others
	return options, nil
}

// Environ is the environment of this process with the variables that "playground env" prints.
func (c *Cluster) Environ() []string {
	seeded := c.Simulator.Seed()
	return state.Endpoints{Kubeconfig: c.Env.Kubeconfig, Simulator: c.Env.URL, Region: seeded.Region, VPC: seeded.VPC.ID,
		Cluster: seeded.Cluster.Name}.Environ(os.Environ())
}

// RestartController ends the controller, if it runs, and starts it with the arguments. It returns when the new one is
// healthy.
func (c *Cluster) RestartController(t testing.TB, args ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.failed(); err != nil && c.alone {
		t.Error(err) // that it is replaced must not hide its end
	}
	c.Env.StopController()
	c.mayEnd.Store(false)
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

// controllerEnded reports whether the controller was stopped or has ended by itself.
func (c *Cluster) controllerEnded() bool {
	return c.Env.ControllerPID() == 0 || c.Env.ControllerFailed() != nil
}

// EnsureController starts the controller again, with the arguments of its latest start, if a test has left none or it
// has ended by itself: without one, finalizers keep objects from going.
func (c *Cluster) EnsureController(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	ended, args := c.controllerEnded(), c.args
	c.mu.Unlock()
	if ended && c.alone {
		t.Log("the controller has ended, and is started again")
		c.RestartController(t, args...)
	}
}

// LetControllerEnd has it be no failure that the controller ends by itself, until the next one is started.
func (c *Cluster) LetControllerEnd() { c.mayEnd.Store(true) }

// failed reports a part of the playground that ended by itself and is not started again.
func (c *Cluster) failed() error {
	if err := c.Env.ClusterFailed(); err != nil {
		return err
	}
	if c.mayEnd.Load() || c.endsToReturn() {
		return nil
	}
	return c.Env.ControllerFailed()
}

// endings are how a controller ends that relies on its cluster to start it again.
var endings = []string{
	"leader election lost",            // it could not renew its lease in time
	"went back from resource version", // etcd was restored from a snapshot
}

// endsToReturn reports whether the controller ended in one of these ways.
func (c *Cluster) endsToReturn() bool {
	err := c.Env.ControllerFailed()
	return c.alone && err != nil && slices.ContainsFunc(endings, func(text string) bool {
		return strings.Contains(err.Error(), text)
	})
}

// supervise starts a controller that endsToReturn again, as a cluster does, until ctx ends: on a machine with much to
// do, the API server may take the ten seconds for an answer after which a leader ends.
func (c *Cluster) supervise(ctx context.Context) {
	for sleep.For(ctx, 200*time.Millisecond) == nil {
		c.mu.Lock()
		if !c.mayEnd.Load() && c.endsToReturn() {
			c.Env.StopController() // which forgets it
			if err := c.Env.StartController(c.args...); err != nil {
				fmt.Fprintf(os.Stderr, "the controller has ended, and cannot be started again: %v\n", err)
			}
		}
		c.mu.Unlock()
	}
}

// KillController ends the controller as a crash would; RestartController starts another one.
func (c *Cluster) KillController() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Env.KillController()
}
