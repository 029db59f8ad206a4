// Package doctor shows end to end that lbc doctor finds each trouble that a cluster or account is in, and none in a
// healthy playground. Troubles of one object are made side by side; those of the whole cluster or account, one after
// the other before them.
package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) {
	harness.Parallel(6)
	harness.Main(m)
}

// served is a namespace with an Ingress that is well, for all tests.
const served = "well"

// well is whether that is served. A test that fails before leaves it to the next one.
var well struct {
	sync.Mutex
	served bool
}

// cluster is the playground with the namespace that is well.
func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	c := harness.Start(t, harness.Options{})
	well.Lock()
	defer well.Unlock()
	if !well.served {
		scene.Change(t, c, scene.Patient(scene.Namespace(served, 2))+scene.Ingress(served, "web", scene.Class,
			scene.Annotations{
				"scheme": "internet-facing", "target-type": "ip",
				"target-group-attributes": "deregistration_delay.timeout_seconds=0",
			}))
		host := c.IngressAddress(t, served, "web")
		c.WaitGet(t, "http://"+host+"/", "", 200, "")
		c.WaitHealthy(t, c.LoadBalancer(t, host))
		well.served = true
	}
	return c
}

// report is what is read of the JSON of a report.
type report struct {
	Healthy                 bool
	Errors, Warnings, Notes int
	Cluster                 string
	Region, VPC, Account    string
	Findings                []finding
	Checks                  []struct{ Check, Status, Reason string }
}

type finding struct {
	Reason, Severity, Object, Message, Remedy string
	Evidence                                  []string
}

func (f finding) String() string {
	return fmt.Sprintf("%s %s: %s: %s %q → %s", f.Severity, f.Reason, f.Object, f.Message, f.Evidence, f.Remedy)
}

// unnamed as an argument leaves the name of the cluster to be found.
const unnamed = ""

// run runs lbc doctor against the cluster and its account. Arguments that are given replace the usual ones.
func run(t *testing.T, c *harness.Cluster, env []string, args ...string) (out, errOut string, status int) {
	t.Helper()
	binary := filepath.Join(string(c.Repo), "bin", "lbc")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	seeded := c.Simulator.Seed()
	usual := []string{"doctor", "--kubeconfig", c.Env.Kubeconfig}
	if !slices.Contains(args, unnamed) {
		usual = append(usual, "--cluster-name", seeded.Cluster.Name)
	}
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == unnamed })
	cmd := exec.CommandContext(t.Context(), binary, append(usual, args...)...)
	cmd.Env = append(c.Environ(), env...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// examine runs lbc doctor and returns its report.
func examine(t *testing.T, c *harness.Cluster, env []string, args ...string) (r report, status int) {
	t.Helper()
	out, errOut, status := run(t, c, env, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: status %d\n%s\n%s", err, status, out, errOut)
	}
	return r, status
}

// trouble is what a check is to find.
type trouble struct {
	check, severity, object string // the finding; object is a part of it
	evidence                string // a part of its text or evidence; empty = any
	env, args               []string
}

// found waits until lbc doctor finds a trouble, and returns the finding.
func found(t *testing.T, c *harness.Cluster, x trouble) (got finding) {
	t.Helper()
	args := x.args
	if x.check != "unreadable" {
		args = append([]string{"--check", x.check}, args...)
	}
	wait(t, c, func() error {
		r, status := examine(t, c, x.env, args...)
		want := map[string]int{"error": 2, "warning": 4, "note": 0}[x.severity]
		for _, f := range r.Findings {
			if f.Reason != x.check || !strings.Contains(f.Object, x.object) ||
				!strings.Contains(f.Message+strings.Join(f.Evidence, "\n"), x.evidence) {
				continue
			}
			othersToo := status == 2 && r.Errors > 0 || status == 4 && r.Warnings > 0
			if f.Severity != x.severity || f.Remedy == "" || status != want && !othersToo {
				return fmt.Errorf("status %d, %s", status, f)
			}
			got = f
			return nil
		}
		return fmt.Errorf("it has %v %v", r.Findings, r.Checks)
	})
	t.Log(got)
	return got
}

// wait repeats f until it returns nil: AWS and the controller are awaited, too.
func wait(t *testing.T, c *harness.Cluster, f func() error) {
	t.Helper()
	c.WaitFor(t, "what the report is to have", func(context.Context) error { return f() })
}

// gone checks that a trouble is not found any more.
func gone(t *testing.T, c *harness.Cluster, x trouble) {
	t.Helper()
	wait(t, c, func() error {
		r, _ := examine(t, c, x.env, append([]string{"--check", x.check}, x.args...)...)
		for _, f := range r.Findings {
			if strings.Contains(f.Object, x.object) {
				return fmt.Errorf("it has %s", f)
			}
		}
		return nil
	})
}

// TestAHealthyPlaygroundIsGreen shows that lbc doctor reports no finding for a live cluster and
// account that are healthy. It is the first test: nothing has been in trouble yet.
func TestAHealthyPlaygroundIsGreen(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	began := time.Now()
	r, status := examine(t, c, nil)
	took := time.Since(began)
	t.Logf("it takes %s: %d checks", took, len(r.Checks))
	if status != 0 || !r.Healthy || len(r.Findings) > 0 {
		t.Errorf("status %d: %v", status, r.Findings)
	}
	for _, x := range r.Checks {
		if x.Status != "passed" && x.Status != "skipped" {
			t.Errorf("%v", x)
		}
		t.Log(x)
	}
	if seeded := c.Simulator.Seed(); r.Region != seeded.Region || r.VPC != seeded.VPC.ID || r.Account != seeded.Account {
		t.Errorf("%+v", r)
	}
	if out, _, status := run(t, c, nil); status != 0 || !strings.Contains(out, "0 errors, 0 warnings, 0 notes") {
		t.Errorf("status %d\n%s", status, out)
	}
}
