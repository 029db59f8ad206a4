// Package clitest is only tests: AWS's own command line against the simulator, as an independent witness that the wire
// formats, signatures, errors, pages and waiters are AWS's and not merely those of Go's SDK. It may import all of
// awssim.
package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long all commands of a test may take on a machine that does much else.
const patience = 5 * time.Minute

// python is the Python that has AWS's command line. Without it the test is skipped.
func python(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/awspython")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("AWS's command line is not installed: hack/install-awscli.sh installs it")
	}
	return path
}

// prompt runs command lines one after the other in one process, as starting Python and reading AWS's models takes a
// second each time. A line in and out is JSON: the words, then what was printed and complained about.
const prompt = `
import io, json, sys
from awscli.clidriver import create_clidriver
driver = create_clidriver()
for line in sys.stdin:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    terminal = sys.stdout
    sys.stdout, sys.stderr = out, err
    try:
        status = driver.main(json.loads(line))
    except SystemExit as e:
        status = e.code
    finally:
        sys.stdout, sys.stderr = terminal, sys.__stderr__
    print(json.dumps({"status": status, "out": out.buffer.getvalue().decode(), "errors": err.buffer.getvalue().decode()}), flush=True)
`

// terminal is where commands are typed: a simulated account, whose clock only steps advance, and what was remembered so
// far.
type terminal struct {
	*awssim.Simulator
	clock *clock.Stepped
	dir   string // of files that commands read
	names map[string]string
	in    *json.Encoder
	out   *json.Decoder
}

// open starts a simulator that verifies signatures and enforces policies, and a terminal for its administrator.
func open(t *testing.T) *terminal {
	t.Helper()
	path := python(t)
	c := clock.NewStepped(time.Now())
	sim, err := awssim.New(awssim.Options{Clock: c, Profile: account.Real(), Verify: true, Enforce: true, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	x := &terminal{Simulator: sim, clock: c, dir: t.TempDir(), names: map[string]string{"endpoint": server.URL}}
	admin := sim.Seed().IAM.Users[0].Keys[0]
	x.start(t, path, admin.ID, admin.Secret)
	return x
}

// start starts a process that takes command lines with those credentials.
func (x *terminal) start(t *testing.T, path, id, secret string) {
	t.Helper()
	x.run(t, path, id, secret, prompt)
}

// run starts a program of Python's with those credentials.
func (x *terminal) run(t *testing.T, path, id, secret string, program ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, append([]string{"-c"}, program...)...)
	cmd.Dir = x.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + x.dir, "LC_ALL=C.UTF-8",
		"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_DEFAULT_REGION=" + x.Account.Region,
		"AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends the process
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, complaints.String())
		}
	})
	x.in, x.out = json.NewEncoder(in), json.NewDecoder(out)
}

var placeholder = regexp.MustCompile(`\{([\w-]+)\}`)

// fill puts remembered values in the place of their {names}.
func (x *terminal) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if v, ok := x.names[p[1:len(p)-1]]; ok {
			return v
		}
		return p
	})
}

// typed runs a command line, without quotes or escapes: words end at spaces. It returns what was printed and complained
// about.
func (x *terminal) typed(t *testing.T, command string) (out, errors string) {
	t.Helper()
	args := append(strings.Fields(x.fill(command)), "--endpoint-url", x.names["endpoint"])
	if !slices.Contains(args, "--output") {
		args = append(args, "--output", "text")
	}
	var done struct {
		Status      int
		Out, Errors string
	}
	if err := x.in.Encode(args); err != nil {
		t.Fatalf("aws %s: %v", command, err)
	}
	if err := x.out.Decode(&done); err != nil {
		t.Fatalf("aws %s: %v", command, err)
	}
	if (done.Status == 0) != (done.Errors == "") {
		t.Errorf("aws %s ends with %d and complains: %q", command, done.Status, done.Errors)
	}
	return strings.TrimSpace(done.Out), strings.TrimSpace(done.Errors)
}

// step is one command. Of what it prints, keep is a name for all, want is expected, and code is the error expected.
type step struct {
	command string
	keep    string
	want    string // an expression; of errors, of the message
	code    string
	before  func(x *terminal)
}

func (x *terminal) do(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		if s.before != nil {
			s.before(x)
		}
		out, errs := x.typed(t, s.command)
		switch {
		case s.code == "" && errs != "":
			t.Fatalf("aws %s\n%s", s.command, errs)
		case s.code != "" && !strings.Contains(errs, "An error occurred ("+s.code+") when calling the"):
			t.Errorf("aws %s\ngot %s %s\nwant %s", s.command, out, errs, s.code)
		}
		if s.keep != "" {
			x.names[s.keep] = out
		}
		if s.want != "" && !regexp.MustCompile("^(?s:"+x.fill(s.want)+")$").MatchString(
			strings.ReplaceAll(out, "\t", " ")+errs) {
			t.Errorf("aws %s\ngot  %s%s\nwant %s", s.command, out, errs, x.fill(s.want))
		}
	}
}

// later lets time pass in the account.
func later(d time.Duration) func(*terminal) { return func(x *terminal) { x.clock.Advance(d) } }
