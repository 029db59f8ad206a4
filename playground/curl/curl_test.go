package curl

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

const name = "k8s-shop-web-1234.us-west-2.elb.amazonaws.com"

// balancer is a fake load balancer: port 80 and 443 are on free ports, as for users who may not bind real ones.
func balancer(t *testing.T) (Endpoints, []byte) {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/home", http.StatusMovedPermanently)
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, strings.Join([]string{r.Method, r.Host, r.URL.Path, r.Header.Get("X-A"), string(body)}, " "))
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	at := func(s *httptest.Server) netip.AddrPort { return netip.MustParseAddrPort(s.Listener.Addr().String()) }
	endpoints := func(context.Context) ([]simclient.Endpoint, error) {
		return []simclient.Endpoint{{
			DNSName: strings.ToUpper(name), Address: netip.MustParseAddr("127.0.0.1"),
			Listeners: []simclient.ListenerAddr{{Port: 80, Protocol: "HTTP", Address: at(plain)}, {Port: 443, Protocol: "HTTPS",
				Address: at(secure)}},
		}}, nil
	}
	return endpoints, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
}

func TestRunSendsTheRequestOfTheFlags(t *testing.T) {
	t.Parallel()
	endpoints, ca := balancer(t)
	for title, c := range map[string]struct {
		options Options
		url     string
		want    string
		code    int
	}{
		"plain": {url: name + "/x", want: "GET " + name + " /x"},
		"host header": {options: Options{Headers: []string{"Host: shop.example.com", "X-A: 1"}}, url: "http://" +
			name, want: "GET shop.example.com / 1"},
		"data": {options: Options{Data: []string{"a=1", "b=2"}}, url: name, want: "POST " + name +
			" /  a=1&b=2"},
		"method":              {options: Options{Method: "DELETE"}, url: name, want: "DELETE"},
		"status and headers":  {options: Options{Include: true}, url: name + "/missing", want: "HTTP/1.1 404 Not Found"},
		"redirect is printed": {options: Options{Include: true}, url: name + "/away", want: "Location: /home"},
		"redirect followed":   {options: Options{Follow: true}, url: name + "/away", want: "GET " + name + " /home"},
		"write-out":           {options: Options{WriteOut: `%{http_code}\n`}, url: name + "/missing", want: "404\n"},
		"resolve to a load balancer": {
			options: Options{Resolve: []string{"example.com:443:" + name}}, url: "https://example.com/s",
			want: "GET example.com /s",
		},
		"connect to a load balancer": {
			options: Options{ConnectTo: []string{"::" + name + ":80"}}, url: "http://shop.example.com:81/",
			want: "GET shop.example.com:81 /",
		},
		"foreign certificate": {url: "https://" + name + "/", code: 60},
		"not verified":        {options: Options{Insecure: true}, url: "https://" + name + "/s", want: "GET " + name + " /s"},
		"fail":                {options: Options{Fail: true}, url: name + "/missing", code: 22},
		"unknown name":        {url: "nobody.us-west-2.elb.amazonaws.com", code: 6},
		"malformed header":    {options: Options{Headers: []string{"nonsense"}}, url: name, code: 2},
		"malformed resolve":   {options: Options{Resolve: []string{"nonsense"}}, url: name, code: 2},
	} {
		var out, errOut bytes.Buffer
		err := Run(context.Background(), Simulator{endpoints, ca}, c.options, c.url, Streams{&out, &errOut})
		var exit *ExitError
		code := 0
		if errors.As(err, &exit) {
			code = exit.Code
		}
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: got %d (%v) %q, want %d %q", title, code, err, out.String(), c.code, c.want)
		}
	}
}

func TestVerbosePrintsRequestAndAnswer(t *testing.T) {
	t.Parallel()
	endpoints, ca := balancer(t)
	var out, errOut bytes.Buffer
	if err := Run(context.Background(), Simulator{endpoints, ca}, Options{Verbose: true, Insecure: true}, "https://"+name,
		Streams{&out, &errOut}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"* Connected to 127.0.0.1:", "* TLS 1.3", "> ", "< HTTP/"} {
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("no %q in\n%s", want, errOut.String())
		}
	}
}

func TestFailuresToConnectNameWhatThereIsInstead(t *testing.T) {
	t.Parallel()
	endpoints, _ := balancer(t)
	for target, want := range map[string]string{
		"shop.example.com": "curl: (6) could not resolve host shop.example.com: only the names of " +
			"simulated load balancers are known; to reach one under this name, add --connect-to ::NAME-OF-THE-LOAD-BALANCER:",
		"nobody.us-west-2.elb.amazonaws.com": "no active load balancer of the simulated account has this name",
		name + ":9": "curl: (7) the load balancer has no listener at port 9, but HTTP " +
			"80, HTTPS 443: ",
	} {
		err := Run(context.Background(), Simulator{endpoints, nil}, Options{}, target, Streams{io.Discard, io.Discard})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", target, err, want)
		}
	}
}

func TestAPortWithoutListenerIsRefused(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(closed.Addr().String())
	endpoints, _ := balancer(t)
	if got, err := endpoints.Locate(context.Background(), net.JoinHostPort(name, port)); err != nil ||
		got != closed.Addr().String() {
		t.Errorf("got %s, %v", got, err)
	}
	_ = closed.Close()
}
