// Command awssim serves a simulated AWS account: the APIs that a load balancer controller calls, load balancers that
// carry traffic, and a DNS server for their names.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// stopTime is how long calls under way may take once the simulator stops.
const stopTime = 5 * time.Second

// settings are the command's flags.
type settings struct {
	listen      string
	account     string
	profile     string
	region      string
	dns         string
	noDataPlane bool
	latency     time.Duration
	throttle    bool
	trouble     troubleFlags
	logs        string
	buckets     string
	idp         string
	iam         bool
	verify      bool
	instance    string
	backends    map[string]string
}

func newCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:   "awssim",
		Short: "Serve a simulated AWS account with load balancers that carry traffic",
		Long: `awssim serves the APIs of Elastic Load Balancing v2, EC2 (networks, security groups, instances),
ACM, Route 53, WAFv2, Shield, Global Accelerator, STS and Resource Groups Tagging to any AWS client,
over one simulated account that lives in memory.

Load balancers listen on loopback addresses of their own and proxy for real; a DNS server answers
their names. Targets are addresses of a VPC that exists in this process only: --backend puts servers
of this machine behind them. What was called, what exists and how to break it is under
http://LISTEN/_sim/.`,
		Example: `  awssim
  awssim --backend 10.0.128.10:8080=127.0.0.1:9000
  awssim --account account.yaml --profile real --region eu-west-1
  awssim --listen 127.0.0.1:4580 --no-data-plane --throttle --latency 30ms`,
		Args:          cobra.NoArgs,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:4580",
		"address to serve AWS's APIs and the administration on; port 0 takes a free one")
	f.StringVar(&s.account, "account", "", "YAML file that describes the account (default: a built-in one with a VPC of "+
		"three zones and three nodes)")
	f.StringVar(&s.profile, "profile", "fast", "how long transitions take: instant, fast (up to 0.1 s; accelerators up "+
		"to 2 s) or real")
	f.StringVar(&s.region, "region", "", "region, in place of the account file's")
	f.StringVar(&s.dns, "dns", "127.0.0.1:0", "address to answer the load balancers' names on, UDP and TCP; port 0 "+
		"takes a free one")
	f.BoolVar(&s.noDataPlane, "no-data-plane", false,
		"serve the APIs only: nothing listens for load balancers, and targets become healthy by themselves")
	f.StringVar(&s.logs, "logs", "", "folder for the logs that load balancers' attributes enable, with a folder per "+
		"bucket (default: the folder of --buckets; without both, no logs are stored)")
	f.DurationVar(&s.latency, "latency", 0, "time added to every API call")
	f.StringVar(&s.buckets, "buckets", "", "folder with a folder per S3 bucket in it: certificates of trust stores are "+
		"read from it, and logs delivered to it unless --logs is given")
	f.BoolVar(&s.throttle, "throttle", false, "throttle API calls by AWS's published token buckets")
	f.StringVar(&s.idp, "idp", "", "address on loopback to serve an OpenID provider on, for authenticate actions, such "+
		"as 127.0.0.1:4581; port 0 takes a free one (default: none)")
	f.BoolVar(&s.iam, "iam", false, "enforce policies: refuse callers that are not in the account file, and let those "+
		"without policies do nothing")
	f.BoolVar(&s.verify, "verify-signatures", false, "verify the signatures of calls by the secrets of the account "+
		"file's access keys and of sessions")
	f.StringToStringVar(&s.backends, "backend", nil, "servers of this machine behind targets, "+
		"TARGET:PORT=127.0.0.1:PORT, where the target is an address or an instance's id; may be repeated")
	f.StringVar(&s.instance, "metadata-of", "", "id of the instance whose metadata is served under /latest/ (default: "+
		"the first node's)")
	s.trouble.register(f)
	if err := c.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions([]string{"instant", "fast", "real"},
		cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: a mistake in this function
	}
	c.AddCommand(newFactsCommand())
	return c
}

