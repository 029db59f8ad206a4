package process

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// logged starts a child whose log has a line of a former one.
func logged(t *testing.T, script string) (p *Process, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("former\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start(Options{Path: "/bin/sh", Args: []string{"-c", script}, Env: os.Environ(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, log
}

func TestALogHasTheLinesOfItsChildFromTheLastOnesOn(t *testing.T) {
	t.Parallel()
	p, log := logged(t, "echo one; echo two; printf three")
	<-p.Done()
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\nlater\n"); err != nil {
		t.Fatal(err)
	}
	for lines, want := range map[int]string{-1: "one\ntwo\nthree", 0: "", 1: "three", 2: "two\nthree",
		3: "one\ntwo\nthree", 9: "one\ntwo\nthree"} {
		for _, follow := range []bool{false, true} { // the child has ended
			r, err := p.Log(t.Context(), follow, lines)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%d lines, follow %t: %q, %v; want %q", lines, follow, got, err, want)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestALogThatIsFollowedIsReadUntilItsChildOrItsReaderEnds(t *testing.T) {
	t.Parallel()
	// The child writes a line when it reads one.
	fifo := filepath.Join(t.TempDir(), "lines")
	p, _ := logged(t, "mkfifo "+fifo+"; echo one; while read line; do echo $line; done <"+fifo)
	r, err := p.Log(t.Context(), true, -1)
	if err != nil {
		t.Fatal(err)
	}
	read := bufio.NewScanner(r)
	next := func(want string) {
		t.Helper()
		if !read.Scan() || read.Text() != want {
			t.Fatalf("read %q, %v; want %q", read.Text(), read.Err(), want)
		}
	}
	next("one")
	ctx, cancel := context.WithCancel(t.Context())
	given, err := p.Log(ctx, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := given.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader that has ended: %v", err)
	}
	lines, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lines.WriteString("two\n"); err != nil {
		t.Fatal(err)
	}
	next("two")
	if err := lines.Close(); err != nil { // which ends the child
		t.Fatal(err)
	}
	if read.Scan() || read.Err() != nil {
		t.Errorf("behind the end: %q, %v", read.Text(), read.Err())
	}
}
