package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// computes has the test binary be a program that computes without looking up.
const computes = "LBC_TEST_COMPUTES"

// TestSignalEndsCommandThatComputes has the program in a plan of a huge object, as it were, when SIGTERM comes.
func TestSignalEndsCommandThatComputes(t *testing.T) {
	if os.Getenv(computes) != "" {
		_, stop := untilSignal()
		defer stop()
		fmt.Println("started")
		select {}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), computes+"=true")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if lines := bufio.NewScanner(out); !lines.Scan() || lines.Text() != "started" {
		t.Fatalf("the program says %q", lines.Text())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitSignal {
		t.Errorf("it ends with %v", err)
	}
}