// run serves until ctx ends.
func (s settings) run(ctx context.Context, out, problems io.Writer) (err error) {
	file, err := s.seed()
	if err != nil {
		return err
	}
	profile, err := account.ProfileByName(s.profile)
	if err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	if profile, err = s.trouble.timed(profile); err != nil {
		return err
	}
	if s.latency < 0 {
		return fmt.Errorf("--latency: %s is negative", s.latency)
	}
	if a, err := netip.ParseAddrPort(s.idp); s.idp != "" && (err != nil || !a.Addr().IsLoopback()) {
		return fmt.Errorf("--idp: %q is not an address of this machine alone, such as 127.0.0.1:4581", s.idp)
	}
	if len(file.IAM.Users)+len(file.IAM.Roles) == 0 && (s.iam || s.verify) {
		return errors.New("--iam, --verify-signatures: the account file describes neither users nor roles under iam, so " +
			"nobody could call")
	}
	interval, timeout := checks(profile.Name)
	logger := log.New(problems, "awssim: ", log.LstdFlags)
	sim, err := awssim.New(awssim.Options{
		Seed: &file, Profile: profile, Random: s.trouble.seed, Latency: s.latency, Throttle: s.throttle,
		DataPlane: !s.noDataPlane, DNS: s.dns, LogDirectory: s.logs, Buckets: s.buckets, Logf: logger.Printf,
		IdentityProvider: s.idp,
		HealthInterval:   interval, HealthTimeout: timeout, Enforce: s.iam, Verify: s.verify, Instance: s.instance,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	if err := s.trouble.apply(sim); err != nil {
		return err
	}
	if len(s.backends) > 0 {
		if err := sim.SetBackends(s.backends); err != nil {
			return fmt.Errorf("--backend: %w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("--listen: %w: another simulator, or another program; choose another address, or stop that one",
			err)
	}
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if _, err := io.WriteString(out, welcome(sim, listener.Addr().String())); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serve(ctx, listener, sim.Handler(), logger)
}

// checks are how often targets are checked and for how long, in place of what their groups say, lest people wait for
// minutes until a target that they started is healthy; 0: as the groups say.
func checks(profile string) (interval, timeout time.Duration) {
	switch profile {
	case "instant":
		return 100 * time.Millisecond, time.Second
	case "fast":
		return time.Second, time.Second
	}
	return 0, 0
}

// seed is the account to begin with.
func (s settings) seed() (seed.File, error) {
	file := seed.Default()
	if s.account != "" {
		f, err := os.Open(s.account)
		if err != nil {
			return file, fmt.Errorf("--account: %w", err)
		}
		file, err = seed.Load(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return file, fmt.Errorf("--account: %s: %w", s.account, err)
		}
	}
	if s.region == "" {
		return file, nil
	}
	file, err := file.InRegion(s.region)
	if err != nil {
		return file, fmt.Errorf("--region: %w", err)
	}
	return file, nil
}

// serve serves until ctx ends, then lets calls under way finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, logger *log.Logger) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: logger}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(late); err != nil {
		return errors.Join(fmt.Errorf("calls were still under way after %s", stopTime), server.Close())
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// welcome says what is served where, in lines to paste into a shell.
func welcome(sim *awssim.Simulator, address string) string {
	var b strings.Builder
	url := "http://" + address
	fmt.Fprintf(&b, "# AWS account %s in %s, transitions: %s\n", sim.Account.ID, sim.Account.Region,
		sim.Account.Profile.Name)
	fmt.Fprintf(&b, "# AWS APIs        %s\n# administration  %s/_sim/\n", url, url)
	if dns := sim.DNS(); dns != "" {
		host, port, _ := net.SplitHostPort(dns)
		fmt.Fprintf(&b, "# DNS             %s   (dig @%s -p %s NAME)\n", dns, host, port)
	} else {
		b.WriteString("# no data plane: load balancers do not listen\n")
	}
	if provider := sim.IdentityProvider(); provider != "" {
		fmt.Fprintf(&b, "# sign-in         %s   (its names: %s/_sim/idp)\n", provider, url)
	}
	fmt.Fprintf(&b, "export AWS_ENDPOINT_URL=%s\nexport AWS_REGION=%s AWS_DEFAULT_REGION=%s\n", url, sim.Account.Region,
		sim.Account.Region)
	key := accessKey(sim.Seed())
	fmt.Fprintf(&b, "export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_EC2_METADATA_DISABLED=true\n",
		key.ID, key.Secret)
	return b.String()
}

// accessKey is the first one of the account whose secret is known, else one that is as good as any.
func accessKey(f seed.File) seed.AccessKey {
	for _, u := range f.IAM.Users {
		for _, k := range u.Keys {
			if k.Secret != "" {
				return k
			}
		}
	}
	return seed.AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "simulated"}
}

// version is set by the linker.
var version = "v0.0.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "awssim:", err)
		os.Exit(exitStatus(err))
	}
}
