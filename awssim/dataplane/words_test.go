package dataplane_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestMalformedRequestIsAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Attributes = bucket("access_logs")
	w.update()
	w.await("10.0.1.5", "healthy")
	requests := []string{
		"GET /1 HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET /2 HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET /3 HTTP/1.1\r\nHost: \xe4\r\n\r\n",
		"GET http://[::1/4 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://a/5?%zz%/ HTTP/1.0\r\nHost: a?\r\n\r\n",
		"CONNECT a:b HTTP/1.1\r\nHost: a\r\n\r\n",
	}
	for _, r := range requests {
		c := w.raw()
		c.send(r)
		if a := c.receive("GET"); a.Status != "400 Bad Request" || a.Header.Get("Server") != "awselb/2.0" ||
			!strings.Contains(a.body, "<center><h1>400 Bad Request</h1></center>") || !c.ended() {
			t.Errorf("%q: %s, %v, %q", r, a.Status, a.Header, a.body)
		}
	}
	for _, host := range []string{"a_b~c.example.com", "[2001:db8::1]:80", "a:80", "x!$&'()*+,;=%41"} {
		c := w.raw()
		c.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		if a := c.receive("GET"); a.StatusCode != http.StatusOK {
			t.Errorf("host %q: %s", host, a.Status)
		}
	}
	w.plane.Close()
	var logged []string
	for _, line := range lines("123456789012_") {
		if f := fieldsOf(line); f[8] == "400" {
			logged = append(logged, f[12])
		}
	}
	if len(logged) != len(requests) {
		t.Errorf("%d requests of %d are logged: %q", len(logged), len(requests), logged)
	}
	for i, want := range []string{"GET http://a b:80/1 HTTP/1.1", "GET http://a/b:80/2 HTTP/1.1"} {
		if !slices.Contains(logged, want) {
			t.Errorf("%q is not logged as %q: %q", requests[i], want, logged)
		}
	}
}

func TestATargetsWordsForItsStatusReachTheClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := netip.MustParseAddr("10.0.1.5")
	w.network.AddAddress(address)
	l, err := w.network.ListenTCP(address, 8080)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w.pods.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.pods.Go(func() { sendStatus(c) })
		}
	})
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.raw()
	for _, tt := range []struct{ said, want string }{
		{"200 OK", "200 OK"},
		{"200 Fine, thank you", "200 Fine, thank you"},
		{"299 Nearly", "299 Nearly"},
		{"404 ", "404 "},
		{"404", "404 "},
		{"500 Out of \x01tea", "500 Internal Server Error"}, // what would not be a status line is not passed on
		{"503 Service Unavailable", "503 Service Unavailable"},
		{"200 Again", "200 Again"},
	} {
		c.send("GET /" + strings.NewReplacer(" ", "+", "\x01", "%01").Replace(tt.said) + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := c.receive("GET"); a.Status != tt.want || a.body != "body" {
			t.Errorf("%q: got %q, %q; want %q", tt.said, a.Status, a.body, tt.want)
		}
	}
	if a := w.get(w.client(), "http://web-1.us-west-2.elb.amazonaws.com/nothing"); a.StatusCode != http.StatusBadGateway ||
		a.Status != "502 Bad Gateway" {
		t.Errorf("a status line without status: %s", a.Status)
	}
	for _, status := range []string{"099 Low", "000 None"} {
		c.send("GET /" + strings.ReplaceAll(status, " ", "+") + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := c.receive("GET"); a.Status != "502 Bad Gateway" {
			t.Errorf("%q: got %q", status, a.Status)
		}
	}
}

// sendStatus answers each request with the status line of its path, with spaces for plus signs.
func sendStatus(c net.Conn) {
	defer func() { _ = c.Close() }()
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		status := strings.NewReplacer("+", " ", "%01", "\x01").Replace(strings.TrimPrefix(r.RequestURI, "/"))
		if status == "" {
			status = "200 Checked"
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Length: 4\r\n\r\nbody", status); err != nil {
			return
		}
	}
}
