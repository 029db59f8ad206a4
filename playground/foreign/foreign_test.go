package foreign

import (
	"context"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/sandbox"
	"github.com/k8s-lbc/lbc/playground/state"
)

func TestListenersAreOpenAtTheirOwnPorts(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	ip := netip.MustParseAddr("127.64.0.1")
	got := listeners([]simclient.Endpoint{
		{Address: ip, Listeners: []simclient.ListenerAddr{
			{Port: 80, Protocol: "HTTP", Address: at("127.64.0.1:8080")},
			{Port: 53, Protocol: "TCP", Address: at("127.64.0.1:8053")},
			{Port: 53, Protocol: "UDP", Address: at("127.64.0.1:8054")},
			{Port: 444, Protocol: "QUIC", Address: at("127.64.0.1:8444")}, {Port: 81, Protocol: "HTTP"},
		}},
		{Listeners: []simclient.ListenerAddr{{Port: 80, Protocol: "HTTP"}}}, // it listens nowhere
	})
	want := []sandbox.Forward{
		{Network: "tcp", At: at("127.64.0.1:80"), To: at("127.64.0.1:8080")},
		{Network: "tcp", At: at("127.64.0.1:53"), To: at("127.64.0.1:8053")},
		{Network: "udp", At: at("127.64.0.1:53"), To: at("127.64.0.1:8054")},
		{Network: "udp", At: at("127.64.0.1:444"), To: at("127.64.0.1:8444")},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestPartsMustBeOnLoopback(t *testing.T) {
	t.Parallel()
	got, err := parts(state.Endpoints{APIServer: "https://127.0.0.1:6443", Simulator: "http://127.0.0.1:4580"})
	if err != nil || len(got) != 2 || got[0].At.Port() != 6443 || got[1].To.Port() != 4580 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parts(state.Endpoints{Simulator: "http://192.0.2.1:4580"}); err == nil || !strings.Contains(err.Error(),
		"--names none") {
		t.Errorf("another machine: %v", err)
	}
}

func TestVariablesReachTheCommand(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out")
	e := state.Endpoints{Kubeconfig: "/k", Simulator: "http://127.0.0.1:1", Region: "us-west-2", VPC: "vpc-1",
		Cluster: "demo"}
	script := `echo "$KUBECONFIG $AWS_ENDPOINT_URL $AWS_REGION $VPC_ID $CLUSTER_NAME ${AWS_PROFILE-unset}" >` +
		file + `; exit 5`
	status, err := RunWithVariables(t.Context(), e, append(os.Environ(), "AWS_PROFILE=mine"), []string{"sh", "-c", script})
	if err != nil || status != 5 {
		t.Errorf("status %d, %v", status, err)
	}
	if content, err := os.ReadFile(file); err != nil ||
		string(content) != "/k http://127.0.0.1:1 us-west-2 vpc-1 demo unset\n" {
		t.Errorf("%q, %v", content, err)
	}
	for command, want := range map[string]int{"no-such-program": 127, "/no/such/program": 127, t.TempDir(): 126} {
		if status, err := RunWithVariables(t.Context(), e, os.Environ(), []string{command}); status != want || err != nil {
			t.Errorf("%s: %d, %v", command, status, err)
		}
	}
}

// TestInterruptsOfTerminalsAreNotSentAgain has contexts as signals end them.
func TestInterruptsOfTerminalsAreNotSentAgain(t *testing.T) {
	for _, c := range []struct {
		signal         syscall.Signal
		terminal, want bool
	}{{syscall.SIGINT, true, true}, {syscall.SIGINT, false, false}, {syscall.SIGTERM, true, false}} {
		ctx, stop := signal.NotifyContext(t.Context(), c.signal)
		if heard(ctx, true) {
			t.Error("before a signal")
		}
		if err := syscall.Kill(os.Getpid(), c.signal); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		if got := heard(ctx, c.terminal); got != c.want {
			t.Errorf("%s, terminal %t: %t (%v)", c.signal, c.terminal, got, context.Cause(ctx))
		}
		stop()
	}
}

func TestProxiesDoNotReachASeparateNetwork(t *testing.T) {
	t.Parallel()
	got := withoutProxies([]string{"PATH=/bin", "http_proxy=http://proxy:3128", "HTTPS_PROXY=http://proxy:3128",
		"A=NO_PROXY"})
	if want := []string{"PATH=/bin", "A=NO_PROXY"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
