package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/playground/state"
)

// withAccount is a playground of which only the account runs, and the command line for it.
func withAccount(t *testing.T) (sim *awssim.Simulator, run func(command string) string) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Clock: clock.NewScaled(1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	dir := state.Dir(filepath.Join(t.TempDir(), "state"))
	lock, err := dir.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lock.Release)
	if err := dir.Write(state.Endpoints{PID: os.Getpid(), Simulator: server.URL, Nodes: []string{"one", "two"}}); err !=
		nil {
		t.Fatal(err)
	}
	return sim, func(command string) string {
		var out bytes.Buffer
		root := newRoot()
		root.SetArgs(append([]string{"--state-dir", string(dir)}, strings.Fields(command)...))
		root.SetOut(&out)
		if err := root.ExecuteContext(t.Context()); err != nil {
			return "error: " + err.Error()
		}
		return out.String()
	}
}

func TestFaultsAreAddedListedAndCleared(t *testing.T) {
	t.Parallel()
	sim, run := withAccount(t)
	for _, tt := range []struct{ command, want string }{
		{"fault list", "There are no rules"},
		{"fault add CreateRule --error TooManyRules --times 2",
			`Rule fault-1: CreateRule is refused: TooManyRules, 2 times. "playground fault clear fault-1" ends it.`},
		{"fault add Describe* --kind throttled --probability 0.5 --id slow --latency 2s --for 1m",
			"Rule slow: Describe* takes 2s longer, is refused: throttled, by a chance of 0.5, for 1m0s."},
		{"fault add CreateRule", "error: say what happens to CreateRule: --error CODE, --kind "},
		{"fault add", "error: playground fault add needs an operation"},
		{"fault add CreateLoadBalncer --lose",
			`error: "CreateLoadBalncer" is not an operation of AWS that the controller calls: did you mean CreateLoadBalancer?`},
		{"fault add Paint --lose",
			`error: "Paint" is not an operation of AWS that the controller calls; if it exists, name its service`},
		{"fault add Paint --lose --service art", "Rule fault-2: Paint is cut after its effect."},
		{"fault add CreateRule --kind odd",
			`error: simulator: POST faults: 400 Bad Request: fault "": kind "odd" does not exist`},
		{"fault list", "RULE     OPERATION   APPLIED  EFFECT\nfault-1  CreateRule  0        is refused: " +
			"TooManyRules, 2 times\n"},
		{"fault list -o json", "[\n"},
		{"fault clear other", `error: there is no rule "other"; "playground fault list"`},
		{"fault clear slow", "Removed: slow"},
		{"fault clear", "There are no rules any more."},
	} {
		if got := run(tt.command); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
	}
	if left := sim.Gate.Faults(); len(left) > 0 {
		t.Errorf("left are %+v", left)
	}
}

func TestFaultsNameEveryOperationOfController(t *testing.T) {
	t.Parallel()
	names, err := operations()
	if err != nil {
		t.Fatal(err)
	}
	for name := range permission.Operations {
		if name == "DescribeUserPoolClient" || strings.Contains(name, "Regional") {
			continue // a permission without a call, and names that the controller gives to calls of an older API
		}
		if !slices.Contains(names, strings.TrimPrefix(name, "Global Accelerator ")) {
			t.Errorf("playground fault add does not know %s, which the controller calls", name)
		}
	}
}

func TestTheClockOfTheAccountIsMovedAndPaced(t *testing.T) {
	t.Parallel()
	sim, run := withAccount(t)
	before := sim.Account.Clock.Now()
	for _, tt := range []struct{ command, want string }{
		{"clock", "and runs as the machine's."},
		{"clock advance 36h", "and runs as the machine's."},
		{"clock advance -5m", "unknown shorthand flag"},
		{"clock advance soon", `error: "soon" is not a duration such as 5m or 36h`},
		{"clock scale 10", "and runs 10 times as fast as the machine's."},
		{"clock scale many", `error: "many" is not a number such as 10 or 0.5`},
		{"clock scale 1e9", "error: simulator: POST settings: 400 Bad Request: scale: 1e+09 is not between 0 and 1000"},
		{"clock scale 0", "and stands."},
		{"clock back", `error: unknown command "back" for "playground clock"`},
	} {
		if got := run(tt.command); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
	}
	if passed := sim.Account.Clock.Now().Sub(before); passed < 36*time.Hour {
		t.Errorf("%v have passed", passed)
	}
}

func TestCompletionHasTheNamesOfNodesAndRules(t *testing.T) {
	t.Parallel()
	_, run := withAccount(t)
	run("fault add CreateRule --lose --id mine")
	for command, want := range map[string]string{"__complete node kill x": "one\ntwo",
		"__complete fault clear m": "mine"} {
		if got := run(command); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}
