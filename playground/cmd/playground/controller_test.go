package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/state"
)

// controlled is an environment whose controller is a number. A start that is given a name of sick never gets healthy.
type controlled struct {
	binary string
	pid    int
	starts int
	args   []string
	failed error

	replicas int // 0: one, if it runs
	paused   bool
	snapshot bool
	dead     string // a node
}

func (c *controlled) ControllerReplicas() int {
	if c.pid == 0 {
		return 0
	}
	return max(c.replicas, 1)
}

func (c *controlled) KillLeader(context.Context) (int, error) {
	pid := c.pid
	if c.pid = 0; c.replicas > 1 {
		c.pid = pid + 1000
	}
	return pid, nil
}

func (c *controlled) UpgradeController(ctx context.Context, path string) error {
	c.binary = path
	return c.RunController(ctx)
}

func (*controlled) RestartAPIServer(context.Context) error { return nil }

func (c *controlled) PauseAPIServer() error {
	if c.paused {
		return errors.New("the API server is paused already")
	}
	c.paused = true
	return nil
}

func (c *controlled) ResumeAPIServer() error {
	c.paused = false
	return nil
}

func (*controlled) CutAPIServer() {}

func (c *controlled) SnapshotEtcd() error {
	c.snapshot = true
	return nil
}

func (c *controlled) RestoreEtcd(context.Context) error {
	if !c.snapshot {
		return errors.New("there is no snapshot")
	}
	return nil
}

func (c *controlled) KillNode(name string) error {
	if name != "a" && name != "b" {
		return fmt.Errorf("no node %q; there are: a, b", name)
	}
	c.dead = name
	return nil
}

func (c *controlled) ReviveNode(context.Context, string) error {
	c.dead = ""
	return nil
}

func (c *controlled) UseController(path string) error { c.binary = path; return nil }
func (c *controlled) StopController()                 { c.pid, c.failed = 0, nil }
func (c *controlled) ControllerPID() int              { return c.pid }
func (c *controlled) ControllerMetrics() string {
	return fmt.Sprintf("http://127.0.0.1:%d/metrics", c.pid)
}
func (c *controlled) ControllerFailed() error { return c.failed }

