package controlplane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// child is the first argument of this test binary where it is the child of a control plane, and parent where it starts
// one.
const child, parent = "child", "parent"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case child:
			answer(os.Args[2])
			os.Exit(0)
		case parent:
			startAndStay(os.Args[2])
		}
	}
	os.Exit(m.Run())
}

// behaving is the program of a child that behaves in a way.
func behaving(way string) []string { return []string{os.Args[0], child, way} }

// answer is a child without a control plane: it answers requests in its way.
func answer(way string) {
	out := json.NewEncoder(os.Stdout)
	send := func(m Message) {
		if err := out.Encode(m); err != nil {
			panic(err)
		}
	}
	for in := json.NewDecoder(os.Stdin); ; {
		var r Request
		if in.Decode(&r) != nil {
			return
		}
		m := Message{ID: r.ID}
		switch {
		case r.Action == ActionCancel:
			m.Error = "not ready: interrupted"
		case r.Action != ActionStart:
			fmt.Fprintln(os.Stderr, "out of memory")
			os.Exit(3)
		case way == "silent":
			send(Message{Progress: "etcd"})
			continue
		case way == "refuses":
			m.Error = "start etcd (log there): no room"
		case way == "fails":
			m.Address = "127.0.0.1:1"
			send(m)
			send(Message{Failed: "kube-scheduler ended: no reason"})
			m = Message{Failed: "etcd ended: later"}
		default:
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				panic(err)
			}
			m.Address = l.Addr().String()
		}
		send(m)
	}
}

// startAndStay is a parent that prints the address of its control plane, and stays until it is killed.
func startAndStay(dir string) {
	cp, err := Start(context.Background(), Options{Program: behaving(""), Dir: dir})
	if err != nil {
		panic(err)
	}
	fmt.Println(cp.Address())
	select {}
}

func TestAChildThatDoesNotStartIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		program []string
		want    string
	}{
		{nil, "start the control plane: no program runs it"},
		{[]string{"/no/program"}, "start the control plane: start /no/program: "},
		{[]string{"/bin/sh", "-c", "echo broken >&2; exit 3"}, "start the control plane: /bin/sh ended: exit status 3; the " +
			"end of its log ("},
		{behaving("refuses"), "start etcd (log there): no room"},
	} {
		_, err := Start(t.Context(), Options{Program: c.program, Dir: t.TempDir()})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: the error is %v, want %q", c.program, err, c.want)
		}
	}
}

func TestACancelledStartIsAnError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Start(ctx, Options{Program: behaving("silent"), Dir: t.TempDir(),
		Progress: func(string, time.Duration) { cancel() }})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not ready: interrupted") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheEndOfAChildIsReported(t *testing.T) {
	t.Parallel()
	cp, err := Start(t.Context(), Options{Program: behaving(""), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Stop()
	if err := cp.Failed(); err != nil {
		t.Errorf("it runs, and has failed: %v", err)
	}
	for _, got := range []error{cp.RestartAPIServer(t.Context()), cp.PauseAPIServer(), cp.Failed()} {
		for _, want := range []string{"control plane", "exit status 3", "out of memory", cp.LogPath("apiserver")} {
			if got == nil || !strings.Contains(got.Error(), want) {
				t.Errorf("the error is %v, want %q in it", got, want)
			}
		}
	}
	cp.Stop()
	cp.Stop() // as often as one likes
	if err := cp.PauseAPIServer(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after the stop: %v", err)
	}
}

func TestAComponentThatEndsIsAFailure(t *testing.T) {
	t.Parallel()
	cp, err := Start(t.Context(), Options{Program: behaving("fails"), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Stop()
	await.Until(t, "the failure", func() bool { return cp.Failed() != nil })
	if got, want := cp.Failed().Error(), "kube-scheduler ended: no reason"; got != want {
		t.Errorf("the failure is %q, want %q", got, want)
	}
}

func TestNothingIsLeftOfAParentThatWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], parent, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	listens := func() bool {
		c, err := net.Dial("tcp", strings.TrimSpace(line))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	if !listens() {
		t.Fatalf("the child does not listen at %s", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	await.Until(t, "the child has ended", func() bool { return !listens() })
}
