package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/report"
	"github.com/k8s-lbc/lbc/playground/trial"
)

var (
	errNoAddress = errors.New("no address yet")
	errNoEvent   = errors.New("no such event yet")
)

// WaitFor repeats f until it returns nil. After Timeout it fails the test with f's last error, the Warning events, the
// end of the controller's log and the account's resources.
func (c *Cluster) WaitFor(t testing.TB, what string, f func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	began := time.Now()
	err := trial.Repeat(ctx, c.failed, f)
	switch {
	case err != nil && ctx.Err() == nil:
		t.Fatalf("%s: %v", what, err)
	case err != nil:
		t.Fatalf("waited %v for %s: %v\n%s", time.Since(began).Round(time.Second), what, err,
			c.Report(context.WithoutCancel(ctx)))
	}
}

// Journal returns what reads the controller's log from now on.
func (c *Cluster) Journal(t testing.TB) func() string {
	t.Helper()
	path := c.Env.LogPath("controller")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(content[min(int(info.Size()), len(content)):])
	}
}

// Report is what helps to understand a failure: Warning events, the end of the controller's log, and the account.
func (c *Cluster) Report(ctx context.Context) string {
	var b bytes.Buffer
	b.WriteString(c.trial.Report(ctx))
	b.WriteString("AWS:\n")
	endpoints, err := c.Env.Endpoints(ctx)
	if err == nil {
		err = report.Resources(&b, c.Simulator.Resources(), endpoints)
	}
	if err != nil {
		fmt.Fprintln(&b, err) // a buffer takes everything
	}
	return b.String()
}