func (c *controlled) RunController(ctx context.Context, args ...string) error {
	if c.binary == "" {
		return errors.New("no binary")
	}
	c.starts++
	c.pid, c.args = 100+c.starts, args
	if len(args) > 0 && args[0] == "--sick" {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// open is a playground that runs in this process, and the command line for it.
func open(t *testing.T, env *controlled) (dir state.Dir, run func(args ...string) string) {
	t.Helper()
	dir = state.Dir(filepath.Join(t.TempDir(), "state"))
	lock, err := dir.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lock.Release)
	end, err := serveOrders(env, &description{dir: dir, endpoints: state.Endpoints{
		PID: os.Getpid(), Simulator: "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return dir, func(args ...string) string {
		var out bytes.Buffer
		root := newRoot()
		root.SetArgs(append([]string{"--state-dir", string(dir)}, args...))
		root.SetOut(&out)
		if err := root.ExecuteContext(t.Context()); err != nil {
			return "error: " + err.Error()
		}
		return out.String()
	}
}

func TestTheControllerIsStoppedAndStartedAlone(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	env := &controlled{binary: "usual", pid: 100}
	dir, run := open(t, env)
	for _, tt := range []struct {
		command, want string
		pid           int
		binary, args  string
	}{
		{"start", "error: the controller is already running (process 100); replace it with \"playground controller restart\"",
			100, "usual", ""},
		{"stop", "The controller has stopped", 0, "usual", ""},
		{"stop", "error: the controller is not running; start it with \"playground controller start\"", 0, "usual", ""},
		{"start --controller-arg=--a --controller-arg=--b=c",
			"The controller is running: process 101, metrics at http://127.0.0.1:101/metrics", 101, "usual", "--a --b=c"},
		{"restart", "The controller is running: process 102", 102, "usual", ""},
		{"restart --controller " + other, "The controller is running: process 103", 103, other, ""},
		{"restart --controller " + other + ".gone", "error: the controller's binary " + other + ".gone does not exist",
			103, other, ""},
		{"restart --timeout 3s --controller-arg=--sick",
			"error: the controller is not healthy after 3s (--timeout); \"playground logs controller\"", 104, other, "--sick"},
		{"restart", "The controller is running: process 105", 105, other, ""},
		{"kill", "Process 105 of the controller was killed. The cluster and the account keep running", 0, other, ""},
		{"kill", "error: the controller is not running", 0, other, ""},
		{"start", "The controller is running: process 106", 106, other, ""},
		{"upgrade", "error: playground controller upgrade needs the path of a binary", 106, other, ""},
		{"upgrade " + other + ".gone", "error: the controller's binary " + other + ".gone does not exist", 106, other, ""},
		{"upgrade " + other, "The controller is running: process 107", 107, other, ""},
	} {
		got := run(append([]string{"controller"}, strings.Fields(tt.command)...)...)
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
		// which is long enough for the order to arrive; the order ends a moment after the command, and the next one waits for
		// it
		if strings.Contains(tt.command, "--timeout") {
			continue
		}
		if env.pid != tt.pid || env.binary != tt.binary || strings.Join(env.args, " ") != tt.args && tt.pid != 0 &&
			tt.args != "" {
			t.Errorf("%s: %+v, want %+v", tt.command, env, tt)
		}
		if e, err := dir.Running(); err != nil || e.Controller != tt.pid && !strings.HasPrefix(tt.want, "error") {
			t.Errorf("%s: written is process %d, want %d; %v", tt.command, e.Controller, tt.pid, err)
		}
	}
}

func TestAControllerThatEndedByItselfIsStartedAgain(t *testing.T) {
	t.Parallel()
	env := &controlled{binary: "usual", pid: 100, failed: errors.New("signal: killed")}
	_, run := open(t, env)
	if got := run("controller", "start"); !strings.Contains(got, "process 101") || env.failed != nil {
		t.Errorf("%s, %v", got, env.failed)
	}
	env.failed = errors.New("signal: killed")
	if got := run("controller", "stop"); !strings.HasPrefix(got, "error: the controller is not running") {
		t.Error(got)
	}
}

func TestAPlaygroundWithoutAControllerNamesTheCommandThatBuildsIt(t *testing.T) {
	t.Parallel()
	_, run := open(t, &controlled{})
	if got := run("controller", "start"); got != "error: no binary" {
		t.Error(got)
	}
}

func TestAPlaygroundThatStillStartsReportsThat(t *testing.T) {
	t.Parallel()
	dir := state.Dir(filepath.Join(t.TempDir(), "state"))
	lock, err := dir.Take()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	for _, e := range []state.Endpoints{{PID: 1}, {PID: 1, Simulator: "http://127.0.0.1:1"}} {
		if err := dir.Write(e); err != nil {
			t.Fatal(err)
		}
		root := newRoot()
		root.SetArgs([]string{"--state-dir", string(dir), "controller", "restart"})
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "still starting") {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestTheLeaderOfReplicasIsKilledAndAnotherOneRuns(t *testing.T) {
	t.Parallel()
	env := &controlled{binary: "usual", pid: 100, replicas: 2}
	dir, run := open(t, env)
	if got := run("controller", "kill"); !strings.HasPrefix(got,
		"Process 100, which led, was killed. Another replica takes over") {
		t.Error(got)
	}
	if e, err := dir.Running(); err != nil || e.Controller != 1100 || e.Replicas != 2 {
		t.Errorf("written are process %d and %d replicas, %v", e.Controller, e.Replicas, err)
	}
}

func TestTheAPIServerAndNodesAreBrokenFromAnotherTerminal(t *testing.T) {
	t.Parallel()
	env := &controlled{binary: "usual", pid: 100}
	dir, run := open(t, env)
	for _, tt := range []struct{ command, want string }{
		{"apiserver restart", "The API server has restarted."},
		{"apiserver pause", "The API server is paused"},
		{"apiserver pause", "error: the API server is paused already"},
		{"apiserver resume", "The API server runs again."},
		{"apiserver cut", "All connections were ended."},
		{"apiserver restore", "error: there is no snapshot"},
		{"apiserver snapshot", "The snapshot exists"},
		{"apiserver restore", "etcd has the content of its snapshot."},
		{"apiserver retsart", `error: unknown command "retsart" for "playground apiserver", did you mean restart?`},
		{"node kill", "error: playground node kill needs the name of a node"},
		{"node kill c", `error: no node "c"; there are: a, b`},
		{"node kill a", "Node a is dead"},
		{"node revive a", "Node a runs again."},
	} {
		if got := run(strings.Fields(tt.command)...); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
	}
	e, err := dir.Running()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send(t.Context(), e, order{Part: "node", Action: "paint"}); err == nil || !strings.Contains(err.Error(),
		"cannot paint the node") {
		t.Error(err)
	}
}

func TestOrdersOfStrangersAreRefused(t *testing.T) {
	t.Parallel()
	env := &controlled{binary: "usual", pid: 100}
	dir, _ := open(t, env)
	e, err := dir.Running()
	if err != nil {
		t.Fatal(err)
	}
	e.ControlToken = "guessed"
	if _, err := send(t.Context(), e, order{Part: "controller", Action: "stop"}); err == nil ||
		!strings.Contains(err.Error(), http.StatusText(http.StatusForbidden)) || env.pid != 100 {
		t.Errorf("%v, process %d", err, env.pid)
	}
}
