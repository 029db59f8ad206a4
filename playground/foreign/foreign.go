// Package foreign runs programs that know nothing of the playground: test suites written for EKS, other controllers.
// Their environment, and where permitted their network, lead to the cluster, the account and the load balancers of a
// running playground. It imports packages sandbox and state, and the simulator's client.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/sandbox"
	"github.com/k8s-lbc/lbc/playground/state"
)

// Run runs a command in a network of its own and returns its exit status. In the network, the playground's name server
// answers at port 53, and load balancers listen at their own ports. After Ctrl-C at a terminal, it waits until the
// command has cleaned up.
func Run(ctx context.Context, e state.Endpoints, environ, command []string) (int, error) {
	server, err := netip.ParseAddrPort(e.DNS)
	if err != nil {
		return 0, fmt.Errorf("the playground has no name server: %w", err)
	}
	fixed, err := parts(e)
	if err != nil {
		return 0, err
	}
	client := simclient.New(e.Simulator, nil)
	return sandbox.Run(ctx, sandbox.Options{
		Command: command, Environ: e.Environ(withoutProxies(environ)), Stdin: os.Stdin, Stdout: os.Stdout, Err: os.Stderr,
		NameServer: server, Fixed: fixed, Heard: func() bool { return heard(ctx, atTerminal()) },
		Forwards: func(ctx context.Context) ([]sandbox.Forward, error) {
			all, err := client.Topology(ctx)
			return listeners(all), err
		},
	})
}

// RunWithVariables runs a command with the playground's variables only, and returns its exit status.
func RunWithVariables(ctx context.Context, e state.Endpoints, environ, command []string) (int, error) {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = e.Environ(environ)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Cancel = func() error {
		if heard(ctx, atTerminal()) {
			return nil
		}
		return c.Process.Signal(os.Interrupt)
	}
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode(), nil
	case err != nil && c.ProcessState != nil && c.ProcessState.Success(): // it has ended well after a signal
		return 0, nil
	case err != nil && c.ProcessState == nil:
		text, status := sandbox.NotStarted(command[0], err)
		fmt.Fprintln(os.Stderr, "playground exec:", text)
		return status, nil
	}
	return 0, err
}

// withoutProxies is an environment without proxies, which a network of its own does not reach.
func withoutProxies(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}, strings.ToUpper(name))
	})
}

// heard reports whether a context has ended by Ctrl-C at a terminal, which sends the signal to the command, too. A
// second signal would end a test suite before it has cleaned up.
func heard(ctx context.Context, terminal bool) bool {
	cause := context.Cause(ctx)
	return terminal && cause != nil && cause.Error() == os.Interrupt.String()+" signal received"
}

// atTerminal reports whether this process has a terminal.
func atTerminal() bool {
	return slices.ContainsFunc([]*os.File{os.Stdin, os.Stdout, os.Stderr}, func(f *os.File) bool {
		return term.IsTerminal(int(f.Fd()))
	})
}

// parts are the API server, the AWS API, and what serves the other commands of the playground, at their own addresses.
func parts(e state.Endpoints) ([]sandbox.Forward, error) {
	var out []sandbox.Forward
	for _, text := range []string{e.APIServer, e.Simulator, e.Control} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		at, err := netip.ParseAddrPort(u.Host)
		if err != nil || !at.Addr().IsLoopback() {
			return nil, fmt.Errorf("%s is not an address of loopback, and a network of its own has no other: start the "+
				"playground without --aws-listen, or add --names none", text)
		}
		out = append(out, sandbox.Forward{Network: "tcp", At: at, To: at})
	}
	return out, nil
}

// listeners are those of load balancers and accelerators: at their own ports, whatever this machine permitted.
func listeners(all []simclient.Endpoint) []sandbox.Forward {
	var out []sandbox.Forward
	for _, lb := range all {
		for _, l := range lb.Listeners {
			if !lb.Address.IsValid() || !l.Address.IsValid() {
				continue
			}
			at := netip.AddrPortFrom(lb.Address, uint16(l.Port))
			if l.Protocol != "UDP" && l.Protocol != "QUIC" {
				out = append(out, sandbox.Forward{Network: "tcp", At: at, To: l.Address})
			}
			// TCP_QUIC is both; of TCP_UDP there is one of each
			if l.Protocol == "UDP" || strings.HasSuffix(l.Protocol, "QUIC") {
				out = append(out, sandbox.Forward{Network: "udp", At: at, To: l.Address})
			}
		}
	}
	return out
}
