// Package testbrowser drives a headless Chromium in tests of web pages: it navigates, runs scripts, and records errors
// and requests. Only tests import the package. It imports the standard library only.
package testbrowser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Browser is a headless Chromium that is driven by the DevTools protocol over a pair of pipes: it opens no port.
type Browser struct {
	testing.TB
	out     *os.File
	session string

	mu      sync.Mutex
	number  int
	answers map[int]chan reply
	events  []event
	ended   error
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

type event struct {
	Method string
	Params json.RawMessage
}

// limit is how long the browser may take for one thing.
const limit = 60 * time.Second

// Start starts a Chromium with one empty page; without one on this machine it skips the test.
func Start(t *testing.T) *Browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium on this machine: hack/install-chromium.sh installs it")
	}
	profile, err := os.MkdirTemp("", "lbc-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
		"--user-data-dir="+profile, "about:blank")
	theirIn, ourOut := pipe(os.Pipe())(t)
	ourIn, theirOut := pipe(os.Pipe())(t)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var noise bytes.Buffer
	cmd.Stderr = &noise
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	b := &Browser{TB: t, out: ourOut, answers: map[int]chan reply{}}
	var reading sync.WaitGroup
	reading.Go(func() { b.read(ourIn) })
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its own group: with all its helpers
		_ = cmd.Wait()
		_, _ = ourOut.Close(), ourIn.Close()
		reading.Wait()
		for end := time.Now().Add(limit); os.RemoveAll(profile) != nil && time.Now().Before(end); time.Sleep(
			10 * time.Millisecond) {
		}
		if t.Failed() {
			for line := range strings.Lines(noise.String()) {
				if !strings.Contains(line, "dbus") { // which servers do not have
					t.Log(strings.TrimSpace(line))
				}
			}
		}
	})
	var target struct{ TargetID string }
	b.Do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.Do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.Do(domain+".enable", nil, nil)
	}
	return b
}

func pipe(r, w *os.File, err error) func(*testing.T) (*os.File, *os.File) {
	return func(t *testing.T) (*os.File, *os.File) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	}
}

// read takes the browser's messages, each ended by a zero byte, until it is gone.
func (b *Browser) read(in io.Reader) {
	r := bufio.NewReader(in)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			b.ended = fmt.Errorf("the browser is gone: %w", err)
			for _, c := range b.answers {
				close(c)
			}
			b.answers = nil
			b.mu.Unlock()
			return
		}
		var m struct {
			ID int
			reply
			event
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.answers[m.ID]; c != nil {
			delete(b.answers, m.ID)
			c <- m.reply
		} else if m.Method != "" {
			b.events = append(b.events, m.event)
		}
		b.mu.Unlock()
	}
}

// Do calls a method of the protocol.
func (b *Browser) Do(method string, params map[string]any, into any) {
	b.Helper()
	if err := b.call(method, params, into); err != nil {
		b.Fatalf("%s: %v", method, err)
	}
}

func (b *Browser) call(method string, params map[string]any, into any) error {
	b.mu.Lock()
	if b.ended != nil {
		b.mu.Unlock()
		return b.ended
	}
	b.number++
	message := map[string]any{"id": b.number, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	answer := make(chan reply, 1)
	b.answers[b.number] = answer
	b.mu.Unlock()
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := b.out.Write(append(text, 0)); err != nil {
		return err
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return errors.New("the browser is gone")
		case r.Error != nil:
			return errors.New(r.Error.Message)
		case into != nil:
			return json.Unmarshal(r.Result, into)
		}
		return nil
	case <-late.C:
		return errors.New("no answer")
	}
}

// Eval runs a script in the page and reads its value.
func (b *Browser) Eval(script string, into any) {
	b.Helper()
	if err := b.tryEval(script, into); err != nil {
		b.Fatalf("%s: %v", script, err)
	}
}

func (b *Browser) tryEval(script string, into any) error {
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	err := b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true},
		&out)
	switch {
	case err != nil:
		return err
	case out.ExceptionDetails != nil:
		return errors.New(out.ExceptionDetails.Exception.Description)
	case into != nil:
		return json.Unmarshal(out.Result.Value, into)
	}
	return nil
}

// Until waits for a script to be true; while a page is loading it may fail.
func (b *Browser) Until(script string) {
	b.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		ok := false
		err := b.tryEval("Boolean("+script+")", &ok)
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			var text string
			b.Eval("document.body.innerText", &text)
			b.Fatalf("never true: %s (%v); the page shows:\n%s", script, err, text)
		}
	}
}

// Seen returns the events of a kind so far.
func (b *Browser) Seen(method string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for _, e := range b.events {
		if e.Method == method {
			found = append(found, string(e.Params))
		}
	}
	return found
}

// Scheme has the page shown in a colour scheme, light or dark.
func (b *Browser) Scheme(name string) {
	b.Helper()
	b.Do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// Press presses and releases a key, such as "ArrowDown".
func (b *Browser) Press(key string) {
	b.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.Do("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key,
			"windowsVirtualKeyCode": codes[key]}, nil)
	}
}

// codes are the numbers of keys, by which Chromium moves the focus.
var codes = map[string]int{"Tab": 9, "Enter": 13, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
	"ArrowRight": 39, "ArrowDown": 40}

// Contrast returns the texts that are shown with a contrast of less than 4.5 to what is behind them, and whether the
// page is dark.
func (b *Browser) Contrast() (poor []string, dark bool) {
	b.Helper()
	var seen struct {
		Dark bool
		Poor []string
	}
	b.Eval(`(() => {
		const luminance = (c) => c.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
		const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\)$/.test(c)) return c; } return "rgb(255, 255, 255)"; };
		const contrast = (e) => { const [a, b] = [luminance(getComputedStyle(e).color), luminance(behind(e))].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
		const texts = [...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility());
		return { Dark: luminance(behind(document.body)) < 0.2, Poor: texts.filter((e) => contrast(e) < 4.5).map((e) => e.tagName + " " + e.className + ": " + contrast(e).toFixed(2)) };
	})()`, &seen)
	return seen.Poor, seen.Dark
}
