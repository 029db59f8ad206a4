package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// start runs the command; it returns the variables that it prints, and what stops it and waits for its end.
func start(t *testing.T, args ...string) (exports map[string]string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, in := io.Pipe()
	c := newCommand()
	c.SetArgs(append([]string{"--listen", "127.0.0.1:0"}, args...))
	c.SetOut(in)
	c.SetErr(io.Discard)
	done := make(chan error, 1)
	go func() {
		err := c.ExecuteContext(ctx)
		done <- err
		_ = in.CloseWithError(err) // ends the scan below if the command fails early
	}()
	exports = map[string]string{}
	lines := bufio.NewScanner(out)
	for exports["AWS_ACCESS_KEY_ID"] == "" && lines.Scan() {
		for _, word := range strings.Fields(lines.Text()) {
			if k, v, ok := strings.Cut(word, "="); ok {
				exports[k] = v
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return exports, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestTheCommandServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"with a data plane": {"--backend", "10.0.128.10:8080=127.0.0.1:9000,i-0a1de0000000000b1:80=127.0.0.1:9001"},
		"APIs only": {"--no-data-plane", "--profile", "instant", "--region", "eu-central-1", "--latency", "1ms", "--throttle",
			"--iam", "--verify-signatures",
			"--quota", "vpcs=7,subnets-per-vpc=8", "--timing", "draining=3s", "--stale", "2s", "--fault",
			`{"id":"f","kind":"denied","service":"shield"}`, "--trouble", `{"pageSize":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			exports, stop := start(t, args...)
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := simclient.New(exports["AWS_ENDPOINT_URL"], &http.Client{Transport: transport})
			settings, err := client.Settings(ctx)
			if err != nil {
				t.Fatal(err)
			}
			dataPlane := name == "with a data plane"
			if settings.DataPlane != dataPlane || (settings.DNS != "") != dataPlane {
				t.Errorf("settings are %+v", settings)
			}
			if !dataPlane && (exports["AWS_REGION"] != "eu-central-1" || !settings.Throttle || settings.Latency != "1ms" ||
				settings.Profile != "instant") {
				t.Errorf("exports are %v, settings %+v", exports, settings)
			}
			if !dataPlane {
				checkTrouble(t, client)
			} else if backends, err := client.Backends(ctx); err != nil || len(backends) != 2 || backends["10.0.128.10:8080"] !=
				"127.0.0.1:9000" {
				t.Errorf("backends are %v, %v", backends, err)
			}
			transport.CloseIdleConnections()
			stop()
		})
	}
}

func TestHealthChecksKeepUpWithTheProfile(t *testing.T) {
	t.Parallel()
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	exports, stop := start(t, "--profile", "instant", "--backend", "10.0.128.77:8080="+at)
	defer stop()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	balancing := elb.New(elb.Options{
		Region: exports["AWS_REGION"], BaseEndpoint: aws.String(exports["AWS_ENDPOINT_URL"]), HTTPClient: &http.Client{
			Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"],
			""),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 28*time.Second)
	defer cancel()
	tg, err := balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: "HTTP",
		Port: aws.Int32(8080), TargetType: "ip", VpcId: aws.String("vpc-0a1de000000000001")})
	if err != nil {
		t.Fatal(err)
	}
	arn := tg.TargetGroups[0].TargetGroupArn
	lb, err := balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{
		"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := balancing.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: "HTTP", Port: aws.Int32(80),
		DefaultActions: []types.Action{{Type: "forward", TargetGroupArn: arn}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := balancing.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: arn,
		Targets: []types.TargetDescription{{Id: aws.String("10.0.128.77")}}}); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "the target is unhealthy", func() bool {
		h, err := balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: arn})
		if err != nil {
			t.Fatal(err) // out of time: the group's own interval is 30 s
		}
		return h.TargetHealthDescriptions[0].TargetHealth.State == "unhealthy"
	})
}

// checkTrouble checks that the flags of the test below /_sim/ are in force.
func checkTrouble(t *testing.T, client *simclient.Client) {
	t.Helper()
	ctx := t.Context()
	quotas, err := client.Quotas(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quotas {
		if want, set := map[string]int{"vpcs": 7, "subnets-per-vpc": 8}[q.Name]; set && q.Value != want || !set &&
			q.Value != q.Default {
			t.Errorf("quota %+v", q)
		}
	}
	timings, err := client.Timings(ctx)
	if err != nil || timings["draining"] != "3s" || timings["compute-tagged"] != "2s" ||
		timings["load-balancer-active"] != "0s" {
		t.Errorf("timings %v, %v", timings, err)
	}
	faults, err := client.Faults(ctx)
	if err != nil || len(faults) != 1 || faults[0].Rule.Kind != "denied" {
		t.Errorf("faults %+v, %v", faults, err)
	}
	if trouble, err := client.Trouble(ctx); err != nil || trouble.PageSize != 1 {
		t.Errorf("trouble %+v, %v", trouble, err)
	}
}

func TestAMistakeInTheFlagsIsNamed(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("acount: \"123456789012\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"profile":         {[]string{"--profile", "slow"}, "--profile"},
		"account missing": {[]string{"--account", bad + "x"}, "--account"},
		"account wrong":   {[]string{"--account", bad}, "acount"},
		"region":          {[]string{"--region", "mars"}, "--region"},
		"listen":          {[]string{"--listen", "nowhere", "--no-data-plane"}, "--listen"},
		"quota":           {[]string{"--quota", "lunches=1", "--no-data-plane"}, "--quota"},
		"timing":          {[]string{"--timing", "lunch=1s"}, "--timing"},
		"timing's value":  {[]string{"--timing", "draining=long"}, "--timing"},
		"stale":           {[]string{"--stale", "-1s"}, "--stale"},
		"lag chance":      {[]string{"--lag-chance", "1.5"}, "--lag-chance"},
		"fault":           {[]string{"--fault", `{"kind":"hungry"}`, "--no-data-plane"}, "--fault"},
		"fault's fields":  {[]string{"--fault", `{"lunch":true}`, "--no-data-plane"}, "--fault"},
		"trouble":         {[]string{"--trouble", `{"zonesOut":["mars-1a"]}`, "--no-data-plane"}, "--trouble"},
		"latency":         {[]string{"--latency", "-1s"}, "--latency"},
		"idp":             {[]string{"--idp", "0.0.0.0:4581"}, "--idp"},
		"backend":         {[]string{"--backend", "10.0.128.10:80=192.0.2.1:80"}, "--backend"},
		"arguments":       {[]string{"serve"}, "serve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := newCommand()
			c.SetArgs(tt.args)
			c.SetOut(&out)
			c.SetErr(&out)
			if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that names %s", err, tt.want)
			}
		})
	}
}

func TestFlagsSetHowOftenAndHowLongReadsLag(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args   []string
		listed time.Duration
		chance float64
	}{
		{nil, 2 * time.Second, account.DefaultLagChance},
		{[]string{"--lag-chance", "0.5"}, 2 * time.Second, 0.5},
		{[]string{"--lag-chance", "0"}, 0, 0},
		{[]string{"--stale", "0s"}, 0, 0},
		{[]string{"--stale", "7s"}, 7 * time.Second, 0}, // 0: every write
		{[]string{"--timing", "balancing-listed=3s"}, 3 * time.Second, account.DefaultLagChance},
	} {
		var f troubleFlags
		set := pflag.NewFlagSet("awssim", pflag.ContinueOnError)
		f.register(set)
		if err := set.Parse(tt.args); err != nil {
			t.Fatal(err)
		}
		p, err := f.timed(account.Real())
		if err != nil || p.BalancingListed != tt.listed || p.LagChance != tt.chance {
			t.Errorf("%v: lists lag by %s with chance %g, %v; want %s with %g", tt.args, p.BalancingListed, p.LagChance, err,
				tt.listed, tt.chance)
		}
	}
}
