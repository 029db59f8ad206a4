package dataplane_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestBodiesAreStreamedAndChunksStayChunks(t *testing.T) {
	t.Parallel()
	seen := make(chan string)
	w := plainWeb(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		seen <- fmt.Sprintf("%v %d %s", r.TransferEncoding, r.ContentLength, r.Header.Get("Content-Encoding"))
		_ = http.NewResponseController(rw).EnableFullDuplex()
		rw.Header().Set("Content-Encoding", "br")
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(rw, strings.ToUpper(line))
			_ = http.NewResponseController(rw).Flush()
		}
	}), nil)
	up, body := io.Pipe()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/", up)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "gzip")
	answers := make(chan *http.Response, 1)
	c := w.client()
	w.pods.Go(func() {
		res, err := c.Do(req)
		if err != nil {
			t.Error(err)
			close(answers)
			return
		}
		answers <- res
	})
	_, _ = io.WriteString(body, "one\n")
	if got := <-seen; got != "[chunked] -1 gzip" {
		t.Errorf("the target sees %s", got)
	}
	res, ok := <-answers
	if !ok {
		return
	}
	defer func() { _ = res.Body.Close() }()
	in := bufio.NewReader(res.Body)
	for _, line := range []string{"ONE\n", "TWO\n", "THREE\n"} { // each before the next is sent
		if got, err := in.ReadString('\n'); got != line {
			t.Fatalf("%q, %v, want %q", got, err, line)
		}
		switch line {
		case "ONE\n":
			_, _ = io.WriteString(body, "two\n")
		case "TWO\n":
			_, _ = io.WriteString(body, "three\n")
		}
	}
	_ = body.Close()
	if rest, err := io.ReadAll(in); len(rest) != 0 || err != nil || fmt.Sprint(res.TransferEncoding) != "[chunked]" ||
		res.Header.Get("Content-Encoding") != "br" {
		t.Errorf("%q, %v, %v %v", rest, err, res.TransferEncoding, res.Header)
	}
}

func TestClientsShareTheConnectionsToATarget(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	seen := map[string]bool{}
	for range 5 {
		seen[w.get(w.fresh(), base+"/").echo(t).Remote] = true
	}
	if len(seen) > 2 { // one for each node
		t.Errorf("five clients one after the other took the connections %v", seen)
	}
}

func TestAnAnswerHasTheLoadBalancersConnectionAndTheTargetsDate(t *testing.T) {
	t.Parallel()
	const date = "Wed, 21 Oct 2015 07:28:00 GMT"
	w := plainWeb(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "X-Private")
		rw.Header().Set("X-Private", "1")
		rw.Header().Set("Keep-Alive", "timeout=5")
		rw.Header()["Date"] = nil
		if r.URL.Path == "/dated" {
			rw.Header().Set("Date", date)
		}
	}), nil)
	c := w.raw()
	for _, path := range []string{"/", "/dated"} {
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		a := c.receive("GET")
		if got := a.Header["Connection"]; len(got) != 1 || got[0] != "keep-alive" || a.Header.Get("Keep-Alive") != "" ||
			a.Header.Get("X-Private") != "" {
			t.Errorf("%s: %v", path, a.Header)
		}
		if got := a.Header.Get("Date"); got == "" || (got == date) != (path == "/dated") {
			t.Errorf("%s: Date %q", path, got)
		}
	}
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if a := c.receive("GET"); !a.Close || !c.ended() {
		t.Errorf("asked to close: %v", a.Header)
	}
}

func TestAnIdleTunnelEnds(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		c, rest, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(c, rest)
	}), map[string]string{"idle_timeout.timeout_seconds": "3"})
	c := w.raw()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if res, err := http.ReadResponse(c.in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(err)
	}
	begun := time.Now()
	c.send("hello\n")
	if line, err := c.in.ReadString('\n'); line != "hello\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := c.in.ReadByte(); err == nil || isTimeout(err) {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestARoundOfTargetsIsEachNodesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", nil, echoes, "10.0.1.5", "10.0.1.6")
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	c := &http.Client{Transport: &http.Transport{DialContext: w.from("10.0.9.9"), DisableKeepAlives: true}}
	order := map[int]string{}
	for range 4 { // a node that answered one client does not skip a target for another node's
		for i, z := range lb.Zones {
			order[i] += w.get(c, fmt.Sprintf("http://%s/", z.Private)).echo(t).Pod[7:]
		}
	}
	if order[0] != order[1] || order[0] != "6565" && order[0] != "5656" {
		t.Errorf("the nodes went %v, want each target in turn at each", order)
	}
}

func TestTheHeadOfAStreamDoesNotWaitForItsFirstBytes(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	w := plainWeb(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(rw).Flush()
		if r.URL.Path == "/events" {
			<-end
		}
	}), nil)
	release := sync.OnceFunc(func() { close(end) })
	defer release()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Second, release)
	res, err := w.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if !late.Stop() {
		t.Error("the client got nothing before the stream ended")
	}
	release()
	if err := res.Body.Close(); err != nil || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v, %v", res.Header, err)
	}
}
