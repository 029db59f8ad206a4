//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dns"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// probeVariable has this test binary be the command of a sandbox: it does what its arguments say, and prints what it
// finds.
const probeVariable = "SANDBOX_PROBE"

func TestMain(m *testing.M) {
	switch {
	case Inside():
		os.Exit(Main())
	case os.Getenv(probeVariable) != "":
		os.Exit(probe(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// probe does one thing.
func probe(args []string) int {
	switch args[0] {
	case "get":
		client := http.Client{Timeout: 2 * time.Minute}
		resp, err := client.Get(args[1])
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer resp.Body.Close()
		_, _ = io.Copy(os.Stdout, resp.Body)
	case "ask":
		c, err := net.Dial("udp", args[1])
		if err != nil {
			fmt.Println(err)
			return 1
		}
		_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
		_, _ = io.WriteString(c, "hello")
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		fmt.Println(string(buf[:n]), err)
	case "until": // a URL answers a text
		for {
			if body, err := fetch(args[1]); err == nil && body == args[2] {
				fmt.Println(body)
				return 0
			}
		}
	case "occupy": // an address, until a URL has answered; then it asks the address
		l, err := net.Listen("tcp", args[1])
		if err != nil {
			fmt.Println(err)
			return 1
		}
		_, _ = fetch(args[2])
		_ = l.Close()
		return probe([]string{"until", "http://" + args[1] + "/", "served"})
	case "exit":
		return 7
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "wait":
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		_, _ = http.Get(args[1]) // it runs
		<-terminated
		return 9
	}
	return 0
}

// fetch returns what a URL answers.
func fetch(url string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// run runs the probe and returns its status and what it printed.
func run(ctx context.Context, t *testing.T, o Options, args ...string) (int, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if o.Command == nil {
		o.Command = append([]string{self}, args...)
	}
	o.Environ, o.Stdout, o.Err = append(os.Environ(), probeVariable+"=1"), out, out
	status, err := Run(ctx, o)
	var not *NotPermittedError
	if errors.As(err, &not) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return status, string(content)
}

// names answers each name with an address, and calls asked before.
func names(t *testing.T, address string, asked func()) netip.AddrPort {
	t.Helper()
	s, err := dns.Listen(dns.Options{Answer: func(q dns.Question) dns.Answer {
		asked()
		if q.Type != "A" {
			return dns.Answer{Authoritative: true}
		}
		return dns.Answer{Authoritative: true, Records: []dns.Record{{Name: q.Name, Type: "A", TTL: 1, Value: address}}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Address()
}

// served is an HTTP server of this machine that answers a text.
func served(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

func TestACommandResolvesNamesAndReachesLowPorts(t *testing.T) {
	t.Parallel()
	target := served(t, "answered")
	o := Options{
		NameServer: names(t, "127.64.0.1", func() {}),
		Forwards: func(context.Context) ([]Forward, error) {
			return []Forward{{"tcp", netip.MustParseAddrPort("127.64.0.1:80"), target}}, nil
		},
	}
	if status, out := run(t.Context(), t, o, "get", "http://web-1.us-west-2.elb.amazonaws.com/"); status != 0 ||
		out != "answered" {
		t.Errorf("status %d, %q", status, out)
	}
}

// TestAnAddressIsOpenBeforeItsNameResolves: a load balancer may have appeared since the last look.
func TestAnAddressIsOpenBeforeItsNameResolves(t *testing.T) {
	t.Parallel()
	target := served(t, "new")
	var looks atomic.Int32
	o := Options{
		NameServer: names(t, "127.64.0.2", func() {}),
		Forwards: func(context.Context) ([]Forward, error) {
			if looks.Add(1) == 1 {
				return nil, nil
			}
			return []Forward{{"tcp", netip.MustParseAddrPort("127.64.0.2:443"), target}}, nil
		},
	}
	if status, out := run(t.Context(), t, o, "get", "http://new.example.com:443/"); status != 0 || out != "new" {
		t.Errorf("status %d, %q", status, out)
	}
}

func TestDatagramsAreCarriedBothWays(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(append([]byte("got "), buf[:n]...), from)
		}
	}()
	o := Options{NameServer: names(t, "127.64.0.3", func() {}), Fixed: []Forward{
		{"udp", netip.MustParseAddrPort("127.64.0.3:53"), netip.MustParseAddrPort(server.LocalAddr().String())},
	}}
	if status, out := run(t.Context(), t, o, "ask", "127.64.0.3:53"); status != 0 || !strings.HasPrefix(out, "got hello") {
		t.Errorf("status %d, %q", status, out)
	}
}

func TestACommandReachesNothingElse(t *testing.T) {
	t.Parallel()
	target := served(t, "of this machine")
	o := Options{NameServer: names(t, "127.64.0.1", func() {})}
	for _, address := range []string{target.String(), "192.0.2.1:80"} {
		if status, out := run(t.Context(), t, o, "get", "http://"+address+"/"); status == 0 {
			t.Errorf("%s is reached: %q", address, out)
		}
	}
}

// TestListenersAtPort53Close: only the name server's socket stays.
func TestListenersAtPort53Close(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("127.64.0.5:53")
	var target atomic.Pointer[Forward]
	after := &Forward{"tcp", at, served(t, "second")}
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		target.Store(after)
		_, _ = io.WriteString(w, "first")
	}))
	t.Cleanup(first.Close)
	target.Store(&Forward{"tcp", at, netip.MustParseAddrPort(first.Listener.Addr().String())})
	o := Options{
		NameServer: names(t, "127.64.0.5", func() {}),
		Forwards:   func(context.Context) ([]Forward, error) { return []Forward{*target.Load()}, nil },
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if status, out := run(ctx, t, o, "until", "http://"+at.String()+"/", "second"); status != 0 {
		t.Errorf("status %d, %q", status, out)
	}
}

// TestSilentNameServerIsReported: the command gets an error at once, and the user learns why.
func TestSilentNameServerIsReported(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{NameServer: netip.MustParseAddrPort(closed.LocalAddr().String())}
	_ = closed.Close()
	status, out := run(t.Context(), t, o, "get", "http://web-1.us-west-2.elb.amazonaws.com/")
	if status != 1 || !strings.Contains(out, "server misbehaving") || strings.Count(out, "playground exec: the "+
		"playground's name server does not answer, so no name resolves: ") != 1 {
		t.Errorf("status %d, %q", status, out)
	}
}

// TestPortOfTheCommandIsReported: a server of the command has the port of a load balancer, and ends.
func TestPortOfTheCommandIsReported(t *testing.T) {
	t.Parallel()
	balancer := Forward{"tcp", netip.MustParseAddrPort("127.64.0.6:80"), served(t, "served")}
	var taken atomic.Bool
	looks := make(chan struct{})
	control := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		taken.Store(true)
		<-looks // that has the balancer
		<-looks // that follows: the first one is over
	}))
	t.Cleanup(control.Close)
	at := netip.MustParseAddrPort(control.Listener.Addr().String())
	o := Options{
		NameServer: names(t, "127.64.0.6", func() {}), Fixed: []Forward{{"tcp", at, at}},
		Forwards: func(context.Context) ([]Forward, error) {
			if !taken.Load() {
				return nil, nil
			}
			select {
			case looks <- struct{}{}:
			default:
			}
			return []Forward{balancer}, nil
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	status, out := run(ctx, t, o, "occupy", balancer.At.String(), control.URL)
	if status != 0 || strings.Count(out, "playground exec: the load balancer at tcp 127.64.0.6:80 is not reachable: a "+
		"server of the command has this port: end that server, or give it another port\n") != 1 {
		t.Errorf("status %d, %q", status, out)
	}
}

// TestPlaygroundThatEndsIsReported once, after some looks in a row.
func TestPlaygroundThatEndsIsReported(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	over := make(chan struct{})
	control := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(control.Close)
	at := netip.MustParseAddrPort(control.Listener.Addr().String())
	o := Options{
		NameServer: names(t, "127.64.0.7", func() {}), Fixed: []Forward{{"tcp", at, at}},
		Forwards: func(context.Context) ([]Forward, error) {
			if looks.Add(1) == 2*failures {
				close(over)
			}
			return nil, errors.New("connection refused")
		},
	}
	const told = "playground exec: the playground does not answer, so the command does not reach new load balancers: " +
		"connection refused."
	if status, out := run(t.Context(), t, o, "get", control.URL); status != 0 || strings.Count(out, told) != 1 {
		t.Errorf("status %d, %q", status, out)
	}
}

func TestTheStatusIsThatOfTheCommand(t *testing.T) {
	t.Parallel()
	o := Options{NameServer: names(t, "127.64.0.1", func() {})}
	for arg, want := range map[string]int{"exit": 7, "kill": 128 + 9, "nothing": 0} {
		if status, out := run(t.Context(), t, o, arg); status != want {
			t.Errorf("%s: status %d, want %d: %s", arg, status, want, out)
		}
	}
	o.Command = []string{"no-such-program"}
	if status, out := run(t.Context(), t, o); status != 127 || !strings.Contains(out, "no-such-program") {
		t.Errorf("no such program: status %d, %q", status, out)
	}
}

func TestTheEndOfTheContextTerminatesTheCommand(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	t.Cleanup(running.Close)
	at := netip.MustParseAddrPort(running.Listener.Addr().String())
	o := Options{NameServer: names(t, "127.64.0.1", func() {}), Fixed: []Forward{{"tcp", at, at}}}
	if status, out := run(ctx, t, o, "wait", running.URL); status != 9 {
		t.Errorf("status %d: %s", status, out)
	}
}

// TestHeardSignalIsNotSentAgain: what a terminal sends to the command, too, ends it in its own time.
func TestHeardSignalIsNotSentAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan struct{})
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		<-asked
		_, _ = io.WriteString(w, "cleaned up")
	}))
	t.Cleanup(running.Close)
	at := netip.MustParseAddrPort(running.Listener.Addr().String())
	o := Options{NameServer: names(t, "127.64.0.1", func() {}), Fixed: []Forward{{"tcp", at, at}},
		Heard: sync.OnceValue(func() bool { close(asked); return true })}
	if status, out := run(ctx, t, o, "get", running.URL); status != 0 || out != "cleaned up" {
		t.Errorf("status %d: %s", status, out)
	}
}

