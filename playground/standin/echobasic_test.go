package standin

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

var echoBasic = EchoBasic{Identity: identity, Port: "3000", TLSPort: "8443"}

// loopback is a listener of the test.
func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// endsWithTest shuts a server down with the test.
func endsWithTest(t *testing.T, s Server) {
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx)
	})
}

// certificate is self-signed, for that name.
func certificate(t *testing.T, name string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTheConformanceImageAnswersWhatItsClientsCompare(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/a//b?x=1&delay=1ms", nil)
	r.Header.Set("X-Echo-Set-Header", "X-One:1, x-two:a,x-two:b")
	w := httptest.NewRecorder()
	echoBasic.Handler().ServeHTTP(w, r)
	var got Answer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Path != "/a//b?x=1&delay=1ms" || got.HTTPPort != "3000" || got.Pod != "web-1" || got.Namespace != "shop" ||
		got.TLS != nil {
		t.Errorf("%+v", got)
	}
	if h := map[string][]string(w.Header()); len(h["X-One"]) != 1 || h["X-One"][0] != "1" || len(h["x-two"]) != 1 ||
		h["x-two"][0] != "a,b" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	r = httptest.NewRequest(http.MethodGet, "/?delay=1m", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w = httptest.NewRecorder()
	echoBasic.Handler().ServeHTTP(w, r.WithContext(ctx))
	if w.Body.Len() != 0 {
		t.Errorf("the wait was not kept: %s", w.Body)
	}
}

func TestTheConformanceImageEchoesWebSocketMessages(t *testing.T) {
	t.Parallel()
	l := loopback(t)
	endsWithTest(t, echoBasic.ServeHTTP(l, nil))
	c, err := websocket.Dial("ws://"+l.Addr().String()+"/ws", "", "http://example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got string
	if err := websocket.Message.Send(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := websocket.Message.Receive(c, &got); err != nil || got != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheConformanceImageDescribesTheTLSConnection(t *testing.T) {
	t.Parallel()
	config, roots := certificate(t, "abc.example.com")
	l := loopback(t)
	endsWithTest(t, echoBasic.ServeHTTP(l, config))
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "abc.example.com"},
			ForceAttemptHTTP2: h2}
		resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("https://" + l.Addr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		var got Answer
		err = json.NewDecoder(resp.Body).Decode(&got)
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if err != nil || got.TLS == nil || got.TLS.ServerName != "abc.example.com" || got.TLS.Version != "TLSv1.3" ||
			(got.Proto == "HTTP/2.0") != h2 {
			t.Errorf("%+v %+v, %v", got, got.TLS, err)
		}
	}
}

func TestThePortForHTTP2WithoutTLSRefusesHTTP1(t *testing.T) {
	t.Parallel()
	l := loopback(t)
	endsWithTest(t, echoBasic.ServeH2C(l))
	for _, h2 := range []bool{false, true} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!h2)
		protocols.SetUnencryptedHTTP2(h2)
		transport := &http.Transport{Protocols: protocols}
		resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("http://" + l.Addr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if (resp.StatusCode == http.StatusOK) != h2 {
			t.Errorf("HTTP/2 %t: %s", h2, resp.Status)
		}
	}
}

func TestTheConformanceImagesTCPServerSpeaksItsProtocol(t *testing.T) {
	t.Parallel()
	config, roots := certificate(t, "abc.example.com")
	for _, secure := range []bool{false, true} {
		l := loopback(t)
		var served *tls.Config
		if secure {
			served = config
		}
		endsWithTest(t, echoBasic.ServeTCP(l, served))
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if secure {
			c = tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "abc.example.com"})
		}
		if _, err := io.WriteString(c, "PING\nIS_TLS\nunknown\nTEST\n"); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(c)
		for _, want := range []string{"Gateway API Test TCP Server", "PONG", fmt.Sprint(secure), `"pod":"web-1"`} {
			if !lines.Scan() || !strings.Contains(lines.Text(), want) {
				t.Errorf("TLS %t: %q, want %q", secure, lines.Text(), want)
			}
		}
		if got := lines.Text(); strings.Contains(got, `"serverName":"abc.example.com"`) != secure ||
			!strings.Contains(got, `"tcpport":"3000"`) {
			t.Errorf("TLS %t: %s", secure, got)
		}
		_ = c.Close()
	}
}

func TestStandinAnswersEachDatagram(t *testing.T) {
	t.Parallel()
	const query = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"
	for name, c := range map[string]struct {
		serve      func(net.PacketConn) Server
		sent, want string
	}{
		"UDP": {echoBasic.ServeUDP, "hello",
			`{"request":"hello","namespace":"shop","ingress":"","service":"web","pod":"web-1"}`},
		"DNS": {ServeDNS, query, "\x12\x34\x81" + query[3:]},
	} {
		p, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		endsWithTest(t, c.serve(p))
		client, err := net.Dial("udp", p.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(client, c.sent); err != nil {
			t.Fatal(err)
		}
		_ = client.SetReadDeadline(time.Now().Add(time.Minute))
		answer := make([]byte, 1500)
		if n, err := client.Read(answer); err != nil || string(answer[:n]) != c.want {
			t.Errorf("%s: %q, want %q, %v", name, answer[:n], c.want, err)
		}
		_ = client.Close()
	}
}
