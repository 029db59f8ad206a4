package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
)

// asController makes the binary of the tests the controller.
const asController = "LBC_TEST_AS_CONTROLLER"

func TestMain(m *testing.M) {
	switch os.Getenv(asController) {
	case "":
		os.Exit(m.Run())
	case "panic":
		func() {
			defer panicked()
			panic("on purpose")
		}()
	default:
		main()
	}
}

// runController runs the controller until it ends, and returns the lines of its standard error and its exit status. If
// it is to live, it is ended after that time, but not before it has logged a text.
func runController(t *testing.T, mode string, lives time.Duration, text string, env []string, args ...string) (
	lines []string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.WaitDelay = 20 * time.Second
	stderr := &watched{text: text, found: make(chan struct{})}
	cmd.Stderr, cmd.Env = stderr, append(append(os.Environ(), asController+"="+mode), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if lives > 0 {
		enough := time.After(lives)
		go func() {
			<-enough
			select {
			case <-stderr.found:
				_ = cmd.Process.Signal(syscall.SIGTERM)
			case <-ctx.Done():
			}
		}()
	}
	err := cmd.Wait()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(stderr.all.String()), "\n"), cmd.ProcessState.ExitCode()
}

// watched keeps what is written, and closes found once that has a text.
type watched struct {
	all   bytes.Buffer
	text  string
	found chan struct{}
	once  sync.Once
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.all.Write(p)
	if strings.Contains(w.all.String(), w.text) {
		w.once.Do(func() { close(w.found) })
	}
	return n, err
}

// kubeconfig is a file with the address of an API server.
func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text :=
		`{"apiVersion": "v1", "kind": "Config", "current-context": "x", "clusters": [{"name": "x", "cluster": {"server": "` +
			server +
			`"}}], "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}], "users": [{"name": "x", "user": {}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEachLineOfTheLogIsJSON starts the controller in ways that fail.
func TestEachLineOfTheLogIsJSON(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.NotFoundHandler()) // an API server, and a metadata service, without anything
	t.Cleanup(refusing.Close)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	none := []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nonexistent",
		"AWS_SHARED_CREDENTIALS_FILE=/nonexistent"}
	metadata := []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + refusing.URL, "AWS_CONFIG_FILE=/nonexistent",
		"AWS_SHARED_CREDENTIALS_FILE=/nonexistent"}
	common := []string{"--cluster-name=x", "--health-probe-bind-addr=127.0.0.1:0", "--metrics-bind-addr=127.0.0.1:0",
		"--enable-leader-election=false", "--log-level=debug"}
	for name, x := range map[string]struct {
		mode   string
		lives  time.Duration
		env    []string
		args   []string
		status int
		text   string // in one of the lines
	}{
		"an unknown flag":           {status: 2, args: []string{"--nonsense"}, text: "unknown flag"},
		"a flag with a wrong value": {status: 1, args: []string{"--cluster-name="}, text: "cluster-name"},
		"a kubeconfig that is away": {status: 1, env: none, args: append(common, "--kubeconfig=/nonexistent"),
			text: "/nonexistent"},
		"an address that is taken": {status: 1, env: none,
			args: append(common, "--kubeconfig="+kubeconfig(t, "http://127.0.0.1:1"), "--metrics-bind-addr="+
				taken.Addr().String()), text: "address already in use"},
		"no API server and no region": {lives: 3 * time.Second, env: none,
			args: append(common, "--kubeconfig="+kubeconfig(t, "https://127.0.0.1:1")), text: "degraded"},
		"an API server without kinds": {lives: 3 * time.Second, env: metadata,
			args: append(common, "--kubeconfig="+kubeconfig(t, refusing.URL), "--aws-region=eu-west-1"), text: "IMDSv1"},
		"a panic": {mode: "panic", status: 2, text: "on purpose"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mode := x.mode
			if mode == "" {
				mode = "main"
			}
			lines, status := runController(t, mode, x.lives, x.text, x.env, x.args...)
			if status != x.status {
				t.Errorf("exit status %d, want %d", status, x.status)
			}
			found := false
			for _, line := range lines {
				var content struct{ Level, Msg string }
				if err := json.Unmarshal([]byte(line), &content); err != nil || content.Level == "" || content.Msg == "" {
					t.Errorf("no JSON with level and msg: %s", line)
				}
				found = found || strings.Contains(line, x.text)
			}
			if !found {
				t.Errorf("no line has %q:\n%s", x.text, strings.Join(lines, "\n"))
			}
		})
	}
}

func TestFailedHandshakesAreLoggedAtDebug(t *testing.T) {
	t.Parallel()
	var got []string
	w := lines{funcr.New(func(_, args string) { got = append(got, args) }, funcr.Options{Verbosity: 0})}
	l := stdlog.New(w, "", 0)
	l.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	l.Print("http: panic serving 192.0.2.1:1: x")
	if len(got) != 1 || !strings.Contains(got[0], "panic serving") {
		t.Errorf("%q", got)
	}
}