// TestMissingPermissionIsToldInWords has what a kernel says that permits no namespace, or no more of them.
func TestMissingPermissionIsToldInWords(t *testing.T) {
	t.Parallel()
	for cause, want := range map[syscall.Errno]string{
		syscall.EPERM: "this machine permits no separate network for the command: operation not permitted",
		syscall.ENOSPC: "this machine permits no separate network for the command: no space left on device (the sysctls " +
			"user.max_user_namespaces and user.max_net_namespaces limit their number)",
	} {
		err := &NotPermittedError{&os.PathError{Op: "fork/exec", Path: "/bin/playground", Err: cause}}
		if err.Error() != want {
			t.Errorf("%s", err)
		}
	}
}

// TestNoDescriptorsAreLeft: what was open for a command is closed after it.
func TestNoDescriptorsAreLeft(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	target := served(t, "answered")
	o := Options{NameServer: names(t, "127.64.0.1", func() {}), Fixed: []Forward{
		{"tcp", netip.MustParseAddrPort("127.64.0.1:80"), target}}}
	run(t.Context(), t, o, "get", "http://127.64.0.1/")
	before := count()
	for range 3 {
		run(t.Context(), t, o, "get", "http://127.64.0.1/")
	}
	await.Until(t, "descriptors are closed", func() bool { return count() <= before })
}
