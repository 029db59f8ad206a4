package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

// thisProgram has this test binary run a control plane.
var thisProgram = []string{os.Args[0], "controlplane"}

func TestMain(m *testing.M) {
	if len(os.Args) == len(thisProgram) && os.Args[1] == thisProgram[1] {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestServeEndsWithItsInput(t *testing.T) {
	t.Parallel()
	if err := Serve(t.Context(), strings.NewReader(`{"ID":1,"Action":"cancel"}`), io.Discard); err != nil {
		t.Error(err)
	}
	if err := Serve(t.Context(), strings.NewReader("hello"), io.Discard); err == nil ||
		!strings.Contains(err.Error(), "read a request to the control plane") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never, _ := io.Pipe()
	if err := Serve(ctx, never, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestAFailedStartNamesThePartAndItsLog has a directory where a file is to be.
func TestAFailedStartNamesThePartAndItsLog(t *testing.T) {
	t.Parallel()
	for blocked, part := range map[string]string{"logs/etcd.log": "etcd", "audit-policy.yaml": "kube-apiserver"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, blocked), 0o700); err != nil {
				t.Fatal(err)
			}
			cp, err := controlplane.Start(t.Context(), controlplane.Options{Program: thisProgram, Dir: dir,
				Requests: filepath.Join(dir, "requests")})
			if err == nil {
				cp.Stop()
			}
			want := fmt.Sprintf("start %s (log %s", part, filepath.Join(dir, "logs"))
			if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(blocked)) {
				t.Errorf("the error is %v, want %q with %s", err, want, blocked)
			}
		})
	}
}
